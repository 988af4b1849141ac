//! What somebody sends is a part of a line of the log at most, and never a line of its own.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::app::SECRET;
use crate::client::{Ask, FORM, JSON, compose, try_send};
use crate::program::{Served, passgate};
use crate::site::Site;
use crate::tools;

/// A line as ours are, after everything that may end a line or tell a terminal something.
const FORGED: [&str; 6] = [
    "\n{\"level\":\"INFO\",\"message\":\"forged\"}\n",
    "\r\n{\"message\":\"forged\"}",
    "\u{2028}{\"message\":\"forged\"}\u{2029}",
    "\",\"message\":\"forged\",\"x\":\"",
    "\u{1b}[2K\u{1b}[1Gforged\u{7}",
    "\u{0}\u{85}\u{b}\u{c}forged\\",
];

fn send_everywhere(served: &Served, forged: &str) {
    let encoded = percent_encode(forged.as_bytes(), NON_ALPHANUMERIC).to_string();
    for form in [
        format!("username={encoded}&password=x"),
        format!("username=matt&password=x&client_id={encoded}"),
        format!("username=matt&password=x&scope={encoded}"),
        format!("grant_type={encoded}"),
        format!("{encoded}=1&{encoded}=2"),
    ] {
        served.post_form("/token", &form);
    }
    let body = json!({"username": forged, "password": "correct horse battery", forged: forged});
    served.post_json("/users", &body);
    served.ask("GET", &format!("/{encoded}?{encoded}"), &[], "");
    let address = served.address();
    for name in [
        "User-Agent",
        "X-Request-Id",
        "X-Forwarded-For",
        "Authorization",
        "Cookie",
        "Origin",
    ] {
        let request = compose(address, "GET", "/users/me", &[(name, forged)], "");
        // What is no header is refused, one way or another.
        drop(try_send(address, &request));
        let request = compose(
            address,
            "POST",
            "/token",
            &[FORM, (name, forged)],
            "username=a&password=b",
        );
        drop(try_send(address, &request));
    }
    // Where a method, a path or a version should be.
    for request in [
        format!("{forged} / HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /{forged} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/{forged}\r\nHost: x\r\n\r\n"),
    ] {
        drop(try_send(address, request.as_bytes()));
    }
    served.ask("POST", "/users", &[JSON], forged);
}

/// Whoever reads lines made for people looks at their beginning, and at nothing that a terminal obeys.
#[test]
fn nobody_forges_a_line_that_is_made_for_people() {
    let site = Site::new();
    let url = site.database.url();
    let served = Served::spawn(&mut passgate(
        site.folder(),
        &[
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            "pretty",
            "--log",
            "debug",
            "--argon2",
            "m=64,t=1,p=1",
            "--secret",
            SECRET,
            "--trusted-proxy",
            "127.0.0.1/32",
            "--database-url",
            url.expose_secret(),
        ],
    ));
    for forged in FORGED {
        send_everywhere(&served, forged);
    }
    served.get("/version");
    let log = served.stop();
    assert!(log.contains("answered"));
    let mut count = 0;
    for line in log.lines() {
        count += 1;
        // Each is begun by us, with the time.
        let (time, rest) = line.trim_start().split_once(' ').unwrap_or((line, ""));
        assert!(
            OffsetDateTime::parse(time, &Rfc3339).is_ok(),
            "no line of ours: {line:?}"
        );
        assert!(!rest.trim_start().starts_with("forged"), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.contains(['\u{2028}', '\u{2029}']), "{line:?}");
    }
    tools::tell(&format!(
        "forged lines for people: {count} lines, each of ours"
    ));
}

#[test]
fn nobody_forges_a_line_of_the_log() {
    let site = Site::new();
    let served = site.serve(&[
        "--secret",
        SECRET,
        "--log",
        "debug",
        "--trusted-proxy",
        "127.0.0.1/32",
    ]);
    for forged in FORGED {
        send_everywhere(&served, forged);
    }
    served.get("/version");
    let log = served.stop();
    assert!(log.contains("\"answered\""));
    for line in log.lines() {
        let parsed: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("no line of ours: {line:?}"));
        assert!(
            parsed["timestamp"].is_string() && parsed["target"].is_string(),
            "{line}"
        );
        assert_ne!(parsed["message"], "forged", "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    tools::tell(&format!(
        "forged lines: {} lines, each of ours",
        log.lines().count()
    ));
}
