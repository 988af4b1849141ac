use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use passgate_auth::password::Cost;
use passgate_auth::password::tune::{self, Measured};
use serde_json::json;

use super::output;
use crate::capacity;
use crate::config::HashBackend;
use crate::failure::Failure;
use crate::server::cores;

/// What is measured.
#[derive(Debug, Args)]
pub(super) struct TuneArgs {
    /// How long one hash may take: 1ms to 10s.
    #[arg(long, default_value = "50ms", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    target: Duration,

    /// How many passwords are hashed at once [default: the number of cores].
    #[arg(long, env = "PASSGATE_HASH_ARENAS", value_name = "N")]
    hash_arenas: Option<NonZeroUsize>,

    /// Which code computes argon2.
    #[arg(
        long,
        env = "PASSGATE_HASH_BACKEND",
        default_value = "auto",
        value_name = "BACKEND"
    )]
    hash_backend: HashBackend,

    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// What all arenas together take of the memory at most: a quarter.
const SHARE: u64 = 4;

pub(super) fn run(args: &TuneArgs) -> Result<(), Failure> {
    let bounds = Duration::from_millis(1)..=Duration::from_secs(10);
    if !bounds.contains(&args.target) {
        return Err(Failure::new("--target is a time from 1ms to 10s"));
    }
    let arenas = args.hash_arenas.map(NonZeroUsize::get);
    let backend = args.hash_backend.into();
    let each = arenas.unwrap_or_else(cores).min(cores()) as u64;
    let most = capacity::memory_kib().map_or(u64::MAX, |memory| memory / SHARE / each);
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    let found = tune::propose(args.target, most, |cost| {
        tune::measure(cost, arenas, backend)
    })?;
    if args.json {
        return output::line(&serde_json::to_string_pretty(&to_json(&found))?);
    }
    output::line(&format!("--argon2 {}", found.cost))?;
    output::line(&format!(
        "One hash takes {:.1} ms with all {} arenas at work ({}), which makes {:.0} log-ins a \
         second and takes {} MiB.",
        milliseconds(&found),
        found.arenas,
        found.backend,
        found.per_second,
        memory_mib(&found),
    ))?;
    if found.cost == Cost::OWASP && found.time > args.target {
        output::line("That is longer than the target: less than this is not safe (OWASP).")?;
    }
    Ok(())
}

fn milliseconds(found: &Measured) -> f64 {
    found.time.as_secs_f64() * 1e3
}

fn memory_mib(found: &Measured) -> u64 {
    found.arenas as u64 * u64::from(found.cost.memory_kib()) / 1024
}

fn to_json(found: &Measured) -> serde_json::Value {
    json!({
        "argon2": found.cost.to_string(),
        "milliseconds": milliseconds(found),
        "log_ins_per_second": found.per_second,
        "arenas": found.arenas,
        "memory_mib": memory_mib(found),
        "backend": found.backend.to_string(),
    })
}
