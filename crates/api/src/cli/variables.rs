use std::collections::BTreeSet;

use clap::Command;

use crate::failure::Failure;

/// What our variables begin with.
const PREFIX: &str = "PASSGATE_";

/// What those of the test suite begin with, which are no settings.
const OF_TESTS: &str = "PASSGATE_TEST_";

/// Whether Kubernetes sets this in every container beside a service of the name "passgate", or Docker beside a
/// container of the name: `PASSGATE_PORT=9000`, which looks like theirs, was meant for us.
fn is_of_a_service(name: &str, value: &str) -> bool {
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    let Some(of_service) = name.strip_prefix("PASSGATE_SERVICE_") else {
        let Some(rest) = name.strip_prefix("PASSGATE_PORT") else {
            return false;
        };
        // PASSGATE_PORT_8000_TCP, and then _PROTO, _PORT or _ADDR.
        let port = rest
            .strip_prefix('_')
            .and_then(|rest| rest.split('_').next());
        return match port {
            None => rest.is_empty() && is_url,
            Some(port) => port.parse::<u16>().is_ok(),
        };
    };
    // PASSGATE_SERVICE_PORT_HTTP where the port has a name.
    of_service == "HOST" || of_service == "PORT" || of_service.starts_with("PORT_")
}

/// Refuses a variable that looks like a setting and is none: a misspelt one would be left out
/// without a word.
///
/// # Errors
/// A [`Failure`] that names all of them, and what each may have been meant to be.
pub(super) fn check(
    command: &Command,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(), Failure> {
    let mut known = BTreeSet::new();
    collect(command, &mut known);
    let unknown: Vec<String> = variables
        .filter(|(name, _)| name.starts_with(PREFIX) && !known.contains(name))
        .filter(|(name, value)| !name.starts_with(OF_TESTS) && !is_of_a_service(name, value))
        .map(|(name, _)| match nearest(&name, &known) {
            Some(near) => format!("{name} is no setting: did you mean {near}?"),
            None => format!("{name} is no setting: `passgate --help` shows them all"),
        })
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::new(unknown.join("; ")))
}

fn collect(command: &Command, known: &mut BTreeSet<String>) {
    for arg in command.get_arguments() {
        known.extend(
            arg.get_env()
                .and_then(|name| name.to_str())
                .map(str::to_owned),
        );
    }
    for command in command.get_subcommands() {
        collect(command, known);
    }
}

fn nearest<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    let likeness =
        |other: &String| strsim::jaro_winkler(&name[PREFIX.len()..], &other[PREFIX.len()..]);
    let ours = known.iter().filter(|other| other.starts_with(PREFIX));
    let nearest = ours.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(nearest) > 0.8).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn said(variable: &str) -> Option<String> {
        let variables = [variable, "HOME=/root"].map(|variable| {
            let (name, value) = variable.split_once('=').unwrap_or((variable, "x"));
            (name.to_owned(), value.to_owned())
        });
        let refused = check(&super::super::Cli::command(), variables.into_iter()).err();
        refused.map(|failure| failure.to_string())
    }

    #[test]
    fn a_misspelt_variable_is_named_with_the_one_that_was_meant() {
        for (name, meant) in [
            ("PASSGATE_ISUER", "PASSGATE_ISSUER"),
            ("PASSGATE_ACCESS_TOKEN_TTI", "PASSGATE_ACCESS_TOKEN_TTL"),
        ] {
            let said = said(name).unwrap();
            assert!(said.contains(name) && said.contains(meant), "{said}");
        }
        assert!(said("PASSGATE_XYZZY").unwrap().contains("--help"));
    }

    #[test]
    fn settings_and_the_variables_of_others_are_taken() {
        for name in [
            "PASSGATE_ISSUER",
            "PASSGATE_SECRET",
            "PASSGATE_SERVICE_HOST=10.0.0.1",
            "PASSGATE_SERVICE_PORT=8000",
            "PASSGATE_SERVICE_PORT_HTTP=8000",
            "PASSGATE_PORT=tcp://10.0.0.1:8000",
            "PASSGATE_PORT_8000_TCP=tcp://10.0.0.1:8000",
            "PASSGATE_PORT_8000_TCP_ADDR=10.0.0.1",
            "PASSGATE_TEST_NO_SKIPS",
            "PASSGATEWAY",
        ] {
            assert_eq!(said(name), None, "{name}");
        }
    }

    #[test]
    fn a_port_that_is_meant_for_us_is_not_taken_for_that_of_a_service() {
        for name in [
            "PASSGATE_PORT=9000",
            "PASSGATE_PORT=",
            "PASSGATE_PORTS=9000",
            "PASSGATE_PORT_NUMBER=9000",
            "PASSGATE_SERVICE_PORTAL=x",
            "PASSGATE_SERVICES=x",
        ] {
            assert!(said(name).is_some(), "{name}");
        }
    }
}
