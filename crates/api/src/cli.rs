//! The command line.

mod audit;
mod clients;
mod config;
mod healthcheck;
mod import;
mod keys;
mod output;
mod prompt;
mod reference;
mod tune;
mod users;
mod variables;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use passgate_domain::audit::{Act, Actor};
use passgate_domain::{Clock, SystemClock};

use crate::config::{DatabaseArgs, ServeArgs};
use crate::database::{Database, Migrate};
use crate::failure::Failure;
use crate::{openapi, server, telemetry};

/// Passgate: people log in with a password, services get JSON Web Tokens.
///
/// Without a command it serves, on `http://127.0.0.1:8000` and a private `PostgreSQL` in `.passgate`
/// that it sets up itself. Every flag is also an environment variable, shown beside it.
#[derive(Debug, Parser)]
#[command(name = "passgate", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve HTTP (what happens without a command, too).
    Serve(Box<ServeArgs>),
    /// Check settings without serving.
    #[command(subcommand)]
    Config(config::Command),
    /// Bring the database's schema up to date, and tell what was done.
    Migrate(DatabaseArgs),
    /// Make, show, change and import users.
    #[command(subcommand)]
    Users(users::Command),
    /// Show and rotate the keys that sign tokens.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Register, show, change and remove clients.
    #[command(subcommand)]
    Clients(clients::Command),
    /// Show who did what, the newest first.
    Audit(audit::AuditArgs),
    /// Print the `OpenAPI` description of the HTTP interface.
    Openapi,
    /// Ask a running server whether it is ready; the exit code tells.
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Measure this machine, and print what a password hash may cost and how many log-ins a second
    /// that makes.
    Tune(tune::TuneArgs),
    /// Print what a shell completes commands and flags by.
    Completions(reference::CompletionsArgs),
    /// Write the man pages into a folder.
    Manual(reference::ManualArgs),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // A name that is no Unicode is none of ours.
    let variables = env::vars_os().filter_map(|(name, value)| {
        Some((
            name.into_string().ok()?,
            value.to_string_lossy().into_owned(),
        ))
    });
    let outcome = variables::check(&Cli::command(), variables);
    match outcome.and_then(|()| start(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where standard error is closed, there is nobody to tell.
            drop(writeln!(io::stderr(), "passgate: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        None => server::serve(&cli.serve),
        Some(Command::Serve(args)) => server::serve(&args),
        Some(command) => {
            telemetry::start(telemetry::LogFormat::Pretty, "warn", None)?;
            run(command)
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => server::serve(&args),
        Command::Config(command) => config::run(&command),
        Command::Migrate(args) => migrate(&args),
        Command::Users(command) => users::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Clients(command) => clients::run(command),
        Command::Audit(args) => audit::run(&args),
        Command::Openapi => output::line(&openapi::json()?),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Tune(args) => tune::run(&args),
        Command::Completions(args) => reference::completions(&args),
        Command::Manual(args) => reference::manual(&args),
    }
}

fn migrate(args: &DatabaseArgs) -> Result<(), Failure> {
    let (database, applied) = Database::migrate(args)?;
    if applied.is_empty() {
        output::line("The schema is up to date.")?;
    }
    for version in applied {
        output::line(&format!("Applied {version}."))?;
    }
    database.close()
}

/// What the operator does, now.
fn act() -> Act {
    Act::new(SystemClock.now(), Actor::Operator)
}

/// Opens the database for a command, closes it afterwards whatever the command does.
fn with_database<T>(
    args: &DatabaseArgs,
    work: impl FnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let database = Database::open(args, Migrate::IfPrivate, 1)?;
    let outcome = work(&database);
    let closed = database.close();
    outcome.and_then(|value| closed.map(|()| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_server_has_its_variable() {
        let command = Cli::command();
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let Some(flag) = arg
                .get_long()
                .filter(|flag| !matches!(*flag, "help" | "version"))
            else {
                continue;
            };
            let variable = format!("PASSGATE_{}", flag.replace('-', "_").to_uppercase());
            assert_eq!(
                arg.get_env().and_then(|name| name.to_str()),
                Some(&*variable),
                "{flag}"
            );
        }
    }
}
