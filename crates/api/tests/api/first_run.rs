//! `passgate`, and nothing else.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use nix::sys::signal::Signal;
use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::app::SECRET;
use crate::client::{Ask, JSON, PASSWORD, compose, try_send};
use crate::program::{Served, folder, passgate, run, run_well};

#[test]
fn the_second_run_keeps_the_users_of_the_first() {
    let folder = folder();
    let first = Served::start(folder.path(), &[]);
    first.register("matt");
    let keys = first.get("/.well-known/jwks.json").expect(200);
    first.stop();
    assert!(
        !folder
            .path()
            .join(".passgate/postgres/data/postmaster.pid")
            .exists()
    );

    let second = Served::start(folder.path(), &[]);
    second.log_in("matt", PASSWORD).expect(200);
    assert_eq!(second.get("/.well-known/jwks.json").expect(200), keys);
    // And the commands work while it serves.
    let users = run_well(folder.path(), &["users", "list", "--json"]);
    let users: Value = serde_json::from_str(&users).unwrap();
    assert_eq!(users[0]["username"], "matt");
    second.stop();
}

#[test]
fn a_first_start_makes_nobody() {
    let folder = folder();
    let first = Served::start(folder.path(), &[]);
    assert_eq!(
        run_well(folder.path(), &["users", "list", "--json"]),
        "[]\n"
    );
    assert_eq!(
        run_well(folder.path(), &["clients", "list", "--json"]),
        "[]\n"
    );
    first.stop();
}

#[test]
fn killed_in_the_middle_of_traffic_it_forgets_nobody_who_was_told() {
    let folder = folder();
    let acknowledged = Mutex::new(Vec::new());
    for round in 0..2 {
        let cheap = ["--argon2", "m=64,t=1,p=1"];
        let many = ["--registrations-per-address", "off"];
        let server = Served::start(folder.path(), &[cheap, many].concat());
        let address = server.address();
        let (dead, next) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !dead.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let name = format!("user{round}-{number}");
                        let body = json!({"username": name, "password": PASSWORD}).to_string();
                        let request = compose(address, "POST", "/users", &[JSON], &body);
                        match try_send(address, &request) {
                            Ok(reply) if reply.status == 201 => {
                                acknowledged.lock().unwrap().push(name);
                            }
                            _ => return,
                        }
                    }
                });
            }
            while acknowledged.lock().unwrap().len() < 100 * (round + 1) {
                thread::yield_now();
            }
            server.signal(Signal::SIGKILL);
            dead.store(true, Ordering::Relaxed);
        });
        drop(server.end());
    }
    let server = Served::start(folder.path(), &[]);
    let there = run_well(folder.path(), &["users", "list", "--json"]);
    let there: Value = serde_json::from_str(&there).unwrap();
    let there: Vec<&str> = there
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["username"].as_str().unwrap())
        .collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 200);
    for name in &acknowledged {
        assert!(
            there.contains(&name.as_str()),
            "{name} was acknowledged and is lost"
        );
    }
    server.log_in(&acknowledged[0], PASSWORD).expect(200);
    server.stop();
}

#[test]
fn the_log_holds_no_secret() {
    let folder = folder();
    let flags = ["--log", "trace", "--argon2", "m=64,t=1,p=1"];
    let server = Served::start(folder.path(), &flags);
    server.register("matt");
    let token = server.token("matt");
    server.get_as(&token, "/users/me").expect(200);
    server.log_in("matt", "another secret").expect(401);
    let log = server.stop();
    let signature = token.rsplit('.').next().unwrap();
    let made = std::fs::read_to_string(folder.path().join(".passgate/secret")).unwrap();
    let database = std::fs::read_to_string(folder.path().join(".passgate/postgres/password"));
    let database = database.unwrap();
    assert!(
        log.contains("\"status\":401"),
        "the log says something: {log}"
    );
    for secret in [
        PASSWORD,
        "correct+horse",
        "another+secret",
        "$argon2id$",
        signature,
        made.trim(),
        database.trim(),
    ] {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
}

#[test]
fn replicas_that_start_together_on_an_empty_database_publish_one_key() {
    let (folder, database) = (folder(), TestDatabase::empty());
    let url = database.url();
    let flags = ["--database-url", url.expose_secret(), "--secret", SECRET];
    let barrier = Barrier::new(4);
    let replicas: Vec<Served> = thread::scope(|scope| {
        let starting: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    Served::start(folder.path(), &flags)
                })
            })
            .collect();
        starting
            .into_iter()
            .map(|replica| replica.join().unwrap())
            .collect()
    });
    replicas[0].register("matt");
    let keys = replicas[0].get("/.well-known/jwks.json").expect(200);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    for replica in replicas {
        assert_eq!(replica.get("/.well-known/jwks.json").expect(200), keys);
        replica.log_in("matt", PASSWORD).expect(200);
        replica.stop();
    }
}

/// The server's user is another one where we are root.
#[test]
fn the_private_server_gets_nothing_of_our_environment() {
    let folder = folder();
    let mut command = passgate(folder.path(), &["--listen", "127.0.0.1:0"]);
    let server = Served::spawn(command.env("PASSGATE_SECRET", SECRET));
    let file = folder.path().join(".passgate/postgres/data/postmaster.pid");
    let pid = std::fs::read_to_string(file).unwrap();
    let pid = pid.lines().next().unwrap();
    // Where there is no /proc there is nothing to read it from.
    if let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) {
        let environment = String::from_utf8_lossy(&environment);
        assert!(environment.contains("PATH="), "{environment}");
        assert!(!environment.contains("PASSGATE") && !environment.contains(SECRET));
    }
    server.stop();
}

#[test]
fn a_start_that_fails_leaves_no_server() {
    let folder = folder();
    Served::start(folder.path(), &[]).stop();
    let output = run(
        folder.path(),
        &["--listen", "127.0.0.1:0", "--secret", "too short"],
    );
    assert!(!output.status.success());
    assert!(
        !folder
            .path()
            .join(".passgate/postgres/data/postmaster.pid")
            .exists()
    );
}

#[test]
fn an_empty_variable_is_none() {
    let folder = folder();
    let mut command = passgate(folder.path(), &["--listen", "127.0.0.1:0"]);
    for name in ["PASSGATE_DATABASE_URL", "DATABASE_URL", "PASSGATE_SECRET"] {
        command.env(name, "");
    }
    let server = Served::spawn(&mut command);
    assert!(folder.path().join(".passgate/postgres/data").exists());
    server.stop();
}
