//! Mixed load on two replicas for as long as wanted, with something that fails again and again.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use nix::sys::signal::Signal;
use secrecy::ExposeSecret;

use crate::client::Ask;
use crate::cluster::{Cluster, connect, until};
use crate::load::Load;
use crate::program::{Served, folder};
use crate::report::{ANSWER, RECOVERY};
use crate::scene::{ISSUER, last, leaves_no_connections, service};
use crate::{number, turn, watch};

/// What a process has.
#[derive(Debug, Clone, Copy)]
struct Holdings {
    kibibytes: u64,
    descriptors: usize,
    threads: usize,
}

impl Holdings {
    fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.unwrap().split_whitespace().next().unwrap();
            word.parse::<u64>().unwrap()
        };
        Self {
            kibibytes: line("VmRSS:"),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            threads: usize::try_from(line("Threads:")).unwrap(),
        }
    }

    /// No more than before, but for what comes and goes with the requests of a moment.
    fn is_flat_after(self, before: Self) -> bool {
        self.kibibytes <= before.kibibytes * 5 / 4 + 8 * 1024
            && self.descriptors <= before.descriptors + 16
            && self.threads <= before.threads + 8
    }
}

const FAULTS: [&str; 6] = [
    "Passgate killed",
    "PostgreSQL killed",
    "PostgreSQL paused",
    "PostgreSQL read-only",
    "connections cut",
    "PostgreSQL stopped",
];

struct Site<'a> {
    folder: &'a Path,
    cluster: Cluster,
    url: String,
    /// The one that is killed; the other goes on, and is looked at.
    victim: Option<Served>,
    address: SocketAddr,
}

fn start(folder: &Path, url: &str, listen: &str) -> Served {
    Served::spawn(&mut service(folder, url, &["--listen", listen]))
}

impl Site<'_> {
    /// Lets it fail for a while.
    fn suffer(&mut self, fault: &str, time: Duration) {
        let set = |cluster: &Cluster, what: &str| {
            cluster.run(&format!("ALTER SYSTEM {what}; SELECT pg_reload_conf()"));
        };
        match fault {
            "Passgate killed" => {
                let victim = self.victim.take().unwrap();
                victim.signal(Signal::SIGKILL);
                drop(victim.end());
                last(time);
                self.victim = Some(start(self.folder, &self.url, &self.address.to_string()));
            }
            "PostgreSQL paused" => {
                self.cluster.signal(Signal::SIGSTOP);
                last(time);
                self.cluster.signal(Signal::SIGCONT);
            }
            "PostgreSQL read-only" => {
                set(&self.cluster, "SET default_transaction_read_only = on");
                last(time);
                set(&self.cluster, "RESET default_transaction_read_only");
            }
            "connections cut" => self
                .cluster
                .connect()
                .batch_execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = 'passgate'",
                )
                .unwrap(),
            fault => {
                if fault == "PostgreSQL killed" {
                    self.cluster.kill();
                } else {
                    self.cluster.end(Signal::SIGINT);
                }
                last(time);
                self.cluster.start_again();
            }
        }
    }
}

/// For `PASSGATE_TEST_SOAK_SECONDS`, with a fault every `PASSGATE_TEST_SOAK_EVERY` seconds.
#[test]
fn after_a_long_time_of_faults_nothing_has_grown_and_nothing_is_lost() {
    let _turn = turn();
    let folder = folder();
    let cluster = Cluster::start(&folder.path().join("database"));
    let url = cluster.url().expose_secret().to_owned();
    let steady = start(folder.path(), &url, "127.0.0.1:0");
    let victim = start(folder.path(), &url, "127.0.0.1:0");
    let load = Load::on(vec![steady.address(), victim.address()]);
    load.forgive_copies();
    let mut site = Site {
        folder: folder.path(),
        cluster,
        url: url.clone(),
        address: victim.address(),
        victim: Some(victim),
    };
    // Of one that nobody kills.
    let own = Load::on(vec![steady.address()]);
    let mut clients = load.start(4);
    let mut watching = vec![watch::start(&own, ISSUER)];
    load.wait_until_served();
    let length = Duration::from_secs(number("PASSGATE_TEST_SOAK_SECONDS", 15));
    let every = Duration::from_secs(number("PASSGATE_TEST_SOAK_EVERY", 4));
    let (begun, mut table) = (Instant::now(), String::new());
    let (mut before, mut longest) = (None, Duration::ZERO);
    let (mut slowest, mut unanswered) = (Duration::ZERO, 0);
    let mut wrong = Vec::new();
    for turn in 0.. {
        if begun.elapsed() >= length {
            break;
        }
        let fault = FAULTS[turn % FAULTS.len()];
        let next = begun + every * u32::try_from(turn + 1).unwrap();
        site.suffer(fault, (every / 4).min(Duration::from_secs(10)));
        let recovery = load.wait_until_served();
        last(next.saturating_duration_since(Instant::now()));
        let (tally, ours) = (load.next_tally(), own.next_tally());
        let now = Holdings::of(steady.id());
        before.get_or_insert(now);
        longest = longest.max(tally.longest).max(ours.longest);
        slowest = slowest.max(recovery);
        unanswered += ours.none;
        writeln!(
            table,
            "{:>6} {fault:<22} {:>9.2} {:>8} {:>8} {:>8} {:>9.2} {:>9} {:>6} {:>7}",
            begun.elapsed().as_secs(),
            tally.longest.max(ours.longest).as_secs_f64(),
            tally.good + ours.good,
            tally.unavailable + ours.unavailable,
            tally.none + ours.none,
            recovery.as_secs_f64(),
            now.kibibytes,
            now.descriptors,
            now.threads
        )
        .unwrap();
        wrong.extend(tally.wrong.into_iter().chain(ours.wrong));
    }
    load.end();
    own.end();
    for client in clients.drain(..).chain(watching.drain(..)) {
        for mut held in client.join().unwrap() {
            assert!(own.refresh(&mut held), "a session is lost");
        }
    }
    let mut connection = connect(&url);
    leaves_no_connections(&mut connection, 2);
    let lost = load.ledger.and(&own.ledger).differences(&mut connection);
    let heading = format!(
        "\n{:>6} {:<22} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>6} {:>7}\n",
        "at s",
        "fault",
        "longest s",
        "good",
        "503",
        "none",
        "well in s",
        "RSS KiB",
        "files",
        "threads"
    );
    let told = format!(
        "{heading}{table}acknowledged and lost, or refused and there: {}\n",
        lost.len()
    );
    drop(io::stderr().write_all(told.as_bytes()));
    assert!(lost.is_empty() && wrong.is_empty(), "{lost:?} {wrong:?}");
    assert!(longest <= ANSWER, "an answer took {longest:?}");
    assert!(slowest <= RECOVERY, "all was well again after {slowest:?}");
    assert_eq!(unanswered, 0, "of the one that was not killed");
    let before = before.unwrap();
    // Threads that nobody needs go after a while.
    until("the process has no more than at the beginning", || {
        Holdings::of(steady.id()).is_flat_after(before)
    });
}
