//! The log: pretty on a terminal, a JSON object a line otherwise. And traces, for those who collect
//! them.

mod filter;
mod json;
mod traces;

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, reload};

use crate::failure::Failure;
use filter::Apply;
use json::{Line, Members};

pub(crate) use traces::{answered, continue_trace, name_trace};

pub use filter::{Change, Checked, InvalidFilter, LogFilter, NotOurs, Other};
pub use traces::Traces;

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
pub fn start(
    format: LogFormat,
    filter: &str,
    traces: Option<&Traces>,
) -> Result<LogFilter, Failure> {
    let parsed = parsed(filter)?;
    let is_pretty = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let started = match traces {
        None => lines(is_pretty, parsed),
        Some(traces) => lines_and_spans(is_pretty, parsed, traces),
    };
    // Without an `Apply` a log is there already.
    Ok(match started {
        Some(apply) => LogFilter::new(filter, apply),
        None => LogFilter::of_others(filter),
    })
}

/// Says whether a server could start with a filter.
///
/// # Errors
/// A [`Failure`] that says what is wrong with it.
pub fn check(filter: &str) -> Result<(), Failure> {
    parsed(filter).map(drop)
}

fn parsed(filter: &str) -> Result<EnvFilter, Failure> {
    filter::parse(filter).map_err(|error| {
        Failure::new(format!(
            "--log cannot be used: {error}; it looks like info or warn,passgate_api=debug"
        ))
    })
}

fn lines(is_pretty: bool, filter: EnvFilter) -> Option<Apply> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // The last word on the type of the builder is that its filter can be exchanged.
    if is_pretty {
        let log = log
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .with_filter_reloading();
        let handle = log.reload_handle();
        log.try_init().ok()?;
        Some(Box::new(move |filter| handle.reload(filter).is_ok()))
    } else {
        let log = log
            .fmt_fields(Members)
            .event_format(Line)
            .with_filter_reloading();
        let handle = log.reload_handle();
        log.try_init().ok()?;
        Some(Box::new(move |filter| handle.reload(filter).is_ok()))
    }
}

/// The filter is for the lines alone: what is traced is another question.
fn lines_and_spans(is_pretty: bool, filter: EnvFilter, traces: &Traces) -> Option<Apply> {
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = if is_pretty {
        lines
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .boxed()
    } else {
        lines.fmt_fields(Members).event_format(Line).boxed()
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces.layer())
        .try_init()
        .ok()?;
    Some(Box::new(move |filter| handle.reload(filter).is_ok()))
}
