//! What this machine can do at most, measured in this process.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use passgate_auth::jwt::{
    Algorithm, Audience, Issuer, IssuerId, KeyRing, SigningKey, Subject, Ttl, Verifier,
};
use passgate_auth::password::{Check, Passwords};
use passgate_domain::{Password, PasswordHash, SystemClock};

use crate::Fallible;
use crate::http::PASSWORD;

/// The cores that this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The same, to reckon with.
pub(crate) fn cores_f64() -> f64 {
    f64::from(u32::try_from(cores()).unwrap_or(u32::MAX))
}

/// Password checks a second, on every core, with nothing around them.
pub(crate) fn hashes_per_second(
    passwords: &Passwords,
    stored: &PasswordHash,
    time: Duration,
) -> Fallible<f64> {
    let password = Password::parse(PASSWORD)?;
    let begun = Instant::now();
    let threads = thread::scope(|scope| {
        let started: Vec<_> = (0..cores())
            .map(|_| {
                scope.spawn(|| -> Fallible<u32> {
                    let mut done = 0;
                    while begun.elapsed() < time {
                        match passwords.check_blocking(&password, Some(stored))? {
                            Check::Match { .. } => done += 1,
                            Check::Mismatch => return Err("the password is another".into()),
                        }
                    }
                    Ok(done)
                })
            })
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Fallible<u32>>| {
            thread.join().map_err(|_| "a thread panicked")?
        };
        started.into_iter().map(join).sum::<Fallible<u32>>()
    });
    Ok(f64::from(threads?) / begun.elapsed().as_secs_f64())
}

/// EdDSA tokens that are verified in a second, with every check, on one core.
pub(crate) fn verifications_per_second(time: Duration) -> Fallible<f64> {
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?);
    let id = IssuerId::parse("https://id.example.com")?;
    let audience = Audience::parse("https://api.example.com")?;
    let ttl = Ttl::try_new(Duration::from_mins(25))?;
    let issuer = Issuer::new(id.clone(), ring.clone(), ttl, Arc::new(SystemClock));
    let verifier: Verifier = Verifier::new(id, audience.clone(), ring);
    let subject = Subject::parse("user")?;
    let token = issuer.access(&subject, &audience).sign()?;
    let begun = Instant::now();
    let mut done: u32 = 0;
    while begun.elapsed() < time {
        verifier.verify_now(token.as_str())?;
        done += 1;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}
