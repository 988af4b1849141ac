//! Clients that do a bit of everything, one request a connection, and write down what they are told.

mod client;
mod tally;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use crate::client::{FORM, JSON, PASSWORD, Reply, compose};
use crate::cluster::until;
use crate::ledger::Ledger;
pub(crate) use client::{Held, exchange};
pub(crate) use tally::{Kind, Tally};

/// Between two requests of a client: the load is steady, not the most that the machine can take.
const PAUSE: Duration = Duration::from_millis(10);

/// What the clients share.
pub(crate) struct Load {
    targets: Vec<SocketAddr>,
    turn: AtomicUsize,
    number: AtomicU64,
    over: AtomicBool,
    /// Held, shared, during each request.
    gate: RwLock<()>,
    pub(crate) ledger: Ledger,
    tally: Mutex<Tally>,
    /// Whether somebody else may still believe what was ended.
    has_copies: AtomicBool,
}

/// What came of a request.
pub(crate) enum Answer {
    /// What was asked for.
    Good(Reply),
    /// Try again later.
    Unavailable,
    /// No answer.
    None,
    /// Anything else, which is written down already.
    Wrong,
}

impl Load {
    /// On one or several replicas, which take turns.
    pub(crate) fn on(targets: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self {
            targets,
            turn: AtomicUsize::new(0),
            number: AtomicU64::new(0),
            over: AtomicBool::new(false),
            gate: RwLock::new(()),
            ledger: Ledger::default(),
            tally: Mutex::default(),
            has_copies: AtomicBool::new(false),
        })
    }

    pub(crate) fn start(self: &Arc<Self>, clients: usize) -> Vec<JoinHandle<Vec<Held>>> {
        let start = |_| {
            let load = Arc::clone(self);
            thread::spawn(move || client::run(&load))
        };
        (0..clients).map(start).collect()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Does something while no request is under way.
    pub(crate) fn at_rest<T>(&self, work: impl FnOnce() -> T) -> T {
        let _nobody = self.gate.write().unwrap();
        work()
    }

    /// From now on nobody is asked at once about what was just ended: of several replicas another may
    /// answer.
    pub(crate) fn forgive_copies(&self) {
        self.has_copies.store(true, Ordering::Relaxed);
    }

    /// Does something of a client's; waits while there is rest.
    pub(crate) fn unless_at_rest(&self, work: impl FnOnce()) {
        let _asking = self.gate.read().unwrap();
        work();
    }

    /// Writes down that something was wrong.
    pub(crate) fn complain(&self, complaint: String) {
        self.tally(|tally| tally.wrong.push(complaint));
    }

    pub(crate) fn tally<T>(&self, work: impl FnOnce(&mut Tally) -> T) -> T {
        work(&mut self.tally.lock().unwrap())
    }

    /// Begins to count anew, and returns what was counted.
    pub(crate) fn next_tally(&self) -> Tally {
        self.tally(std::mem::take)
    }

    /// From now on `/health/ready` is some replica's, which may be about to stop.
    pub(crate) fn stands_behind_a_balancer(&self) {
        self.tally(Tally::stand_behind_a_balancer);
    }

    /// The same of what clients ask for, where nobody looks whether it is ready.
    pub(crate) fn wait_until_served(&self) -> Duration {
        self.tally(Tally::leave_out_looks);
        self.wait_until_well()
    }

    /// Waits until everything is answered well that is asked from now on, and returns how long that
    /// took.
    pub(crate) fn wait_until_well(&self) -> Duration {
        self.tally(|tally| tally.look_for_good_ones(Instant::now()));
        let mut took = None;
        until("everything is answered well again", || {
            // What the clients do matters, not how often we look.
            thread::sleep(PAUSE);
            took = self.tally(|tally| tally.all_good_after());
            took.is_some() || self.is_over()
        });
        took.unwrap_or_default()
    }

    /// A replica, another each time.
    pub(crate) fn target(&self) -> SocketAddr {
        self.targets[self.turn.fetch_add(1, Ordering::Relaxed) % self.targets.len()]
    }

    /// A number that no client has had.
    fn unique(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a request and judges its answer.
    pub(crate) fn ask(
        &self,
        kind: Kind,
        target: SocketAddr,
        request: &[u8],
        expected: u16,
    ) -> Answer {
        self.judge(kind, expected, || client::exchange(target, request))
    }

    /// The same of a request that is sent in another way.
    pub(crate) fn judge(
        &self,
        kind: Kind,
        expected: u16,
        send: impl FnOnce() -> Option<Reply>,
    ) -> Answer {
        let begun = Instant::now();
        let answer = match send() {
            None => Answer::None,
            Some(reply) if reply.status == expected => Answer::Good(reply),
            Some(reply) if reply.status == 503 && is_a_problem(&reply) => Answer::Unavailable,
            Some(reply) => {
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                let complaint = format!("{kind:?} was answered {} {text}", reply.status);
                self.tally(|tally| tally.wrong.push(complaint));
                Answer::Wrong
            }
        };
        self.tally(|tally| tally.count(kind, begun, &answer));
        answer
    }

    pub(crate) fn get(&self, kind: Kind, path: &str) -> Answer {
        let target = self.target();
        self.ask(kind, target, &compose(target, "GET", path, &[], ""), 200)
    }

    pub(crate) fn register(&self, name: &str) -> bool {
        let target = self.target();
        let body = serde_json::json!({"username": name, "password": PASSWORD}).to_string();
        let request = compose(target, "POST", "/users", &[JSON], &body);
        match self.ask(Kind::Register, target, &request, 201) {
            Answer::Good(_) => {
                self.ledger.registered(name);
                true
            }
            Answer::Unavailable | Answer::None => {
                self.ledger.perhaps_registered(name);
                false
            }
            Answer::Wrong => false,
        }
    }

    pub(crate) fn log_in(&self, name: &str) -> Option<Held> {
        let target = self.target();
        let password = PASSWORD.replace(' ', "+");
        let form = format!("grant_type=password&username={name}&password={password}");
        let request = compose(target, "POST", "/token", &[FORM], &form);
        match self.ask(Kind::LogIn, target, &request, 200) {
            Answer::Good(reply) => {
                let held = Held::of(&reply.json());
                self.ledger.opened(held.session);
                Some(held)
            }
            Answer::Unavailable | Answer::None => {
                self.ledger.perhaps_opened();
                None
            }
            Answer::Wrong => None,
        }
    }
}

/// Whether it is an error in one of our two forms, which says when to try again.
fn is_a_problem(reply: &Reply) -> bool {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    body.is_some_and(|body| body["detail"].is_string()) && reply.header("retry-after").is_some()
}

/// The session that an access token names.
fn session_of(token: &str) -> Uuid {
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sid"].as_str().unwrap().parse().unwrap()
}
