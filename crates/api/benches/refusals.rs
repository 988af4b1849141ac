//! Whether the time of a refused log-in tells who has an account: wrong password, unknown user
//! and disabled user, asked in turn over HTTP, at the configured cost. Fails if their medians
//! differ by more than five per cent.
//!
//! ```text
//! cargo bench -p passgate-api --bench refusals
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints a table"
)]

#[expect(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../tests/api/app.rs"]
mod app;
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../tests/api/client.rs"]
mod client;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;

use app::App;
use client::{Ask, PASSWORD};

/// Of each kind.
const SAMPLES: usize = 300;

/// Of the greatest median over the least.
const MOST: f64 = 1.05;

const KINDS: [(&str, &str, &str); 3] = [
    ("wrong password", "matt", "wrong horse battery"),
    ("unknown user", "nobody", PASSWORD),
    ("disabled user", "gone", PASSWORD),
];

fn main() -> ExitCode {
    let app = App::with_args(&["passgate"]);
    app.register("matt");
    app.register("gone");
    app.database
        .connect()
        .batch_execute("UPDATE users SET disabled_at = now() WHERE username = 'gone'")
        .unwrap();
    let mut samples: [Vec<Duration>; 3] = Default::default();
    for round in 0..SAMPLES {
        for turn in 0..KINDS.len() {
            // Another order each round, so that none always follows the same other.
            let kind = (turn + round) % KINDS.len();
            let (_, username, password) = KINDS[kind];
            let begun = Instant::now();
            app.log_in(username, password).expect(401);
            samples[kind].push(begun.elapsed());
        }
    }
    println!(
        "{:<16} {:>10} {:>10} {:>10}",
        "refused for", "p10 ms", "median ms", "p90 ms"
    );
    let medians = samples.map(|mut times| {
        times.sort();
        times
    });
    for ((name, ..), times) in KINDS.iter().zip(&medians) {
        let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e3;
        println!(
            "{name:<16} {:>10.3} {:>10.3} {:>10.3}",
            at(10),
            at(50),
            at(90)
        );
    }
    let medians = medians.map(|times| times[times.len() / 2].as_secs_f64());
    let greatest = medians.iter().copied().fold(f64::MIN, f64::max);
    let least = medians.iter().copied().fold(f64::MAX, f64::min);
    let ratio = greatest / least;
    println!("{SAMPLES} samples each; greatest median over least: {ratio:.3} (at most {MOST})");
    if ratio > MOST {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
