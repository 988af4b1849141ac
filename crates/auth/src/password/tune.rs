//! What hashing costs on this machine, and which cost takes a given time.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use passgate_domain::Password;

use super::{Backend, Cost, InUse, PasswordError, Passwords};

/// What was measured of a cost, with every arena at work: alone a hash is faster, and nobody is
/// alone when it matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The cost.
    pub cost: Cost,
    /// How long one hash takes, the median.
    pub time: Duration,
    /// How many hashes a second all arenas together make.
    pub per_second: f64,
    /// How many arenas there are.
    pub arenas: usize,
    /// The code that computes argon2.
    pub backend: InUse,
}

/// For how long one cost is measured, and with how many hashes an arena at least.
const LONG_ENOUGH: Duration = Duration::from_millis(400);
const ENOUGH: usize = 5;

/// How often a proposal is corrected by measuring it.
const CORRECTIONS: usize = 3;

/// Measures a cost in as many arenas as given, or as there are cores.
///
/// # Errors
/// [`PasswordError`] if hashing fails.
pub fn measure(
    cost: Cost,
    arenas: Option<usize>,
    backend: Backend,
) -> Result<Measured, PasswordError> {
    let mut builder = Passwords::builder().cost(cost).backend(backend);
    if let Some(arenas) = arenas {
        builder = builder.arenas(arenas);
    }
    let passwords = builder.build()?;
    let password = Password::parse("tune").map_err(|_| PasswordError::Internal)?;
    let times = Mutex::new(Vec::new());
    let hash = || -> Result<(), PasswordError> {
        // The first takes the memory.
        let _ = passwords.check_blocking(&password, None)?;
        let begun = Instant::now();
        let mut own = Vec::new();
        while own.len() < ENOUGH || begun.elapsed() < LONG_ENOUGH {
            let one = Instant::now();
            let _ = passwords.check_blocking(&password, None)?;
            own.push(one.elapsed());
        }
        times
            .lock()
            .map_err(|_| PasswordError::Internal)?
            .extend(own);
        Ok(())
    };
    thread::scope(|scope| {
        let hashing: Vec<_> = (0..passwords.arenas()).map(|_| scope.spawn(hash)).collect();
        hashing
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| PasswordError::Internal)?)
    })?;
    let mut times = times.into_inner().map_err(|_| PasswordError::Internal)?;
    times.sort_unstable();
    let time = times[times.len() / 2];
    let arenas = u32::try_from(passwords.arenas()).unwrap_or(u32::MAX);
    Ok(Measured {
        cost,
        time,
        per_second: f64::from(arenas) / time.as_secs_f64(),
        arenas: passwords.arenas(),
        backend: passwords.backend(),
    })
}

/// Finds the cost of which one hash takes about as long as `target`: more memory first, up to
/// `most_memory_kib` an arena, then more passes (RFC 9106 section 4), one lane. Never less than
/// [`Cost::OWASP`], even if that takes longer.
///
/// # Errors
/// What `measure` fails with.
pub fn propose(
    target: Duration,
    most_memory_kib: u32,
    mut measure: impl FnMut(Cost) -> Result<Measured, PasswordError>,
) -> Result<Measured, PasswordError> {
    let least = Cost::OWASP;
    let most = most_memory_kib.clamp(least.memory_kib(), Cost::MAX_MEMORY_KIB);
    let mut best = measure(least)?;
    for _ in 0..CORRECTIONS {
        let wanted = scaled(
            best.cost,
            target.as_secs_f64() / best.time.as_secs_f64(),
            most,
        )?;
        if wanted == best.cost {
            break;
        }
        let measured = measure(wanted)?;
        let is_enough = measured.time <= target.mul_f64(1.05);
        if is_enough || measured.time < best.time {
            best = measured;
        } else {
            // Too much: memory does not cost the same everywhere. Once more, from here.
            let less = scaled(
                wanted,
                target.as_secs_f64() / measured.time.as_secs_f64(),
                most,
            )?;
            best = measure(less)?;
        }
    }
    Ok(best)
}

/// A cost of so many times the work.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures within the bounds of a cost"
)]
fn scaled(cost: Cost, factor: f64, most_memory_kib: u32) -> Result<Cost, PasswordError> {
    let least = Cost::OWASP;
    let work = f64::from(cost.memory_kib()) * f64::from(cost.iterations()) * factor;
    let passes = f64::from(least.iterations());
    // Whole MiB, so that the figure can be remembered.
    let memory = (work / passes / 1024.0).floor() * 1024.0;
    let memory = memory.clamp(f64::from(least.memory_kib()), f64::from(most_memory_kib));
    let most_passes = f64::from(Cost::MAX_ITERATIONS);
    let passes = (work / memory).floor().clamp(passes, most_passes);
    Cost::try_new(memory as u32, passes as u32, least.parallelism())
        .map_err(|_| PasswordError::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which a hash takes so many nanoseconds for each KiB of each pass.
    fn machine(nanoseconds: u64) -> impl FnMut(Cost) -> Result<Measured, PasswordError> {
        move |cost| {
            let work = u64::from(cost.memory_kib()) * u64::from(cost.iterations());
            let time = Duration::from_nanos(nanoseconds * work);
            Ok(Measured {
                cost,
                time,
                per_second: 1.0 / time.as_secs_f64(),
                arenas: 1,
                backend: InUse::Reference,
            })
        }
    }

    fn proposed(target_ms: u64, most_memory_kib: u32, nanoseconds: u64) -> String {
        let target = Duration::from_millis(target_ms);
        let found = propose(target, most_memory_kib, machine(nanoseconds)).unwrap();
        found.cost.to_string()
    }

    #[test]
    fn a_fast_machine_takes_more_memory_and_then_more_passes() {
        assert_eq!(proposed(50, u32::MAX, 200), "m=124928,t=2,p=1");
        assert_eq!(proposed(500, u32::MAX, 200), "m=262144,t=9,p=1");
        assert_eq!(proposed(50, 65_536, 200), "m=65536,t=3,p=1");
        assert_eq!(proposed(60_000, u32::MAX, 200), "m=262144,t=10,p=1");
    }

    #[test]
    fn a_slow_machine_gets_no_less_than_the_least() {
        assert_eq!(proposed(5, u32::MAX, 1000), "m=19456,t=2,p=1");
        assert_eq!(proposed(25, 0, 200), "m=19456,t=6,p=1");
    }

    #[test]
    fn where_more_memory_costs_more_than_its_share_the_target_is_kept() {
        let target = Duration::from_millis(50);
        let mut steep = |cost: Cost| {
            let factor = 1 + u64::from(cost.memory_kib() > 32_768);
            machine(200 * factor)(cost)
        };
        let found = propose(target, u32::MAX, &mut steep).unwrap();
        assert!(found.time <= target.mul_f64(1.05), "{found:?}");
        assert!(found.time >= target.mul_f64(0.8), "{found:?}");
    }

    #[test]
    fn what_is_measured_is_hashing() {
        let cost = Cost::try_new(1024, 1, 1).unwrap();
        let measured = measure(cost, Some(1), Backend::Reference).unwrap();
        assert_eq!((measured.cost, measured.arenas), (cost, 1));
        assert_eq!(measured.backend, InUse::Reference);
        assert!(measured.time > Duration::from_micros(50));
        assert!((measured.per_second * measured.time.as_secs_f64() - 1.0).abs() < 1e-6);
    }
}
