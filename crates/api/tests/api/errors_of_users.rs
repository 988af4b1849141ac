//! Mistakes that people make: one sentence that says what, where and what to do; an exit code
//! that is not 0; nothing half done.

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;

use diesel::connection::SimpleConnection;
use passgate_persistence::migrations::{self, SchemaState};
use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;

use crate::app::SECRET;
use crate::program::{Served, folder, passgate, run, write};

/// Runs a command that fails and returns the one line that it says.
fn complaint(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    let complaint = said.lines().last().unwrap_or_default().to_owned();
    assert!(complaint.starts_with("passgate: "), "{said}");
    complaint
}

fn holds_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn a_taken_port_is_named_and_nothing_is_set_up() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = complaint(folder.path(), &["--listen", &address]);
    holds_all(&said, &[&address, "in use", "--listen"]);
    assert!(!folder.path().join(".passgate").exists());
}

#[test]
fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let folder = folder();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = [
        "--listen",
        "127.0.0.1:0",
        "--secret",
        SECRET,
        "--database-url",
    ];
    let with = |url: &str| complaint(folder.path(), &[&server[..], &[url]].concat());

    let said = with(&format!("postgres://u:topsecret@127.0.0.1:{closed}/d"));
    holds_all(
        &said,
        &["cannot be reached", &closed.to_string(), "running"],
    );
    assert!(!said.contains("topsecret"));

    let database = TestDatabase::empty();
    let url = database.url();
    let said = with(
        &url.expose_secret()
            .replace(database.name(), "no_such_database"),
    );
    holds_all(&said, &["no_such_database", "createdb"]);

    let said = with("postgres://u:top/secret@h/d");
    holds_all(&said, &["cannot be read", "postgres://USER:PASSWORD@HOST"]);
    assert!(!said.contains("secret@"));

    // The password of the private server, one letter changed.
    if let Some((start, end)) = url.expose_secret().split_once("@/") {
        let said = with(&format!("{start}x@/{end}"));
        holds_all(&said, &["refuses the log-in", "password"]);
    }
}

#[test]
fn a_schema_that_is_not_ours_is_left_alone() {
    let folder = folder();
    let database = TestDatabase::empty();
    let url = database.url();
    let url = url.expose_secret();
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--secret",
        SECRET,
        "--database-url",
        url,
    ];

    let empty = migrations::state(&database.url()).unwrap();
    assert!(matches!(empty, SchemaState::Behind(_)), "{empty:?}");
    let said = complaint(folder.path(), &[&flags[..], &["--no-migrate"]].concat());
    holds_all(&said, &["of our migrations", "passgate migrate"]);
    assert_eq!(migrations::state(&database.url()).unwrap(), empty);

    // A look at the users is no reason to migrate a database in production.
    let said = complaint(folder.path(), &["users", "list", "--database-url", url]);
    holds_all(&said, &["of our migrations", "passgate migrate"]);
    assert_eq!(migrations::state(&database.url()).unwrap(), empty);

    migrations::migrate(&database.url()).unwrap();
    database
        .connect()
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')")
        .unwrap();
    let always = flags;
    for more in [&[][..], &["--no-migrate"]] {
        let flags = [&always[..], more].concat();
        // What a newer release added does no harm,
        let log = Served::spawn(&mut passgate(folder.path(), &flags)).stop();
        holds_all(&log, &["99990101000001", "a newer passgate"]);
    }
    // and what it took away does.
    database
        .connect()
        .batch_execute("ALTER TABLE users RENAME COLUMN display_name TO name")
        .unwrap();
    for more in [&[][..], &["--no-migrate"]] {
        holds_all(
            &complaint(folder.path(), &[&always[..], more].concat()),
            &["99990101000001", "users.display_name is gone", "newer"],
        );
    }
}

#[test]
fn a_secret_that_is_missing_short_or_another_is_named() {
    let folder = folder();
    let database = TestDatabase::new();
    let url = database.url();
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        url.expose_secret(),
    ];
    let with = |secret: &[&str]| complaint(folder.path(), &[&flags[..], secret].concat());

    holds_all(&with(&[]), &["PASSGATE_SECRET is missing", "openssl rand"]);
    let said = with(&["--secret", "hunter2"]);
    holds_all(&said, &["PASSGATE_SECRET", "32 bytes"]);
    assert!(!said.contains("hunter2"));

    Served::start(
        folder.path(),
        &["--database-url", url.expose_secret(), "--secret", SECRET],
    )
    .stop();
    let said = with(&["--secret", "another secret, as long as the first"]);
    holds_all(&said, &["another secret:", "PASSGATE_SECRET"]);
    assert!(!said.contains("as long as"));
    Served::start(
        folder.path(),
        &["--database-url", url.expose_secret(), "--secret", SECRET],
    )
    .stop();
}

