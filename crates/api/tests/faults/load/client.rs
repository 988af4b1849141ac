//! One client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Kind, Load, PAUSE, session_of};
use crate::client::{FORM, JSON, Reply, compose, is_complete};

/// How long anybody waits for an answer: far longer than one may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sessions that a client has at a time.
const SESSIONS: usize = 4;

/// A session, as its client knows it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) session: Uuid,
    access_token: String,
    refresh_token: String,
}

impl Held {
    pub(super) fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let access_token = text("access_token");
        Self {
            session: session_of(&access_token),
            access_token,
            refresh_token: text("refresh_token"),
        }
    }

    pub(crate) fn access_token(&self) -> &str {
        &self.access_token
    }

    pub(crate) fn refresh_token(&self) -> &str {
        &self.refresh_token
    }
}

/// Asks for a bit of everything until it is over, and returns the sessions that it still has.
pub(super) fn run(load: &Load) -> Vec<Held> {
    let mut client = Client {
        load,
        name: None,
        held: Vec::new(),
    };
    let mut step = 0_usize;
    while !load.is_over() {
        load.unless_at_rest(|| client.step(step));
        step += 1;
        thread::sleep(PAUSE);
    }
    client.held
}

struct Client<'a> {
    load: &'a Load,
    /// The last account that was acknowledged.
    name: Option<String>,
    held: Vec<Held>,
}

impl Client<'_> {
    fn step(&mut self, step: usize) {
        match step % 12 {
            0 => {
                let name = format!("user{}", self.load.unique());
                if self.load.register(&name) {
                    self.name = Some(name);
                }
            }
            1 | 6 if self.held.len() < SESSIONS => {
                if let Some(name) = &self.name {
                    self.held.extend(self.load.log_in(name));
                }
            }
            2 | 7 | 9 => self.show(step),
            3 | 5 | 8 => self.refresh(step),
            4 => self.guess(),
            10 => self.revoke(),
            11 => self.be_weak(),
            _ => {}
        }
    }

    fn some(&mut self, step: usize) -> Option<&mut Held> {
        let count = self.held.len().max(1);
        self.held.get_mut(step % count)
    }

    fn show(&mut self, step: usize) {
        let load = self.load;
        if let Some(held) = self.some(step) {
            if step % 12 == 7 {
                load.verify(&held.access_token);
            } else {
                load.show(load.target(), &held.access_token, Kind::Me, 200);
            }
        }
    }

    fn refresh(&mut self, step: usize) {
        let load = self.load;
        let Some(held) = self.some(step) else { return };
        load.refresh(held);
    }

    /// Ends the oldest session.
    fn revoke(&mut self) {
        if self.held.len() < 2 {
            return;
        }
        let held = self.held.remove(0);
        self.load.revoke(&held);
    }
    fn guess(&self) {
        let Some(name) = &self.name else { return };
        let target = self.load.target();
        let form = format!("grant_type=password&username={name}&password=wrong+horse+battery");
        let request = compose(target, "POST", "/token", &[FORM], &form);
        self.load.ask(Kind::WrongPassword, target, &request, 401);
    }

    fn be_weak(&self) {
        let target = self.load.target();
        let name = format!("weak{}", self.load.unique());
        let body = serde_json::json!({"username": name, "password": "password"}).to_string();
        let request = compose(target, "POST", "/users", &[JSON], &body);
        self.load.ask(Kind::WeakPassword, target, &request, 422);
        // Whether it was refused or there was no answer: it is there in neither case.
        self.load.ledger.not_registered(&name);
    }
}

impl Load {
    pub(crate) fn show(&self, target: SocketAddr, token: &str, kind: Kind, expected: u16) {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let request = compose(target, "GET", "/users/me", &headers, "");
        self.ask(kind, target, &request, expected);
    }

    /// Asks for whoever is behind a proxy.
    fn verify(&self, token: &str) {
        let target = self.target();
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let request = compose(target, "GET", "/verify", &headers, "");
        self.ask(Kind::Verify, target, &request, 200);
    }

    /// Ends a session. Whoever ended it finds it ended.
    pub(crate) fn revoke(&self, held: &Held) {
        let target = self.target();
        let form = format!("token={}", held.refresh_token);
        let request = compose(target, "POST", "/revoke", &[FORM], &form);
        match self.ask(Kind::Revoke, target, &request, 200) {
            Answer::Good(_) => {
                self.ledger.revoked(held.session);
                if !self.has_copies.load(Ordering::Relaxed) {
                    self.show(target, &held.access_token, Kind::Me, 401);
                }
            }
            _ => self.ledger.perhaps_revoked(held.session),
        }
    }

    /// Goes on with a session. Without an answer the same token is good next time.
    pub(crate) fn refresh(&self, held: &mut Held) -> bool {
        let target = self.target();
        let form = format!(
            "grant_type=refresh_token&refresh_token={}",
            held.refresh_token
        );
        let request = compose(target, "POST", "/token", &[FORM], &form);
        let Answer::Good(reply) = self.ask(Kind::Refresh, target, &request, 200) else {
            return false;
        };
        *held = Held::of(&reply.json());
        true
    }
}

/// Sends a request and reads the answer; `None` if there is none, or half of one.
pub(crate) fn exchange(target: SocketAddr, request: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect_timeout(&target, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // Who refuses half-way has answered all the same.
    drop(stream.write_all(request));
    let (mut answer, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    while !is_complete(&answer) {
        match stream.read(&mut chunk) {
            Ok(length @ 1..) => answer.extend_from_slice(&chunk[..length]),
            Ok(0) | Err(_) => return None,
        }
    }
    Some(Reply::parse(&answer))
}
