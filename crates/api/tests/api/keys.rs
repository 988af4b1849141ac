//! Signing keys: how operators and administrators exchange them, and what others notice.

mod rotation;
mod secrets;

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::app::SECRET;
use crate::client::{Ask, PASSWORD};
use crate::site::Site;

/// Asks again until there is an answer, for at most a minute.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_mins(1) {
        if let Some(answer) = ask() {
            return answer;
        }
    }
    panic!("{what}: never within a minute");
}

impl Site {
    fn keys(&self) -> Vec<Value> {
        let listed = self.run_well(&["keys", "list", "--json"]);
        serde_json::from_str(&listed).unwrap()
    }

    /// The key in a state, if there is one.
    fn key_that_is(&self, state: &str) -> Option<String> {
        let keys = self.keys();
        let key = keys.iter().find(|key| key["state"] == state)?;
        Some(key["kid"].as_str().unwrap().to_owned())
    }
}

fn published(server: &impl Ask) -> Vec<String> {
    let keys = server.get("/.well-known/jwks.json").expect(200);
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys["keys"].as_array().unwrap().iter().map(kid).collect()
}

/// The name of the key that signed a token.
fn kid_of(token: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = token.split('.').next().unwrap();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// What replicas have in common.
const ISSUER: &str = "http://passgate.test";

const SERVE: [&str; 6] = [
    "--secret",
    SECRET,
    "--issuer",
    ISSUER,
    "--jwks-max-age",
    "1s",
];

#[test]
fn a_key_that_leaked_is_replaced_at_once_and_sessions_go_on() {
    let site = Site::new();
    let replicas = [site.serve(&SERVE), site.serve(&SERVE)];
    replicas[0].register("matt");
    let held = replicas[0].log_in("matt", PASSWORD).expect(200);
    let token = held["access_token"].as_str().unwrap();
    for replica in &replicas {
        replica.get_as(token, "/users/me").expect(200);
    }
    let etag = |known: &str| {
        let headers = [("If-None-Match", known)];
        let reply = replicas[0].ask("GET", "/.well-known/jwks.json", &headers, "");
        let bodiless = replicas[0].ask("HEAD", "/.well-known/jwks.json", &[], "");
        assert_eq!(bodiless.header("etag"), reply.header("etag"));
        (reply.status, reply.header("etag").unwrap().to_owned())
    };
    let (_, before) = etag("\"none\"");
    assert_eq!(etag(&before), (304, before.clone()));
    let told = site.run_well(&["keys", "rotate", "--now", "--secret", SECRET]);
    assert!(told.contains("Sessions go on"), "{told}");
    assert!(
        told.contains("no access token that is out verifies"),
        "{told}"
    );
    let new = site.key_that_is("active").unwrap();
    assert!(told.contains(&new) && site.keys().len() == 1, "{told}");
    for replica in &replicas {
        eventually("the replica follows", || {
            (published(replica) == [new.clone()]).then_some(())
        });
        replica.get_as(token, "/users/me").expect(401);
    }
    let (status, after) = etag(&before);
    assert_eq!((status, after == before), (200, false));
    assert_eq!(etag(&after).0, 304);
    let refresh = held["refresh_token"].as_str().unwrap();
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let next = replicas[1].post_form("/token", &form).expect(200);
    let token = next["access_token"].as_str().unwrap();
    assert_eq!(kid_of(token), new);
    for replica in &replicas {
        replica.get_as(token, "/users/me").expect(200);
    }
    let log = site.run_well(&["audit", "--json"]);
    assert!(
        log.contains("key_removed")
            && log.contains(&kid_of(held["access_token"].as_str().unwrap()))
    );
}

/// Of a retired key the public half alone is kept, whatever secret it was encrypted with once.
#[test]
fn a_retired_key_of_a_secret_that_was_exchanged_logs_nobody_out() {
    let site = Site::new();
    site.serve(&SERVE).stop();
    site.database
        .connect()
        .batch_execute(
            "INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key,
                                       sealing_key_id, state, created_at, promoted_at, retired_at)
             SELECT 'of before', algorithm, public_jwk, '', 'exchanged', 'retired', created_at,
                    promoted_at, now()
             FROM signing_keys",
        )
        .unwrap();
    let told = site.run_well(&["keys", "rotate", "--now", "--secret", SECRET]);
    assert!(
        told.contains("Sessions go on") && told.contains("2 others"),
        "{told}"
    );
}