#[test]
fn hs256_without_its_secret_is_named() {
    let folder = folder();
    let database = TestDatabase::new();
    let url = database.url();
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        url.expose_secret(),
        "--secret",
        SECRET,
        "--jwt-algorithm",
        "HS256",
    ];
    holds_all(
        &complaint(folder.path(), &flags),
        &["HS256", "PASSGATE_JWT_SECRET", "32 bytes"],
    );
    let short = [&flags[..], &["--jwt-secret", "hunter2"]].concat();
    holds_all(
        &complaint(folder.path(), &short),
        &["PASSGATE_JWT_SECRET", "32 bytes"],
    );
}

#[test]
fn a_data_directory_that_is_none_is_named() {
    let folder = folder();
    write(folder.path(), "file", "");
    let said = complaint(
        folder.path(),
        &["--listen", "127.0.0.1:0", "--data-dir", "file"],
    );
    holds_all(&said, &["file", "--data-dir"]);
}

#[test]
fn a_data_directory_closed_to_us_is_named() {
    use std::os::unix::fs::PermissionsExt;
    if nix::unistd::Uid::effective().is_root() {
        io::stderr()
            .write_all(b"skipped: nothing is closed to root\n")
            .unwrap();
        return;
    }
    let folder = folder();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let said = complaint(
        folder.path(),
        &["--listen", "127.0.0.1:0", "--data-dir", "closed"],
    );
    holds_all(&said, &["closed", "ermission denied"]);
}

#[test]
fn settings_that_make_no_sense_are_named_by_their_flags() {
    let folder = folder();
    for (flag, value, says) in [
        ("--argon2", "m=1", "m=19456,t=2,p=1"),
        ("--listen", "localhost", "--listen"),
        ("--access-token-ttl", "soon", "--access-token-ttl"),
        ("--jwt-algorithm", "none", "EdDSA"),
        ("--password-min-length", "0", "--password-min-length"),
        ("--hash-arenas", "0", "--hash-arenas"),
    ] {
        let output = run(folder.path(), &[flag, value]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        holds_all(&said, &[flag, says]);
    }
}

#[test]
fn an_issuer_that_is_no_url_and_a_log_filter_that_is_none_are_named() {
    let folder = folder();
    let database = TestDatabase::new();
    let url = database.url();
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        url.expose_secret(),
        "--secret",
        SECRET,
    ];
    let with = |more: &[&str]| complaint(folder.path(), &[&flags[..], more].concat());
    for life in ["1h", "11y"] {
        holds_all(
            &with(&["--audit-retention", life]),
            &["--audit-retention", "1d"],
        );
    }
    // Nobody can ask http://0.0.0.0 for anything.
    for address in ["0.0.0.0:0", "[::]:0"] {
        let said = complaint(folder.path(), &["config", "check", "--listen", address]);
        holds_all(&said, &["--issuer", "https://", "every address"]);
        let said = complaint(folder.path(), &["--listen", address]);
        holds_all(&said, &["--issuer"]);
    }
    holds_all(&with(&["--issuer", "notaurl"]), &["--issuer", "https://"]);
    holds_all(&with(&["--log", "foo=bar=baz"]), &["--log", "info"]);
    holds_all(
        &with(&["--session-idle", "100d"]),
        &["--session-idle", "--session-lifetime"],
    );
}

#[test]
fn a_lost_secret_of_the_private_server_is_named_and_not_replaced() {
    let folder = folder();
    Served::start(folder.path(), &[]).stop();
    let secret = folder.path().join(".passgate/secret");
    let aside = folder.path().join("aside");
    fs::rename(&secret, &aside).unwrap();
    let said = complaint(folder.path(), &["--listen", "127.0.0.1:0"]);
    holds_all(&said, &["secret", "is missing", "backup"]);
    assert!(!secret.exists());
    fs::rename(&aside, &secret).unwrap();
    Served::start(folder.path(), &[]).stop();
}

#[test]
fn a_variable_that_is_no_setting_stops_every_command() {
    let folder = folder();
    for args in [&["users", "list"][..], &[]] {
        let mut command = crate::program::passgate(folder.path(), args);
        let output = command.env("PASSGATE_ISUER", "x").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        holds_all(&said, &["PASSGATE_ISUER", "PASSGATE_ISSUER"]);
    }
    assert!(!folder.path().join(".passgate").exists());
}
