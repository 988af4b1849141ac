//! A clock that is stepped under the service: by libfaketime, as the whole process sees it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::client::{Ask, FORM, compose};
use crate::cluster::{Cluster, until};
use crate::load::{Answer, Held, Kind, Load};
use crate::program::Served;
use crate::report::Row;
use crate::scene::{ISSUER, service};
use crate::{tools, watch};

/// Where Debian and Fedora have it.
const PLACES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

struct Clock(PathBuf);

impl Clock {
    /// From now on so far from the real one.
    fn step(&self, offset: &str) {
        // In one step: it is read all the time.
        let fresh = self.0.with_extension("new");
        fs::write(&fresh, offset).unwrap();
        fs::rename(&fresh, &self.0).unwrap();
    }
}

/// `None` where there is no libfaketime.
pub(crate) fn stepped(cluster: &Cluster, folder: &Path) -> Option<Row> {
    let Some(library) = PLACES.into_iter().find(|place| Path::new(place).exists()) else {
        tools::skip(
            "no clock is stepped: there is no libfaketime (Debian: apt-get install libfaketime)",
        );
        return None;
    };
    cluster.run("CREATE DATABASE stepped");
    let (credentials, socket) = cluster.parts();
    let url = format!("postgresql://{credentials}@/stepped?host={socket}");
    let clock = Clock(folder.join("clock"));
    clock.step("+0");
    let mut command = service(folder, &url, &[]);
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &clock.0)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let server = Served::spawn(&mut command);
    let load = Load::on(vec![server.address()]);
    assert!(load.register("matt"));
    let mut old = load.log_in("matt").unwrap();
    let revoked = load.log_in("matt").unwrap();
    load.revoke(&revoked);
    let verifier = watch::offline(&load, ISSUER);
    let first = old.access_token().to_owned();
    let kid = key(&load);
    let (mut sessions, mut recovery) = (Vec::new(), Duration::ZERO);
    for offset in ["+1h", "+0", "-2h", "+36h", "-36h", "+0"] {
        recovery = recovery.max(step(&clock, offset, &load));
        go_on(&load, &mut old, &revoked, &mut sessions);
        assert_eq!(key(&load), kid, "{offset}");
        verifier.verify_now(&first).unwrap();
    }
    for mut held in sessions {
        assert!(load.refresh(&mut held), "{:?}", load.next_tally().wrong);
    }
    let lost = load.ledger.differences(&mut crate::cluster::connect(&url));
    drop(server);
    Some(Row {
        cause: "clock stepped, by hours to and fro",
        tally: load.next_tally(),
        recovery,
        lost,
        may_be_gone: false,
    })
}

/// Returns how long it took until log-ins were taken again.
fn step(clock: &Clock, offset: &str, load: &Load) -> Duration {
    clock.step(offset);
    let stepped = Instant::now();
    until("it is ready after a step of its clock", || {
        matches!(load.get(Kind::Ready, "/health/ready"), Answer::Good(_))
    });
    stepped.elapsed()
}

/// Whatever the time is, it can be logged in and gone on, and what was ended stays so.
fn go_on(load: &Load, old: &mut Held, revoked: &Held, sessions: &mut Vec<Held>) {
    sessions.extend(load.log_in("matt"));
    for _ in 0..2 {
        load.refresh(old);
        load.show(load.target(), old.access_token(), Kind::Me, 200);
    }
    let target = load.target();
    let form = format!(
        "grant_type=refresh_token&refresh_token={}",
        revoked.refresh_token()
    );
    let request = compose(target, "POST", "/token", &[FORM], &form);
    load.ask(Kind::Refresh, target, &request, 400);
}

fn key(load: &Load) -> serde_json::Value {
    match load.get(Kind::Keys, "/.well-known/jwks.json") {
        Answer::Good(reply) => reply.json()["keys"][0]["kid"].clone(),
        _ => panic!("there are no keys"),
    }
}
