//! What happens to a password between the request and the hash.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;

use crate::app::App;
use crate::client::{Ask, PASSWORD, connect, send};
use crate::program::{folder, run_with_input};

/// Takes long enough for others to come meanwhile, and matches nothing.
const SLOW: &str = "$argon2id$v=19$m=131072,t=10,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA";

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
    let app = App::with(&["--hash-arenas", "1"]);
    app.register("first");
    let update = format!("UPDATE users SET password_hash = '{SLOW}'");
    app.database.connect().batch_execute(&update).unwrap();
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

#[test]
fn peppers_rotate_without_anybody_noticing() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let plain = App::spawn();
    plain.register("matt");
    plain.log_in("matt", PASSWORD).expect(200);
    let peppered = plain.beside_with(&["--pepper", &old]);
    peppered.log_in("matt", PASSWORD).expect(200);
    // The hash is peppered now, and a replica that was not told is not let down quietly.
    plain.log_in("matt", PASSWORD).expect(500);
    peppered.register("ada");
    let rotated = plain.beside_with(&["--pepper", &new, "--previous-pepper", &old]);
    for name in ["matt", "ada"] {
        rotated.log_in(name, PASSWORD).expect(200);
        peppered.log_in(name, PASSWORD).expect(500);
    }
    let only_new = plain.beside_with(&["--pepper", &new]);
    only_new.log_in("matt", PASSWORD).expect(200);
    only_new.log_in("matt", "wrong horse battery").expect(401);
}

#[test]
fn a_pepper_is_strong_enough_or_refused_and_never_shown() {
    let folder = folder();
    for variable in ["PASSGATE_PEPPER", "PASSGATE_PREVIOUS_PEPPER"] {
        let flag = variable
            .trim_start_matches("PASSGATE")
            .to_lowercase()
            .replace('_', "-");
        let args = [
            "users",
            "add",
            "matt",
            "--password-stdin",
            &format!("-{flag}"),
            "hunter2",
        ];
        let output = run_with_input(folder.path(), &args, PASSWORD);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        assert!(
            said.contains(variable) && said.contains("32 bytes"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}
