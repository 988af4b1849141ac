//! `PASSGATE_SECRET` is exchanged, and nobody is logged out.

use std::fs;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ISSUER, published};
use crate::app::SECRET;
use crate::client::{Ask, FORM, PASSWORD, compose, try_send};
use crate::program::{Served, folder, run_well};
use crate::site::Site;

const NEW: &str = "the secret that comes after it, long enough";
const OLD: &str = SECRET;

const CLIENTS: usize = 4;

/// Clients that refresh at whichever replica is there.
struct Load {
    replicas: Mutex<Vec<SocketAddr>>,
    refreshed: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    fn keep_refreshing(&self, mut held: String) -> String {
        let mut turn = 0;
        while !self.over.load(Ordering::Relaxed) {
            turn += 1;
            let replica = {
                let replicas = self.replicas.lock().unwrap();
                replicas[turn % replicas.len()]
            };
            let form = format!("grant_type=refresh_token&refresh_token={held}");
            match try_send(replica, &compose(replica, "POST", "/token", &[FORM], &form)) {
                Ok(reply) if reply.status == 200 => {
                    let next = &reply.json()["refresh_token"];
                    next.as_str().unwrap().clone_into(&mut held);
                    self.refreshed.fetch_add(1, Ordering::Relaxed);
                }
                Ok(reply) if reply.status < 500 => {
                    self.over.store(true, Ordering::Relaxed);
                    panic!("logged out: {} {}", reply.status, reply.text());
                }
                // It stops just now.
                Ok(_) | Err(_) => thread::yield_now(),
            }
        }
        held
    }

    fn go_on(&self) {
        let (wanted, begun) = (self.refreshed.load(Ordering::Relaxed) + 40, Instant::now());
        while self.refreshed.load(Ordering::Relaxed) < wanted && !self.over.load(Ordering::Relaxed)
        {
            assert!(begun.elapsed() < Duration::from_mins(1), "nothing goes on");
            thread::yield_now();
        }
    }

    /// Exchanges one replica after the other, as a rollout does.
    fn roll_out(&self, site: &Site, servers: &mut Vec<Served>, secrets: &[&str]) {
        for _ in 0..servers.len() {
            let old = servers.remove(0);
            let address = old.address();
            self.replicas
                .lock()
                .unwrap()
                .retain(|replica| *replica != address);
            old.stop();
            let new = start(site, secrets);
            self.replicas.lock().unwrap().push(new.address());
            servers.push(new);
            self.go_on();
        }
    }
}

fn start(site: &Site, secrets: &[&str]) -> Served {
    // A noisy machine takes its time between an answer and the next request.
    let flags = ["--issuer", ISSUER, "--refresh-grace", "1m"];
    site.serve(&[&flags[..], secrets].concat())
}

fn refresh(server: &Served, token: &str) -> crate::client::Reply {
    server.post_form(
        "/token",
        &format!("grant_type=refresh_token&refresh_token={token}"),
    )
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap().to_owned()
}

#[test]
fn a_secret_is_exchanged_under_two_replicas_and_nobody_is_logged_out() {
    let site = Site::new();
    let old_only = ["--secret", OLD];
    let mut servers = vec![start(&site, &old_only), start(&site, &old_only)];
    servers[0].register("matt");
    let log_in = |servers: &[Served]| servers[0].log_in("matt", PASSWORD).expect(200);
    let first = log_in(&servers);
    let [late, too_late] = [(); 2].map(|()| text(&log_in(&servers), "refresh_token"));
    let sessions: Vec<String> = (0..CLIENTS)
        .map(|_| text(&log_in(&servers), "refresh_token"))
        .collect();
    let load = Load {
        replicas: Mutex::new(servers.iter().map(Ask::address).collect()),
        refreshed: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let kid = site.key_that_is("active").unwrap();
    let sealed_with = |site: &Site| -> Vec<String> {
        let mut names: Vec<String> = site.keys().iter().map(|key| text(key, "secret")).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let name_of_old = sealed_with(&site);

    let held: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = sessions
            .iter()
            .map(|held| scope.spawn(|| load.keep_refreshing(held.clone())))
            .collect();
        load.go_on();
        load.roll_out(
            &site,
            &mut servers,
            &["--secret", OLD, "--accepted-secret", NEW],
        );
        load.roll_out(
            &site,
            &mut servers,
            &["--secret", NEW, "--accepted-secret", OLD],
        );
        let late = refresh(&servers[0], &late).expect(200);
        let both = ["--secret", NEW, "--accepted-secret", OLD];
        site.run_well(&[&["keys", "rotate"][..], &both].concat());
        assert_eq!(sealed_with(&site).len(), 2);
        let reseal = || site.run_well(&[&["keys", "reseal"][..], &both].concat());
        assert!(reseal().starts_with("Encrypted 1 signing keys"));
        assert!(reseal().starts_with("Encrypted 0 signing keys"));
        let name_of_new = sealed_with(&site);
        assert!(name_of_new.len() == 1 && name_of_new != name_of_old);
        load.go_on();
        load.roll_out(&site, &mut servers, &["--secret", NEW]);
        load.over.store(true, Ordering::Relaxed);
        refresh(&servers[1], &text(&late, "refresh_token")).expect(200);
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });

    for token in held {
        refresh(&servers[0], &token).expect(200);
    }
    // Whoever did not refresh while both were accepted has to log in again.
    refresh(&servers[0], &too_late).expect(400);
    // The signing key is the same: access tokens noticed nothing.
    let token = text(&first, "access_token");
    servers[0].get_as(&token, "/users/me").expect(200);
    assert_eq!(site.key_that_is("active").unwrap(), kid);
    let said = site.complaint(&["keys", "reseal", "--secret", OLD]);
    assert!(
        said.contains("another secret:") && said.contains(&name_of_old[0]),
        "{said}"
    );
}

#[test]
fn a_secret_that_passgate_made_is_exchanged_by_one_command() {
    let folder = folder();
    let start = || Served::start(folder.path(), &["--argon2", "m=64,t=1,p=1"]);
    let server = start();
    server.register("matt");
    let granted = server.log_in("matt", PASSWORD).expect(200);
    let keys = published(&server);
    server.stop();

    let secret = || fs::read_to_string(folder.path().join(".passgate/secret")).unwrap();
    let before = secret();
    let told = run_well(folder.path(), &["keys", "reseal", "--new-secret"]);
    assert!(told.contains("Encrypted 1 signing keys"), "{told}");
    assert_ne!(secret(), before);

    let server = start();
    assert_eq!(published(&server), keys);
    let next = refresh(&server, &text(&granted, "refresh_token")).expect(200);
    server.stop();
    fs::remove_file(folder.path().join(".passgate/accepted-secret")).unwrap();
    let server = start();
    let last = refresh(&server, &text(&next, "refresh_token")).expect(200);
    server.stop();

    // Lost: there are other keys, and everybody logs in again.
    fs::remove_file(folder.path().join(".passgate/secret")).unwrap();
    let told = run_well(folder.path(), &["keys", "rotate", "--now"]);
    assert!(told.contains("1 others are gone"), "{told}");
    let server = start();
    assert_ne!(published(&server), keys);
    refresh(&server, &text(&last, "refresh_token")).expect(400);
    server.log_in("matt", PASSWORD).expect(200);
    server.stop();
}
