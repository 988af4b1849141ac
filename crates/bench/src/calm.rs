//! Whether what needs no hash stays fast while hashes take every core.

use std::time::Duration;

use crate::Fallible;
use crate::bench::World;
use crate::figures::Figures;
use crate::load::{Load, Script};

/// The connections that probe, and how long each rests between requests: some eight hundred
/// requests a second, which leave the cores mostly idle.
const PROBES: usize = 4;
const PAUSE: Duration = Duration::from_millis(5);

/// How much longer the log-ins last than the probe within them, in seconds.
const AROUND: u64 = 1;

/// Probes in turn, without and with log-ins.
pub(crate) fn measure(world: &World<'_>, figures: &mut Figures) -> Fallible {
    let accounts = world.accounts()?;
    for _ in 0..world.settings.rounds.get().min(3) {
        for is_loaded in [false, true] {
            probe(world, "me", Script::Replay, &accounts, is_loaded, figures)?;
            let refreshes = world.refreshes()?;
            probe(
                world,
                "refresh",
                Script::Refresh,
                &refreshes,
                is_loaded,
                figures,
            )?;
        }
    }
    Ok(())
}

fn probe(
    world: &World<'_>,
    name: &str,
    script: Script,
    templates: &[String],
    is_loaded: bool,
    figures: &mut Figures,
) -> Fallible {
    let load = Load {
        address: world.served.address,
        script,
        templates,
        connections: PROBES,
        seconds: world.settings.seconds,
        pause: PAUSE,
    };
    let log_ins = Load {
        script: Script::Replay,
        templates: &world.log_ins,
        connections: world.settings.connections.get(),
        seconds: world.settings.seconds + AROUND,
        pause: Duration::ZERO,
        ..load.clone()
    };
    let beside = is_loaded
        .then(|| log_ins.start(&world.folder, "beside"))
        .transpose()?;
    let counted = load.run(&world.folder, "probe")?;
    if let Some(beside) = beside {
        beside.finish()?.good_per_second()?;
    }
    counted.good_per_second()?;
    let state = if is_loaded { "loaded" } else { "idle" };
    println!(
        "  {name:<8} {state:<7} median {:>8.2} ms, p99 {:>8.2} ms",
        counted.p50 / 1e3,
        counted.p99 / 1e3
    );
    figures.add(&format!("calm.{name}_{state}_p50"), "ms", counted.p50 / 1e3);
    figures.add(&format!("calm.{name}_{state}_p99"), "ms", counted.p99 / 1e3);
    Ok(())
}
