//! How fast passwords are hashed, and by whom: each round runs every side, in another order, so
//! that a noisy machine is noisy for all; the median of the rounds counts.
//!
//! ```text
//! cargo bench -p passgate-auth --bench hashing
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints a table"
)]

use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use passgate_auth::domain::{Password, PasswordHash};
use passgate_auth::password::{Backend, Passwords};

const ROUNDS: usize = 5;

/// Of one side in one round.
const LONG: Duration = Duration::from_secs(1);

const PASSWORD: &str = "correct horse battery staple";
const SALT: &[u8] = b"sixteen bytes of";

/// Something that hashes once, for one thread.
type Hash = Box<dyn FnMut() + Send>;

/// Makes what one thread calls.
type Make = Box<dyn Fn() -> Hash>;

struct Side {
    name: &'static str,
    threads: usize,
    make: Make,
    rates: Vec<f64>,
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// What everybody writes.
fn allocating() -> Hash {
    Box::new(|| {
        let mut tag = [0; 32];
        argon2()
            .hash_password_into(PASSWORD.as_bytes(), SALT, &mut tag)
            .unwrap();
    })
}

fn kept() -> Hash {
    let mut blocks = vec![Block::default(); Params::DEFAULT.block_count()];
    Box::new(move || {
        let mut tag = [0; 32];
        argon2()
            .hash_password_into_with_memory(PASSWORD.as_bytes(), SALT, &mut tag, &mut blocks[..])
            .unwrap();
    })
}

/// Through the queue, as a server does.
fn engine(passwords: &Passwords) -> Hash {
    let (passwords, password) = (passwords.clone(), Password::parse(PASSWORD).unwrap());
    let stored: PasswordHash = passwords.hash_blocking(&password).unwrap();
    Box::new(move || {
        let _ = passwords.check_blocking(&password, Some(&stored)).unwrap();
    })
}

/// Hashes a second, of so many threads together.
fn rate(side: &Side) -> f64 {
    let hashes: Vec<Hash> = (0..side.threads).map(|_| (side.make)()).collect();
    let begun = Instant::now();
    let counts: Vec<u32> = thread::scope(|scope| {
        let running: Vec<_> = hashes
            .into_iter()
            .map(|mut hash| {
                scope.spawn(move || {
                    let mut count = 0;
                    while begun.elapsed() < LONG {
                        hash();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    f64::from(counts.iter().sum::<u32>()) / begun.elapsed().as_secs_f64()
}

fn main() {
    let cores = thread::available_parallelism().unwrap().get();
    let reference = Passwords::builder()
        .backend(Backend::Reference)
        .build()
        .unwrap();
    let accelerated = Passwords::builder().build().unwrap();
    println!(
        "argon2id {}, {cores} cores, {}; median of {ROUNDS} rounds",
        accelerated.cost(),
        accelerated.backend()
    );
    let mut threads = vec![1, cores, 2 * cores];
    threads.dedup();
    let mut sides = Vec::new();
    for threads in threads {
        let (slow, fast) = (reference.clone(), accelerated.clone());
        let makes: [(&str, Make); 4] = [
            ("argon2, memory for each hash", Box::new(allocating)),
            ("argon2, memory kept", Box::new(kept)),
            ("Passwords, reference", Box::new(move || engine(&slow))),
            ("Passwords, accelerated", Box::new(move || engine(&fast))),
        ];
        sides.extend(makes.map(|(name, make)| Side {
            name,
            threads,
            make,
            rates: Vec::new(),
        }));
    }
    for round in 0..ROUNDS {
        for turn in 0..sides.len() {
            let at = (turn + round) % sides.len();
            let rate = rate(&sides[at]);
            sides[at].rates.push(rate);
        }
    }
    println!(
        "{:>7}  {:<30} {:>9} {:>7}",
        "callers", "", "hashes/s", "ratio"
    );
    let mut first = None;
    for side in &mut sides {
        side.rates.sort_by(f64::total_cmp);
        let rate = side.rates[ROUNDS / 2];
        // Against what everybody writes, with as many callers.
        let base = match first {
            Some((threads, base)) if threads == side.threads => base,
            _ => rate,
        };
        first = Some((side.threads, base));
        println!(
            "{:>7}  {:<30} {rate:>9.1} {:>7.2}",
            side.threads,
            side.name,
            rate / base
        );
    }
}
