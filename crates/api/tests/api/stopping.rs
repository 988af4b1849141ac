use std::io::{Read, Write};

use nix::sys::signal::Signal;
use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::app::SECRET;
use crate::client::{Ask, PASSWORD, connect, finish};
use crate::program::{Served, folder};

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
