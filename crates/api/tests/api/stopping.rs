use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Int4;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::app::SECRET;
use crate::client::{Ask, PASSWORD, connect, finish};
use crate::program::{Served, folder};
use crate::tools;

#[test]
fn what_is_under_way_is_finished() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let flags = ["--database-url", url.expose_secret(), "--secret", SECRET];
    let server = Served::start(folder.path(), &flags);
    let body = json!({"username": "matt", "password": PASSWORD}).to_string();
    let mut stream = connect(server.address());
    write!(
        stream,
        "POST /users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    // It asks for the body: the request is under way.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.signal(Signal::SIGTERM);
    server.wait_for("stopping");
    stream.write_all(body.as_bytes()).unwrap();
    let reply = finish(stream).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
}

#[test]
fn a_second_signal_does_not_wait() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let flags = ["--database-url", url.expose_secret(), "--secret", SECRET];
    let server = Served::start(folder.path(), &flags);
    let mut stream = connect(server.address());
    write!(
        stream,
        "POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
    )
    .unwrap();
    stream.read_exact(&mut [0; 25]).unwrap();
    server.signal(Signal::SIGINT);
    server.wait_for("stopping");
    server.signal(Signal::SIGINT);
    let begun = std::time::Instant::now();
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
}

#[test]
fn a_server_that_drains_says_so_first_and_serves_on() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let flags = ["--database-url", url.expose_secret(), "--secret", SECRET];
    let flags = [&flags[..], &["--drain-delay", "10m"]].concat();
    let server = Served::start(folder.path(), &flags);
    let ready = server.get("/health/ready");
    assert_eq!((ready.status, ready.header("retry-after")), (200, None));
    server.signal(Signal::SIGTERM);
    server.wait_for("draining");
    let ready = server.get("/health/ready");
    let problem = ready.expect(503);
    assert_eq!(problem["detail"], "The server is stopping: try again later");
    assert_eq!(ready.header("retry-after"), Some("1"));
    assert_eq!(server.get("/health/live").status, 200);
    server.register("matt");
    // Who would keep the connection is told not to.
    let mut stream = connect(server.address());
    write!(stream, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let reply = finish(stream).unwrap();
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    server.signal(Signal::SIGTERM);
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    assert!(log.contains("without waiting"), "{log}");
}

#[test]
fn draining_ends_after_its_delay() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let flags = ["--database-url", url.expose_secret(), "--secret", SECRET];
    let flags = [&flags[..], &["--drain-delay", "700ms"]].concat();
    let server = Served::start(folder.path(), &flags);
    let begun = std::time::Instant::now();
    server.signal(Signal::SIGTERM);
    server.wait_for("draining");
    server.wait_for("stopping");
    assert!(begun.elapsed().as_millis() >= 700, "{:?}", begun.elapsed());
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
}

#[derive(QueryableByName)]
struct Process {
    #[diesel(sql_type = Int4)]
    pid: i32,
}

/// The processes of the database that the server has connections to, which stand still until this is
/// dropped.
struct Stopped(Vec<Pid>);

impl Stopped {
    /// `None` if they do not let us.
    fn of(database: &TestDatabase) -> Option<Self> {
        let connected: Vec<Process> = diesel::sql_query(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'passgate'",
        )
        .load(&mut database.connect())
        .unwrap();
        let pids = connected.iter().map(|process| Pid::from_raw(process.pid));
        let stopped = Self(pids.collect());
        assert!(!stopped.0.is_empty());
        let mut stops = stopped.0.iter().map(|pid| kill(*pid, Signal::SIGSTOP));
        stops.all(|stop| stop.is_ok()).then_some(stopped)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            kill(*pid, Signal::SIGCONT).ok();
        }
    }
}

/// A thread that waits for it cannot be ended.
#[test]
fn a_database_that_hangs_is_not_waited_for() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let flags = ["--database-url", url.expose_secret(), "--secret", SECRET];
    let flags = [
        &flags[..],
        &["--database-connections", "1", "--jwks-max-age", "1s"],
    ]
    .concat();
    let server = Served::start(folder.path(), &flags);
    let Some(_stopped) = Stopped::of(&database) else {
        tools::skip("no process of the database is stopped: it is another user's");
        return;
    };
    server.wait_for("the signing keys cannot be read");
    server.signal(Signal::SIGTERM);
    server.wait_for("stopping");
    let (ended, has_ended) = mpsc::channel();
    thread::spawn(move || ended.send(server.end()));
    let (status, log) = has_ended.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(status.success(), "{log}");
}
