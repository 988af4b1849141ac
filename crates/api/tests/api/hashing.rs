//! What happens to a password between the request and the hash.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::client::{Ask, connect, send};

/// One arena, and hashes that take long enough for others to come meanwhile.
const SLOW: [&str; 5] = [
    "passgate",
    "--hash-arenas",
    "1",
    "--argon2",
    "m=131072,t=3,p=1",
];

fn log_in(app: &App, username: &str) -> String {
    let body = format!("username={username}&password=wrong+horse+battery");
    format!(
        "POST /token HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        app.address(),
        body.len()
    )
}

fn ask(app: &App, username: &str) -> TcpStream {
    let mut stream = connect(app.address());
    stream.write_all(log_in(app, username).as_bytes()).unwrap();
    stream
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        thread::yield_now();
    }
}

#[test]
fn a_client_that_left_the_queue_is_not_hashed_for() {
    let app = App::with_args(&SLOW);
    let before = app.passwords.computed();
    thread::scope(|scope| {
        let first = scope.spawn(|| send(app.address(), log_in(&app, "first").as_bytes()));
        until("the first is begun", || app.passwords.at_work() == 1);
        let second = ask(&app, "second");
        until("the second waits", || app.passwords.waiting() == 1);
        drop(second);
        first.join().unwrap().expect(401);
    });
    until("the second is dropped", || app.passwords.dropped() == 1);
    send(app.address(), log_in(&app, "third").as_bytes()).expect(401);
    assert_eq!(app.passwords.computed() - before, 2);
}