#[test]
fn an_administrator_announces_one_key_at_a_time_and_sees_its_times() {
    let site = Site::new();
    let server = site.serve(&["--secret", SECRET]);
    let root = site.root(&server);
    server.register("matt");
    server
        .ask_json(&server.token("matt"), "POST", "/admin/keys", &json!({}))
        .expect(403);
    server
        .ask_json("", "GET", "/admin/keys", &json!({}))
        .expect(401);

    let next = server
        .ask_json(&root, "POST", "/admin/keys", &json!({}))
        .expect(201);
    assert_eq!(
        (&next["state"], &next["algorithm"]),
        (&"announced".into(), &"EdDSA".into())
    );
    let time = |value: &Value| {
        use time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
    };
    // Five minutes, two looks of ten seconds, and five seconds.
    let publication = time(&next["signs_from"]) - time(&next["created_at"]);
    assert_eq!(publication.whole_seconds(), 325);
    let keys = server.get_as(&root, "/admin/keys").expect(200);
    assert_eq!((&keys[0]["state"], &keys[1]), (&"active".into(), &next));
    assert!(!keys.to_string().contains("private") && !keys.to_string().contains("sealed"));
    let again = server
        .ask_json(&root, "POST", "/admin/keys", &json!({}))
        .expect(409);
    assert!(
        again["detail"]
            .as_str()
            .unwrap()
            .contains(next["kid"].as_str().unwrap())
    );
    let again = site.complaint(&["keys", "rotate", "--secret", SECRET]);
    assert!(
        again.contains("announced already") && again.contains("signs from 20"),
        "{again}"
    );

    let listed = site.run_well(&["keys", "list"]);
    assert!(
        listed.contains("announced") && listed.contains("signs from 20"),
        "{listed}"
    );
    let log = site.run_well(&["audit"]);
    assert!(
        log.contains("key_announced") && log.contains("user:"),
        "{log}"
    );
}

#[test]
fn with_a_shared_secret_there_is_nothing_to_rotate() {
    let site = Site::new();
    let shared = [
        "--jwt-algorithm",
        "HS256",
        "--jwt-secret",
        "a shared secret of tests, long enough",
    ];
    let server = site.serve(&[&["--secret", SECRET], &shared[..]].concat());
    let root = site.root(&server);
    let refused = server
        .ask_json(&root, "POST", "/admin/keys", &json!({}))
        .expect(409);
    assert!(refused["detail"].as_str().unwrap().contains("HS256"));
    assert_eq!(server.get_as(&root, "/admin/keys").expect(200), json!([]));
    assert_eq!(published(&server), [""; 0]);
    for command in [&["--jwt-algorithm", "HS256"][..], &[]] {
        let rotate = ["keys", "rotate", "--secret", SECRET];
        let said = site.complaint(&[&rotate[..], command].concat());
        assert!(said.contains("HS256"), "{said}");
    }
}

#[test]
fn a_rotation_with_a_secret_that_no_replica_has_is_refused() {
    let site = Site::new();
    site.serve(&SERVE).stop();
    let said = site.complaint(&[
        "keys",
        "rotate",
        "--secret",
        "another secret, as long as the first",
    ]);
    assert!(
        said.contains("another secret:") && !said.contains("as long"),
        "{said}"
    );
    assert_eq!(site.keys().len(), 1);
}

#[test]
fn the_settings_of_the_keys_have_their_bounds() {
    let site = Site::new();
    for (flag, value) in [
        ("--jwks-max-age", "0s"),
        ("--jwks-max-age", "25h"),
        ("--key-rotation", "1h"),
        ("--key-rotation", "11y"),
    ] {
        let said = site.complaint(&["--listen", "127.0.0.1:0", "--secret", SECRET, flag, value]);
        assert!(said.contains(flag), "{said}");
    }
    site.serve(&["--secret", SECRET, "--key-rotation", "off"])
        .stop();
}

#[test]
fn without_its_database_a_replica_says_so_once_and_lets_nobody_keep_the_keys() {
    let site = Site::new();
    let server = site.serve(&SERVE);
    let jwks = || server.get("/.well-known/jwks.json");
    let before = jwks();
    assert_eq!(before.header("cache-control"), Some("public, max-age=1"));
    site.database.take_away();
    // A copy that nobody compares with the database any more.
    let after = eventually("the keys are not to be kept", || {
        Some(jwks()).filter(|keys| keys.header("cache-control") == Some("no-cache"))
    });
    assert_eq!(after.body, before.body);
    // It looked a few times more by then: each answer waits for a connection.
    for _ in 0..3 {
        server.get("/health/ready").expect(503);
    }
    let log = server.stop();
    let lines = |text: &str| log.matches(text).count();
    assert_eq!(lines("the signing keys cannot be read"), 1, "{log}");
    assert_eq!(lines("a connection to the database failed"), 1, "{log}");
}

#[test]
fn a_key_that_a_replica_cannot_open_keeps_it_from_signing_and_is_named() {
    let site = Site::new();
    let server = site.serve(&SERVE);
    server.register("matt");
    let other = "another secret, as long as the first";
    let told = site.run_well(&["keys", "rotate", "--now", "--secret", other]);
    assert!(told.contains("everybody has to log in again"), "{told}");
    eventually("it is not ready", || {
        (server.get("/health/ready").status == 503).then_some(())
    });
    let is_told = |ready: &str| {
        let reply = server.get("/metrics");
        assert!(reply.text().contains(ready), "{}", reply.text());
    };
    is_told("passgate_signing_ready 0\n");
    let refused = server.log_in("matt", PASSWORD);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.expect(503)["error"], "temporarily_unavailable");
    site.run_well(&["keys", "rotate", "--now", "--secret", SECRET]);
    eventually("it is ready", || {
        (server.get("/health/ready").status == 200).then_some(())
    });
    is_told("passgate_signing_ready 1\n");
    server.log_in("matt", PASSWORD).expect(200);
    let log = server.stop();
    for told in [
        "nothing is signed",
        "another secret:",
        "tokens are signed again",
    ] {
        assert_eq!(log.matches(told).count(), 1, "{told}: {log}");
    }
    assert!(!log.contains("as long as"), "{log}");
}
