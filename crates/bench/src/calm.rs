//! Whether what needs no hash stays fast while hashes take every core.

use std::thread;
use std::time::Duration;

use passgate_auth::password::Passwords;

use crate::bench::{USERS, World};
use crate::figures::Figures;
use crate::load::{Load, Script};
use crate::{Fallible, cluster, limits, pgbench, seed};

/// The connections that probe, and how long each rests between requests: some eight hundred
/// requests a second, which leave the cores mostly idle.
const PROBES: usize = 4;
const PAUSE: Duration = Duration::from_millis(5);

/// The same, where somebody else counts them.
const A_SECOND: u32 = 600;

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
    statement_alone(world, figures)
}

/// As many refreshes of pgbench's, beside this process, which hashes on every core as Passgate does.
fn statement_alone(world: &World<'_>, figures: &mut Figures) -> Fallible {
    let database = world.cluster.migrated("beside")?;
    let mut connection = cluster::connect(&database)?;
    seed::users(&mut connection, USERS, &world.stored, |_| ())?;
    drop(connection);
    let passwords = Passwords::builder().arenas(limits::cores()).build()?;
    let seconds = world.settings.seconds;
    let around = Duration::from_secs(seconds + AROUND);
    for _ in 0..world.settings.rounds.get().min(3) {
        pgbench::prepare(&database, PROBES)?;
        let mut times = thread::scope(|scope| -> Fallible<Vec<f64>> {
            let hashing =
                scope.spawn(|| limits::hashes_per_second(&passwords, &world.stored, around));
            let times =
                pgbench::times_of_refreshes(&database, PROBES, A_SECOND, seconds, &world.folder);
            hashing.join().map_err(|_| "a thread panicked")??;
            times
        })?;
        times.sort_by(f64::total_cmp);
        for (name, percent) in [("p50", 50), ("p99", 99)] {
            let time = times.get(times.len() * percent / 100);
            let time = time.ok_or("pgbench made no refresh")? / 1e3;
            println!("  statement loaded {name} {time:>8.2} ms");
            figures.add(&format!("calm.statement_loaded_{name}"), "ms", time);
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
