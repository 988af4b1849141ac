//! The log: pretty on a terminal, a JSON object a line otherwise.

mod json;

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;
use json::{Line, Members};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// For programs: a JSON object a line.
    Json,
}

/// Starts logging to standard error. Later calls, as tests make them, change nothing.
///
/// # Errors
/// A [`Failure`] if the filter cannot be read.
pub fn start(format: LogFormat, filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(filter)
        .map_err(|error| {
            Failure::new(format!(
                "--log cannot be used: {error}; it looks like info or warn,passgate_api=debug"
            ))
        })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let pretty = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let outcome = if pretty {
        log.with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .try_init()
    } else {
        log.fmt_fields(Members).event_format(Line).try_init()
    };
    // The one error is that a log is there already.
    drop(outcome);
    Ok(())
}
