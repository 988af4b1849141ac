//! `passgate config check`: whether a server would start.

use std::fs;
use std::path::Path;

use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;

use crate::app::SECRET;
use crate::program::{Served, folder, passgate, run, run_well};

/// What the check complains of.
fn complaint(folder: &Path, flags: &[&str]) -> String {
    let output = run(folder, &[&["config", "check"][..], flags].concat());
    assert!(!output.status.success(), "{flags:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn settings_that_can_be_used_are_told_and_nothing_is_opened() {
    let folder = folder();
    let said = run_well(
        folder.path(),
        &[
            "config",
            "check",
            "--issuer",
            "https://id.example.com",
            "--traces",
            "",
        ],
    );
    assert!(said.contains("can be used") && said.contains("https://id.example.com"));
    // Not even the data directory.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn whatever_stops_a_start_is_named_by_the_check() {
    let folder = folder();
    for (flags, named) in [
        (&["--issuer", "id.example.com"][..], "--issuer"),
        (&["--access-token-ttl", "25h"], "--access-token-ttl"),
        (&["--session-idle", "91d"], "--session-idle"),
        (&["--audit-retention", "1h"], "--audit-retention"),
        (&["--jwks-max-age", "25h"], "--jwks-max-age"),
        (&["--jwt-algorithm", "HS256"], "PASSGATE_JWT_SECRET"),
        (&["--pepper", "short"], "PASSGATE_PEPPER"),
        (&["--secret", "short"], "PASSGATE_SECRET"),
        (&["--breached-passwords", "nowhere"], "--breached-passwords"),
        (
            &["--database-url", "postgres://localhost/x"],
            "PASSGATE_SECRET",
        ),
        (&["--connect"], "--database-url"),
        (&["--log", "passgate_api=loud"], "--log"),
        (&["--traces", "collector:4318"], "--traces"),
        (&["--traces", "http://"], "--traces"),
        (&["--tls-key", "tls.key"], "--tls-certificate"),
        (&["--argon2", "m=1,t=1,p=1"], "--argon2"),
    ] {
        let said = complaint(folder.path(), flags);
        assert!(said.contains(named), "{flags:?}: {said}");
    }
}

#[test]
fn http_that_others_reach_is_warned_of_by_the_check_and_by_the_server() {
    let folder = folder();
    let issuer = ["--issuer", "http://id.example.com"];
    let warns = |listen: &str| {
        let check = ["config", "check", "--listen", listen];
        run_well(folder.path(), &[&check[..], &issuer].concat())
            .contains("Warning: passwords and tokens")
    };
    assert!(warns("0.0.0.0:8000") && warns("192.0.2.7:8000"));
    assert!(!warns("127.0.0.1:8000"));
    let database = TestDatabase::new();
    let url = database.url();
    let on = ["--database-url", url.expose_secret(), "--secret", SECRET];
    let listen = ["--listen", "0.0.0.0:0", "--log-format", "json"];
    let server = Served::spawn(&mut passgate(
        folder.path(),
        &[&listen[..], &on, &issuer].concat(),
    ));
    assert!(
        server
            .stop()
            .contains("passwords and tokens cross the network unencrypted")
    );
}

/// Nor a database migrated, or made, for a server that does not start.
#[test]
fn a_start_with_settings_that_cannot_be_used_opens_nothing() {
    let folder = folder();
    let flags = ["--listen", "127.0.0.1:0", "--issuer", "id.example.com"];
    let output = run(folder.path(), &flags);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("--issuer"),
        "{said}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn with_a_connection_it_knows_whether_the_secret_opens_the_keys() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let url = ["--database-url", url.expose_secret(), "--connect"];
    let with = |secret: &'static str| [&url[..], &["--secret", secret]].concat();
    let flags = ["--database-url", url[1], "--secret", SECRET];
    Served::start(folder.path(), &flags).stop();
    let check = [&["config", "check"][..], &with(SECRET)].concat();
    assert!(run_well(folder.path(), &check).contains("can be used"));
    let said = complaint(
        folder.path(),
        &with("another secret, of more than 32 bytes"),
    );
    assert!(
        said.contains("another secret") && said.contains("name"),
        "{said}"
    );
}
