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
