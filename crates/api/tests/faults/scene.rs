//! A service under load, to which something happens.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::PgConnection;

use crate::client::Ask;
use crate::cluster::{number_of, until};
use crate::load::{Held, Load};
use crate::program::{Served, passgate};
use crate::report::Row;
use crate::watch;
use crate::{SECRET, number};

/// Whom the tokens are from, whatever port a replica has.
pub(crate) const ISSUER: &str = "https://id.example.com";

/// At most, of each replica.
pub(crate) const CONNECTIONS: i64 = 4;

/// Clients, each with one request at a time.
const CLIENTS: usize = 6;

/// How long a cause lasts, unless `PASSGATE_TEST_FAULT_SECONDS` says how long.
const FAULT_SECONDS: u64 = 2;

/// The program, on a database, with hashes that cost next to nothing.
pub(crate) fn service(folder: &Path, url: &str, flags: &[&str]) -> Command {
    let mut all = vec![
        "--database-url",
        url,
        "--secret",
        SECRET,
        "--issuer",
        ISSUER,
    ];
    all.extend(["--argon2", "m=64,t=1,p=1", "--log-format", "json"]);
    let connections = CONNECTIONS.to_string();
    all.extend(["--database-connections", &connections]);
    // All clients have one address, and some have wrong passwords on purpose: every guess is counted,
    // and there is room for all of them.
    for budget in [
        "--guesses-per-account",
        "--guesses-per-address",
        "--guesses-in-all",
        "--registrations-per-address",
    ] {
        all.extend([budget, "1000000/1ms"]);
    }
    // No client is logged out by an outage of seconds.
    all.extend(["--refresh-grace", "1m", "--log", "warn"]);
    if !flags.contains(&"--listen") {
        all.extend(["--listen", "127.0.0.1:0"]);
    }
    all.extend(flags);
    passgate(folder, &all)
}

pub(crate) struct Scene {
    pub(crate) service: Option<Served>,
    pub(crate) load: Arc<Load>,
    clients: Vec<JoinHandle<Vec<Held>>>,
}

impl Scene {
    pub(crate) fn with(service: Served) -> Self {
        let load = Load::on(vec![service.address()]);
        let mut clients = vec![watch::start(&load, ISSUER)];
        clients.extend(load.start(CLIENTS));
        let scene = Self {
            service: Some(service),
            load,
            clients,
        };
        scene.load.wait_until_well();
        scene
    }

    /// Lets something happen, for so many times as long as others last, lets it be over, and tells
    /// what clients saw.
    pub(crate) fn suffer(
        &mut self,
        cause: &'static str,
        times: u32,
        begin: impl FnOnce(&mut Self),
        end: impl FnOnce(&mut Self),
        connect: impl Fn() -> PgConnection,
    ) -> Row {
        self.load.wait_until_well();
        self.load.next_tally();
        begin(self);
        let length = number("PASSGATE_TEST_FAULT_SECONDS", FAULT_SECONDS);
        last(times * Duration::from_secs(length));
        end(self);
        let recovery = self.load.wait_until_well();
        let tally = self.load.next_tally();
        let lost = self.load.at_rest(|| {
            let mut connection = connect();
            leaves_no_connections(&mut connection, 1);
            self.load.ledger.differences(&mut connection)
        });
        Row {
            cause,
            tally,
            recovery,
            lost,
            may_be_gone: false,
        }
    }

    /// Ends the load. Every session that was not ended goes on.
    pub(crate) fn end(mut self) {
        self.load.wait_until_well();
        self.load.end();
        for client in self.clients.drain(..) {
            for mut held in client.join().unwrap() {
                assert!(self.load.refresh(&mut held), "a session is lost");
            }
        }
        let tally = self.load.next_tally();
        assert!(tally.wrong.is_empty(), "{:?}", tally.wrong);
        // As it is: how it stops is tested elsewhere.
        drop(self.service.take());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // For those who go on when a test has failed.
        self.load.end();
    }
}

/// As long as the cause lasts, which is what is wanted: nothing is waited for.
pub(crate) fn last(time: Duration) {
    let begun = Instant::now();
    while let Some(rest) = time.checked_sub(begun.elapsed()) {
        thread::park_timeout(rest);
    }
}

/// No more connections than the replicas may have, and none in the middle of something.
pub(crate) fn leaves_no_connections(connection: &mut PgConnection, replicas: i64) {
    let of = "FROM pg_stat_activity WHERE application_name = 'passgate'";
    until("the connections are given back", || {
        let all = number_of(connection, &format!("SELECT count(*) AS number {of}"));
        let idle = number_of(
            connection,
            &format!("SELECT count(*) AS number {of} AND state = 'idle'"),
        );
        all == idle && all <= CONNECTIONS * replicas
    });
}
