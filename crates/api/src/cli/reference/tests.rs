use std::env;
use std::fmt::Write as _;

use clap::Arg;

use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
const BEGIN: &str = "<!-- settings: begin -->\n";
const END: &str = "<!-- settings: end -->";

/// The settings of the server as a table of Markdown.
fn settings(command: &Command) -> String {
    let mut table = "| flag | variable | default | |\n| --- | --- | --- | --- |\n".to_owned();
    let settings = command
        .get_arguments()
        .filter(|arg| arg.get_env().is_some() && !arg.is_hide_set());
    for arg in settings {
        let (help, default) = help_and_default(arg);
        let flag = arg.get_long().unwrap_or_default();
        let variable = arg.get_env().unwrap_or_default().to_string_lossy();
        // Writing to a text does not fail.
        let _ = writeln!(table, "| `--{flag}` | `{variable}` | {default} | {help} |");
    }
    table
}

/// The first paragraph of the help, with the values to choose from; and the default, which the help
/// names where it is no constant.
fn help_and_default(arg: &Arg) -> (String, String) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, named) = match help.split_once(" [default: ") {
        Some((help, rest)) => (help.to_owned(), rest.trim_end_matches(']').to_owned()),
        None => (help, String::new()),
    };
    let constant = arg
        .get_default_values()
        .first()
        .filter(|_| arg.get_action().takes_values())
        .map(|value| format!("`{}`", value.to_string_lossy()));
    let values = arg
        .get_possible_values()
        .into_iter()
        .filter(|_| arg.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect::<Vec<_>>();
    let help = match &*values {
        [] => help,
        values => format!("{help}: {}", values.join(", ")),
    };
    (help.replace('|', "\\|"), constant.unwrap_or(named))
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn is_to_be_written() -> bool {
    env::var_os("PASSGATE_TEST_WRITE").is_some()
}

#[test]
fn the_page_of_the_configuration_is_that_of_the_command_line() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = [before, BEGIN, &settings(&Cli::command()), END, after].concat();
    if is_to_be_written() {
        fs::write(PAGE, wanted).unwrap();
    } else {
        assert_eq!(
            page, wanted,
            "docs/configuration.md is stale: `just configuration` writes it anew"
        );
    }
}

#[test]
fn a_constant_default_and_one_that_is_told_stand_in_one_column() {
    let constant = Arg::new("a")
        .long("a")
        .env("A")
        .default_value("5m")
        .help("How long");
    assert_eq!(
        help_and_default(&constant),
        ("How long".to_owned(), "`5m`".to_owned())
    );
    let told = Arg::new("b")
        .long("b")
        .env("B")
        .help("How many [default: the cores]");
    assert_eq!(
        help_and_default(&told),
        ("How many".to_owned(), "the cores".to_owned())
    );
    let either = Arg::new("c").value_parser(["on", "off"]).help("a|b");
    assert_eq!(help_and_default(&either).0, "a\\|b: `on`, `off`");
}

#[test]
fn every_command_has_a_page_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_owned();
    manual(&ManualArgs {
        folder: folder.clone(),
    })
    .unwrap();
    let of_a_subcommand = fs::read_to_string(folder.join("passgate-users-add.1")).unwrap();
    assert!(of_a_subcommand.contains("passgate\\-users\\-add"));
    let main = fs::read_to_string(folder.join("passgate.1")).unwrap();
    assert!(main.contains("PASSGATE_ISSUER") && main.contains("passgate\\-keys(1)"));
}

#[test]
fn a_folder_that_there_is_not_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("none");
    let refused = manual(&ManualArgs {
        folder: folder.clone(),
    });
    let said = refused.unwrap_err().to_string();
    assert!(said.contains(&*folder.to_string_lossy()), "{said}");
}

#[test]
fn every_shell_completes_every_command() {
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    assert!(names.len() > 8, "{names:?}");
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "passgate", &mut script);
        let script = String::from_utf8(script).unwrap();
        for name in &names {
            assert!(script.contains(name), "{shell} has no {name}");
        }
        assert!(
            script.contains("rotate") && script.contains("database-url"),
            "{shell}"
        );
    }
}
