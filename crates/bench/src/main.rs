//! What Passgate is measured by: `cargo run --release -p passgate-bench`.
//!
//! Starts everything itself and compares Passgate with what this machine can do at most, with the
//! build that everybody writes, and with what people use instead. docs/performance.md says how and
//! shows the figures; `--scale` is the growth of docs/scaling.md; `model` carries both to a given
//! number of users.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "prints its tables, and meanwhile how far it is"
)]

mod bench;
mod calm;
mod cluster;
mod docs;
mod figures;
mod flood;
mod http;
mod limits;
mod load;
mod machine;
mod model;
mod peers;
mod pgbench;
mod place;
mod plain;
mod process;
mod rows;
mod scale;
mod seed;
mod server;
mod sides;

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What came of something that fails by saying why.
type Fallible<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures Passgate beside its limits and its peers.
#[derive(Debug, Parser)]
#[command(name = "passgate-bench")]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carries the recorded figures to given numbers of users.
    Model(model::ModelArgs),
    /// Records a run from the file that it wrote, and writes it into docs/.
    Record(docs::RecordArgs),
    /// Serves log-ins the naive way; started by the bench.
    #[command(hide = true)]
    Naive(plain::NaiveArgs),
    /// Serves one constant; started by the bench.
    #[command(hide = true)]
    Bare(plain::BareArgs),
}

/// How much is measured.
#[derive(Debug, Clone, clap::Args)]
struct Settings {
    /// How often each pair is compared; the median counts.
    #[arg(long, default_value = "5")]
    rounds: NonZeroUsize,

    /// How long each side is loaded in a round, in seconds.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// How long the flood lasts, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..))]
    flood: u64,

    /// How many connections the load generator holds.
    #[arg(long, default_value = "16")]
    connections: NonZeroUsize,

    /// Only these parts: start, log-ins, refresh, me, calm, flood.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<bench::Part>,

    /// Leave out the peers that come from `PyPI`.
    #[arg(long)]
    no_peers: bool,

    /// The growth with the number of users, and nothing else.
    #[arg(long)]
    scale: bool,

    /// The numbers of users of `--scale`.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000_u64, 1_000_000, 10_000_000])]
    sizes: Vec<u64>,

    /// A passgate binary to measure instead of a release build of this source.
    #[arg(long, value_name = "FILE")]
    passgate: Option<PathBuf>,

    /// One more argument for `passgate serve`; may be given several times.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    serve_arg: Vec<String>,

    /// Record the figures in crates/bench/figures.json and write them into docs/.
    #[arg(long)]
    write_docs: bool,
}

fn main() -> ExitCode {
    let Args { command, settings } = Args::parse();
    let outcome = match command {
        Some(Command::Model(args)) => model::run(&args),
        Some(Command::Record(args)) => docs::record_run(&args),
        Some(Command::Naive(args)) => plain::naive(&args),
        Some(Command::Bare(args)) => plain::bare(&args),
        None if settings.scale => scale::run(&settings),
        None => bench::run(&settings),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passgate-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
