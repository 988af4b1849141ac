//! What the service does while something around it fails: real processes, real signals, clients that
//! write down what they were told, and a comparison of that with the database at the end.
//!
//! The tests take turns: each measures how long answers take.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod balancer;
mod causes;
#[expect(dead_code, reason = "shared with the other tests, which use all of it")]
#[path = "../api/client.rs"]
mod client;
mod clock;
mod cluster;
mod descriptors;
mod ledger;
mod load;
#[expect(dead_code, reason = "shared with the other tests, which use all of it")]
#[path = "../api/program.rs"]
mod program;
mod proxy;
mod replicas;
mod report;
mod rollout;
mod scene;
mod soak;
#[expect(dead_code, reason = "shared with the other tests, which use all of it")]
#[path = "../api/tools.rs"]
mod tools;
mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError};

const SECRET: &str = "a secret of the tests, long enough";

/// Held by each test while it runs. What another left after a failure is no reason to fail.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number that a variable says, for who wants more than `cargo test` has time for.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}
