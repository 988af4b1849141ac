//! The service and the database die under refresh load, again and again, and nobody is logged out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use passgate_local_postgres::LocalPostgres;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::app::SECRET;
use crate::client::{Ask, FORM, PASSWORD, compose, try_send};
use crate::program::{Served, folder, run_well};

/// Kills, unless `PASSGATE_TEST_KILLS` says how many.
const KILLS: usize = 20;

/// Clients, each with a session of its own.
const CLIENTS: usize = 4;

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn kills() -> usize {
    std::env::var("PASSGATE_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// What the clients share.
struct Load {
    address: SocketAddr,
    refreshed: AtomicUsize,
    over: AtomicBool,
    /// Every token that was answered, with its successor.
    successors: Mutex<HashMap<String, String>>,
}

impl Load {
    /// Refreshes until it is over; whatever fails without a word is tried again with the token
    /// that was acknowledged last.
    fn keep_refreshing(&self, mut held: String) -> String {
        while !self.over.load(Ordering::Relaxed) {
            let form = format!("grant_type=refresh_token&refresh_token={held}");
            let request = compose(self.address, "POST", "/token", &[FORM], &form);
            match try_send(self.address, &request) {
                Ok(reply) if reply.status == 200 => {
                    let next = reply.json()["refresh_token"].as_str().unwrap().to_owned();
                    let mut successors = self.successors.lock().unwrap();
                    let known = successors.entry(held).or_insert_with(|| next.clone());
                    assert_eq!(*known, next, "two lineages");
                    drop(successors);
                    held = next;
                    self.refreshed.fetch_add(1, Ordering::Relaxed);
                }
                Ok(reply) if reply.status >= 500 => thread::yield_now(),
                Ok(reply) => {
                    self.over.store(true, Ordering::Relaxed);
                    panic!("locked out: {} {}", reply.status, reply.text());
                }
                Err(_) => thread::yield_now(),
            }
        }
        held
    }

    fn wait_for(&self, more: usize) {
        let (wanted, begun) = (
            self.refreshed.load(Ordering::Relaxed) + more,
            Instant::now(),
        );
        while self.refreshed.load(Ordering::Relaxed) < wanted && !self.over.load(Ordering::Relaxed)
        {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the load does not come back"
            );
            thread::yield_now();
        }
    }
}

#[test]
fn no_client_is_locked_out_by_crashes_of_service_and_database() {
    let folder = folder();
    let data_dir = folder.path().join("database");
    let start_database = || LocalPostgres::builder(&data_dir).start().unwrap();
    let mut database = start_database();
    let url = database.url("passgate");
    let start = |listen: &str| {
        let flags = [
            "--listen",
            listen,
            "--database-url",
            url.expose_secret(),
            "--secret",
            SECRET,
            "--argon2",
            "m=64,t=1,p=1",
            "--refresh-grace",
            "30s",
            "--log",
            "error",
        ];
        Served::spawn(&mut crate::program::passgate(folder.path(), &flags))
    };
    let service = start("127.0.0.1:0");
    let address = service.address();
    service.register("matt");
    let sessions: Vec<String> = (0..CLIENTS)
        .map(|_| {
            service.log_in("matt", PASSWORD).expect(200)["refresh_token"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let load = Load {
        address,
        refreshed: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        successors: Mutex::default(),
    };
    let mut running = Some(service);
    let held: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = sessions
            .iter()
            .map(|held| scope.spawn(|| load.keep_refreshing(held.clone())))
            .collect();
        for number in 0..kills() {
            // Another moment each time.
            load.wait_for(1 + number * 7 % 23);
            if number % 2 == 0 {
                let killed = running.take().unwrap();
                killed.signal(Signal::SIGKILL);
                drop(killed.end());
                running = Some(start(&address.to_string()));
            } else {
                let file = database.data().join("postmaster.pid");
                let pid = std::fs::read_to_string(file).unwrap();
                let pid = Pid::from_raw(pid.lines().next().unwrap().parse().unwrap());
                kill(pid, Signal::SIGQUIT).unwrap();
                database = start_database();
            }
        }
        load.wait_for(20);
        load.over.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert!(load.refreshed.load(Ordering::Relaxed) >= kills());
    let service = running.unwrap();
    for token in held {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        service.post_form("/token", &form).expect(200);
    }
    let log = ["audit", "--json", "--limit", "1000", "--database-url"];
    let log = run_well(folder.path(), &[&log[..], &[url.expose_secret()]].concat());
    let log: Vec<Value> = serde_json::from_str(&log).unwrap();
    let count = |action: &str| log.iter().filter(|event| event["action"] == action).count();
    assert_eq!(count("logged_in"), CLIENTS, "as many as were acknowledged");
    // The first key, the account, the log-ins.
    assert_eq!(log.len(), CLIENTS + 2, "nothing ended: {log:?}");
    service.stop();
    database.stop().unwrap();
}
