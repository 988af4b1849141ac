use std::collections::BTreeSet;

use clap::Command;

use crate::failure::Failure;

/// What our variables begin with.
const PREFIX: &str = "PASSGATE_";

/// Variables of ours that are no settings: those of the test suite, and what Kubernetes sets in
/// every container beside a service of the name "passgate".
const NOT_SETTINGS: [&str; 4] = [
    "PASSGATE_TEST_",
    "PASSGATE_SERVICE_HOST",
    "PASSGATE_SERVICE_PORT",
    "PASSGATE_PORT",
];

/// Refuses a variable that looks like a setting and is none: a misspelt one would be left out
/// without a word.
///
/// # Errors
/// A [`Failure`] that names all of them, and what each may have been meant to be.
pub(super) fn check(command: &Command, names: impl Iterator<Item = String>) -> Result<(), Failure> {
    let mut known = BTreeSet::new();
    collect(command, &mut known);
    let unknown: Vec<String> = names
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .filter(|name| !NOT_SETTINGS.iter().any(|other| name.starts_with(other)))
        .map(|name| match nearest(&name, &known) {
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

    fn said(name: &str) -> Option<String> {
        let names = [name.to_owned(), "HOME".to_owned()].into_iter();
        let refused = check(&super::super::Cli::command(), names).err();
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
            "PASSGATE_SERVICE_HOST",
            "PASSGATE_PORT_8000_TCP",
            "PASSGATE_TEST_NO_SKIPS",
            "PASSGATEWAY",
        ] {
            assert_eq!(said(name), None, "{name}");
        }
    }
}
