use std::num::ParseFloatError;
use std::str::FromStr;

use clap::Args;
use thiserror::Error;

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio(pub f64);

/// The text is no ratio.
#[derive(Debug, Error)]
#[error("a ratio is a number from 0 to 1")]
pub struct InvalidRatio;

impl FromStr for Ratio {
    type Err = InvalidRatio;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ratio = text.parse().map_err(|_: ParseFloatError| InvalidRatio)?;
        if (0.0..=1.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err(InvalidRatio)
        }
    }
}

/// Where traces go.
#[derive(Debug, Clone, Args)]
pub struct TraceArgs {
    /// The `OpenTelemetry` collector that traces are sent to, by OTLP over HTTP, such as
    /// `http://127.0.0.1:4318` [default: none, and nothing is traced].
    #[arg(long, env = "PASSGATE_TRACES", value_name = "URL")]
    pub traces: Option<String>,

    /// How many of the requests are traced, from 0 to 1, where no trusted proxy has decided that.
    #[arg(
        long,
        env = "PASSGATE_TRACE_RATIO",
        default_value = "1",
        value_name = "RATIO"
    )]
    pub trace_ratio: Ratio,
}

impl TraceArgs {
    /// Where traces are sent. An empty variable, as `${NAME:-}` makes it, is none.
    pub fn collector(&self) -> Option<&str> {
        self.traces.as_deref().filter(|url| !url.is_empty())
    }
}
