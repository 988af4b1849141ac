//! Ten times the log-ins that can be hashed.

use std::thread;
use std::time::Duration;

use crate::Fallible;
use crate::bench::World;
use crate::figures::Figures;
use crate::http;
use crate::load::{Load, Script};

/// Connections that log in over and over.
const CONNECTIONS: u32 = 1000;

/// How many times the peak is offered: a little more than ten, since those who wait to be served
/// offer nothing meanwhile.
const TIMES: f64 = 12.0;

/// How long the service is left alone after the flood: as long as anybody waits in its queue.
const REST: Duration = Duration::from_secs(3);

/// How often the memory is looked at.
const LOOKING: Duration = Duration::from_millis(500);

/// The flood, and before and after it the peak that it is held against.
pub(crate) fn measure(world: &World<'_>, figures: &mut Figures) -> Fallible {
    let before = world.log_ins_per_second()?;
    let pause = f64::from(CONNECTIONS) / (TIMES * before);
    let templates: Vec<String> = world
        .log_ins
        .iter()
        .map(|log_in| http::with_id(log_in))
        .collect();
    let load = Load {
        address: world.served.address,
        script: Script::Flood,
        templates: &templates,
        connections: usize::try_from(CONNECTIONS)?,
        seconds: world.settings.flood,
        pause: Duration::from_secs_f64(pause),
    };
    let mut running = load.start(&world.folder, "flood")?;
    let mut resident = Vec::new();
    while running.is_running()? {
        resident.push(world.served.resident()?);
        thread::sleep(LOOKING);
    }
    let counted = running.finish()?;
    thread::sleep(REST);
    let after = world.log_ins_per_second()?;
    let peak = f64::midpoint(before, after);
    let add = |figures: &mut Figures, name: &str, unit: &str, value: f64| {
        println!("  {name:<28} {value:>10.1} {unit}");
        figures.add(&format!("flood.{name}"), unit, value);
    };
    add(figures, "peak", "1/s", peak);
    add(
        figures,
        "offered",
        "1/s",
        counted.per_second(counted.requests),
    );
    add(figures, "served", "1/s", counted.per_second(counted.served));
    add(figures, "shed", "1/s", counted.per_second(counted.shed));
    let lost = counted.requests - counted.served - counted.shed + counted.failed;
    add(figures, "lost", "requests", lost);
    add(figures, "served_p50", "ms", counted.served_p50 / 1e3);
    add(figures, "served_p99", "ms", counted.served_p99 / 1e3);
    add(figures, "shed_p50", "ms", counted.shed_p50 / 1e3);
    add(figures, "shed_p99", "ms", counted.shed_p99 / 1e3);
    let (early, late) = resident.split_at(resident.len() / 2);
    let most = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
    add(figures, "memory", "MiB", most(&resident));
    add(figures, "memory_growth", "MiB", most(late) - most(early));
    Ok(())
}
