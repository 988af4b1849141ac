//! What a server bears and what it does not.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::app::{App, SECRET};
use crate::client::{Ask, FORM, Reply, connect, send};
use crate::site::Site;

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

/// Sends a body in chunks that never ends, a byte at a time, for as long as the server takes it.
fn drip(app: &App, method: &str, path: &str) -> (Vec<u8>, Duration) {
    let mut stream = connect(app.address());
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{}: {}\r\n\r\n",
        FORM.0, FORM.1
    )
    .unwrap();
    let (begun, mut answer, mut chunk) = (Instant::now(), Vec::new(), [0; 4096]);
    while begun.elapsed() < Duration::from_mins(1) {
        if stream.write_all(b"1\r\na\r\n").is_err() {
            break;
        }
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    (answer, begun.elapsed())
}

#[test]
fn chunks_without_an_end_hold_a_connection_for_seconds_only_whoever_is_asked() {
    let app = App::spawn();
    thread::scope(|scope| {
        for (method, path) in [
            ("POST", "/token"),
            ("GET", "/version"),
            ("POST", "/nowhere"),
            ("DELETE", "/token"),
            ("OPTIONS", "/users"),
        ] {
            let app = &app;
            scope.spawn(move || {
                let (answer, held) = drip(app, method, path);
                assert!(held.as_secs() < 30, "{method} {path}: {held:?}");
                assert_eq!(Reply::parse(&answer).status, 408, "{method} {path}");
            });
        }
    });
}

/// Whether the server's half of a connection is there: the other is not told when it goes.
#[cfg(target_os = "linux")]
fn is_held(server: SocketAddr, client: SocketAddr) -> bool {
    let ends = [server, client].map(|end| format!(":{:04X}", end.port()));
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    sockets.lines().any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.len() > 3
            && columns[1].ends_with(&ends[0])
            && columns[2].ends_with(&ends[1])
            // Established.
            && columns[3] == "01"
    })
}

#[test]
#[cfg(target_os = "linux")]
fn whoever_takes_nothing_of_an_answer_is_cut_off() {
    let site = Site::new();
    let served = site.serve(&["--secret", SECRET]);
    let mut stream = connect(served.address());
    // More than the buffers of both sides hold.
    let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(16);
    stream.write_all(request.as_bytes()).unwrap();
    let ends = (served.address(), stream.local_addr().unwrap());
    assert!(is_held(ends.0, ends.1));
    let begun = Instant::now();
    while is_held(ends.0, ends.1) {
        assert!(begun.elapsed().as_secs() < 90, "{:?}", begun.elapsed());
        // Others are served meanwhile.
        served.get("/version").expect(200);
    }
}

#[test]
fn chunks_that_end_are_a_body_like_another() {
    let app = App::spawn();
    app.register("matt");
    let [head, form] = [
        "POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n",
        "username=matt&password=correct+horse+battery",
    ];
    let (before, after) = form.split_at(20);
    let request = format!(
        "{head}{}: {}\r\n\r\n{:x}\r\n{before}\r\n{:x}\r\n{after}\r\n0\r\n\r\n",
        FORM.0,
        FORM.1,
        before.len(),
        after.len()
    );
    send(app.address(), request.as_bytes()).expect(200);
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
    let statuses: Vec<(u16, bool)> = thread::scope(|scope| {
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
