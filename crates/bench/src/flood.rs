//! Ten times the log-ins that can be hashed.

use std::thread;
use std::time::{Duration, Instant};

use passgate_auth::password::Passwords;

use crate::bench::World;
use crate::figures::Figures;
use crate::load::{Load, Script};
use crate::process::{Server, Unused};
use crate::{Fallible, http, limits, server};

/// Connections that log in over and over.
const CONNECTIONS: u32 = 1000;

/// How many times the peak is offered: a little more than ten, since those who wait to be served
/// offer nothing meanwhile.
const TIMES: f64 = 12.0;

/// How long the service is left alone after the flood: as long as anybody waits in its queue.
const REST: Duration = Duration::from_secs(3);

/// How often the memory is looked at.
const LOOKING: Duration = Duration::from_millis(500);

/// How much longer a bare server is loaded than hashes are counted beside it, in seconds.
const AROUND: u64 = 1;

/// What the threads are called that hash.
const HASHING: &str = "hash";

/// What the processors have done until a moment.
struct Moment {
    at: Instant,
    hashing: Duration,
    /// Passgate, whatever it did.
    all: Duration,
    unused: Unused,
}

impl Moment {
    fn now(server: &Server) -> Fallible<Self> {
        Ok(Self {
            at: Instant::now(),
            hashing: server.processor_time_of(HASHING)?,
            all: server.processor_time()?,
            unused: Unused::now()?,
        })
    }
}

/// Log-ins a second, and what each took of the threads that hash, in milliseconds.
fn peak(world: &World<'_>) -> Fallible<(f64, f64)> {
    let before = world.served.processor_time_of(HASHING)?;
    let counted = world.load(&world.served, Script::Replay, &world.log_ins)?;
    let hashing = world
        .served
        .processor_time_of(HASHING)?
        .saturating_sub(before);
    let a_second = counted.good_per_second()?;
    Ok((a_second, hashing.as_secs_f64() * 1e3 / counted.requests))
}

/// What the machine allows while as many requests arrive.
struct Allowed {
    /// Hashes a second in this process, as the engine makes them, with nothing else going on.
    alone: f64,
    /// The same beside a server in actix that answers each of the requests with a constant.
    beside: f64,
    /// What the connections cost that server, in MiB: whatever ours keeps for one comes on top of it.
    connections: f64,
}

impl Allowed {
    fn measure(world: &World<'_>, load: &Load<'_>) -> Fallible<Self> {
        let passwords = Passwords::builder().arenas(limits::cores()).build()?;
        let hashes = |seconds| {
            limits::hashes_per_second(&passwords, &world.stored, Duration::from_secs(seconds))
        };
        let bare = server::own("bare", &["--body", "{}"], None, &world.folder)?;
        // A worker's own memory is there after its first request.
        world.load(&bare, Script::Replay, load.templates)?;
        let resident = bare.resident()?;
        let before = hashes(world.settings.seconds)?;
        let seconds = (load.seconds / 4).max(2);
        let load = Load {
            address: bare.address,
            seconds: seconds + AROUND,
            ..load.clone()
        };
        let running = load.start(&world.folder, "bare")?;
        let beside = hashes(seconds)?;
        let connections = bare.resident()? - resident;
        running.finish()?;
        bare.settle()?;
        let after = hashes(world.settings.seconds)?;
        Ok(Self {
            alone: f64::midpoint(before, after),
            beside,
            connections,
        })
    }
}

/// The flood, and before and after it the peak that it is held against.
pub(crate) fn measure(world: &World<'_>, figures: &mut Figures) -> Fallible {
    let (before, hash_before) = peak(world)?;
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
    let begun = Moment::now(&world.served)?;
    let mut running = load.start(&world.folder, "flood")?;
    let (mut resident, mut loading) = (Vec::new(), Duration::ZERO);
    while running.is_running()? {
        resident.push(world.served.resident()?);
        // It is not there any more when it has ended.
        loading = running.processor_time().unwrap_or(loading);
        thread::sleep(LOOKING);
    }
    let ended = Moment::now(&world.served)?;
    let counted = running.finish()?;
    thread::sleep(REST);
    let (after, hash_after) = peak(world)?;
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
    let there = (ended.at - begun.at).as_secs_f64() * limits::cores_f64();
    let percent = |time: Duration| time.as_secs_f64() / there * 100.0;
    let hashing = ended.hashing.saturating_sub(begun.hashing);
    let all = ended.all.saturating_sub(begun.all);
    add(figures, "hashing", "%", percent(hashing));
    add(
        figures,
        "serving",
        "%",
        percent(all.saturating_sub(hashing)),
    );
    add(figures, "loading", "%", percent(loading));
    let idle = ended.unused.idle.saturating_sub(begun.unused.idle);
    add(figures, "idle", "%", percent(idle));
    let stolen = ended.unused.stolen.saturating_sub(begun.unused.stolen);
    add(figures, "stolen", "%", percent(stolen));
    let of_each = hashing.as_secs_f64() * 1e3 / counted.served.max(1.0);
    add(figures, "hash", "ms", of_each);
    add(
        figures,
        "peak_hash",
        "ms",
        f64::midpoint(hash_before, hash_after),
    );
    add(figures, "served_p50", "ms", counted.served_p50 / 1e3);
    add(figures, "served_p99", "ms", counted.served_p99 / 1e3);
    add(figures, "shed_p50", "ms", counted.shed_p50 / 1e3);
    add(figures, "shed_p99", "ms", counted.shed_p99 / 1e3);
    let (early, late) = resident.split_at(resident.len() / 2);
    let most = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
    add(figures, "memory", "MiB", most(&resident));
    add(figures, "memory_growth", "MiB", most(late) - most(early));
    let allowed = Allowed::measure(world, &load)?;
    add(figures, "limit", "1/s", allowed.alone);
    add(figures, "limit_beside", "1/s", allowed.beside);
    add(figures, "connections_alone", "MiB", allowed.connections);
    Ok(())
}
