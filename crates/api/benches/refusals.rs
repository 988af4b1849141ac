//! Whether the time of a refused log-in tells who has an account: wrong password, unknown user
//! and disabled user, asked in turn over HTTP, at the configured cost. Fails if their medians are more
//! than two per cent apart, or if a test of Mann and Whitney tells two of them apart.
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
use std::time::Instant;

use diesel::connection::SimpleConnection;

use app::App;
use client::{Ask, PASSWORD};

/// Of each kind.
const SAMPLES: usize = 2000;

/// Of the greatest median over the least.
const MOST: f64 = 1.02;

/// The least probability that two kinds of the same times differ by chance as much as they did.
const LEAST: f64 = 0.01;

const KINDS: [(&str, &str, &str); 3] = [
    ("wrong password", "matt", "wrong horse battery"),
    ("unknown user", "nobody", PASSWORD),
    ("disabled user", "gone", PASSWORD),
];

/// So that every guess is looked at, and counted like any other.
const FLAGS: [&str; 7] = [
    "passgate",
    "--guesses-per-account",
    "1000000/1ms",
    "--guesses-per-address",
    "1000000/1ms",
    "--guesses-in-all",
    "1000000/1ms",
];

fn main() -> ExitCode {
    let app = App::with_args(&FLAGS);
    app.register("matt");
    app.register("gone");
    app.database
        .connect()
        .batch_execute("UPDATE users SET disabled_at = now() WHERE username = 'gone'")
        .unwrap();
    let mut samples: [Vec<f64>; 3] = Default::default();
    // The first ones open connections and prepare statements.
    for round in 0..SAMPLES + 20 {
        for turn in 0..KINDS.len() {
            // Another order each round, so that none always follows the same other.
            let kind = order(round)[turn];
            let (_, username, password) = KINDS[kind];
            let begun = Instant::now();
            app.log_in(username, password).expect(401);
            if round >= 20 {
                samples[kind].push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    println!(
        "{:<16} {:>10} {:>10} {:>10}",
        "refused for", "p10 ms", "median ms", "p90 ms"
    );
    for times in &mut samples {
        times.sort_by(f64::total_cmp);
    }
    for ((name, ..), times) in KINDS.iter().zip(&samples) {
        let at = |percent: usize| times[times.len() * percent / 100];
        println!(
            "{name:<16} {:>10.3} {:>10.3} {:>10.3}",
            at(10),
            at(50),
            at(90)
        );
    }
    let medians = samples.each_ref().map(|times| times[times.len() / 2]);
    let greatest = medians.iter().copied().fold(f64::MIN, f64::max);
    let least = medians.iter().copied().fold(f64::MAX, f64::min);
    let ratio = greatest / least;
    println!("{SAMPLES} samples each; greatest median over least: {ratio:.4} (at most {MOST})");
    let mut is_even = ratio <= MOST;
    for other in 1..KINDS.len() {
        let p = mann_whitney(&samples[0], &samples[other]);
        let (one, other) = (KINDS[0].0, KINDS[other].0);
        println!("{one} against {other}: Mann-Whitney U, p = {p:.3} (at least {LEAST})");
        is_even &= p > LEAST;
    }
    let outcome = if is_even {
        "the same times"
    } else {
        "TOLD APART by their times"
    };
    println!(
        "refusals: {} kinds, {SAMPLES} of each: {outcome}",
        KINDS.len()
    );
    if is_even {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// All orders of the three, in turn.
fn order(round: usize) -> [usize; 3] {
    const ORDERS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
        [0, 2, 1],
        [2, 0, 1],
        [1, 0, 2],
    ];
    ORDERS[round % ORDERS.len()]
}

/// The probability that two samples of one distribution are apart at least as much, by the ranks of
/// their values: Mann and Whitney's U in its normal approximation, corrected for ties.
#[expect(clippy::cast_precision_loss, reason = "counts of samples")]
fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut ties, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let same = all[at..]
            .iter()
            .take_while(|(value, _)| value.total_cmp(&all[at].0).is_eq());
        let of_one = same.clone().filter(|(_, is_of_one)| *is_of_one).count() as f64;
        let count = same.count();
        let (size, before) = (count as f64, at as f64);
        ranks += of_one * (before + f64::midpoint(size, 1.0));
        ties += size.powi(3) - size;
        at += count;
    }
    let u = ranks - n * (n + 1.0) / 2.0;
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2)
}

/// The complementary error function of what is not negative, within 1.5e-7 (Abramowitz and Stegun
/// 7.1.26).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [
        0.254_829_592,
        -0.284_496_736,
        1.421_413_741,
        -1.453_152_027,
        1.061_405_429,
    ];
    let sum = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    sum * (-x * x).exp()
}
