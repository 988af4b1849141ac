//! What a server bears and what it does not.

use std::io::{Read, Write};
use std::time::Instant;

use crate::app::App;
use crate::client::{Ask, FORM, connect, send};

#[test]
fn a_body_that_says_it_is_too_long_is_refused_before_it_comes() {
    let app = App::spawn();
    let head = format!(
        "POST /token HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000000\r\n\r\n",
        app.address()
    );
    let reply = send(app.address(), head.as_bytes());
    assert_eq!(reply.status, 413, "{}", reply.text());
}

#[test]
fn a_body_that_does_not_say_how_long_it_is_is_cut_off() {
    let app = App::spawn();
    let mut request = format!(
        "POST /token HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n",
        app.address()
    );
    for _ in 0..5 {
        request.extend(["1000\r\n", &"a".repeat(4096), "\r\n"]);
    }
    request.push_str("0\r\n\r\n");
    let reply = send(app.address(), request.as_bytes());
    assert_eq!(reply.status, 413, "{}", reply.text());
}

#[test]
fn long_header_fields_are_refused() {
    let app = App::spawn();
    let reply = app.ask("GET", "/version", &[("X-Long", &"a".repeat(20_000))], "");
    assert_eq!(reply.status, 431, "{}", reply.text());
}

#[test]
fn a_header_that_does_not_end_costs_a_connection_for_seconds_only() {
    let app = App::spawn();
    let mut stream = connect(app.address());
    write!(stream, "GET /version HTTP/1.1\r\nHost: x\r\n").unwrap();
    let begun = Instant::now();
    // Either an answer or an end, but soon: the client below waits for a minute.
    drop(stream.read_to_end(&mut Vec::new()));
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}

#[test]
fn a_body_that_does_not_end_is_answered_in_time() {
    let app = App::spawn();
    let mut stream = connect(app.address());
    write!(
        stream,
        "POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n{}: {}\r\n\r\na",
        FORM.0, FORM.1
    )
    .unwrap();
    let reply = crate::client::finish(stream).unwrap();
    assert_eq!(reply.status, 408, "{}", reply.text());
}

#[test]
fn with_every_arena_at_work_whoever_comes_is_told_when_to_come_back() {
    // One hash at a time, of about a second each.
    let app = App::with_args(&[
        "passgate",
        "--argon2",
        "m=131072,t=8,p=1",
        "--hash-arenas",
        "1",
    ]);
    let statuses: Vec<(u16, bool)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let reply = app.log_in("nobody", "x");
                    (reply.status, reply.header("retry-after").is_some())
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|reply| reply.join().unwrap())
            .collect()
    });
    assert!(
        statuses
            .iter()
            .all(|reply| [(401, false), (503, true)].contains(reply)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&(503, true)), "{statuses:?}");
    assert!(statuses.contains(&(401, false)), "{statuses:?}");
}
