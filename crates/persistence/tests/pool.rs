//! The pool under a database that is not always there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use passgate_domain::client::{ClientChange, Slot};
use passgate_domain::ports::{
    ClientStore, CreateUserError, SessionStore, StoreError, UserQuery, UserStore,
};
use passgate_domain::session::{EndReason, Revocation, SessionId};
use passgate_domain::testing::{act, new_client, new_user};
use passgate_domain::{ClientId, Email, PasswordHash, Patch, UserChange, Username};
use passgate_local_postgres::testing::admin_url;
use passgate_persistence::testing::TestDatabase;
use passgate_persistence::{OpenError, PgStore, PoolSettings};
use secrecy::{ExposeSecret, SecretString};
use time::macros::datetime;

const ALL: UserQuery = UserQuery::All { after: None };

fn open(url: &str) -> Result<PgStore, OpenError> {
    PgStore::open(&SecretString::from(url), &PoolSettings::with_size(1))
}

fn end_sessions(database: &TestDatabase) {
    database
        .connect()
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .unwrap();
}

#[test]
fn a_read_outlives_the_end_of_its_connection() {
    let database = TestDatabase::new();
    let store = PgStore::open(&database.url(), &PoolSettings::with_size(1)).unwrap();
    store.ping().unwrap();
    for _ in 0..3 {
        end_sessions(&database);
        assert!(store.list_users(&ALL, 10).unwrap().is_empty());
    }
}

#[test]
fn a_write_on_a_dead_connection_is_unavailable_once_and_not_forever() {
    let database = TestDatabase::new();
    let store = PgStore::open(&database.url(), &PoolSettings::with_size(1)).unwrap();
    let now = datetime!(2026-11-01 12:00 UTC);
    let matt = store.create_user(&new_user("matt"), &act(now)).unwrap();
    end_sessions(&database);
    let disable = || store.update_user(matt.id, &UserChange::active(false), &act(now));
    match disable() {
        Err(CreateUserError::Store(StoreError::Unavailable(_))) => {
            assert!(disable().unwrap().is_some());
        }
        outcome => assert!(outcome.unwrap().is_some()),
    }
}

#[test]
fn a_statement_that_takes_too_long_is_given_up() {
    let database = TestDatabase::new();
    let settings = PoolSettings::with_size(2).statement_timeout(Duration::from_millis(100));
    let store = PgStore::open(&database.url(), &settings).unwrap();
    let mut holder = database.connect();
    holder
        .batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    let error = store
        .find_credentials(&Username::parse("matt").unwrap())
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    holder.batch_execute("ROLLBACK").unwrap();
    assert!(
        store
            .find_credentials(&Username::parse("matt").unwrap())
            .unwrap()
            .is_none()
    );
}

/// An import holds the table for as long as it takes; log-ins go on.
#[test]
fn an_upgrade_does_not_wait_for_the_table() {
    let database = TestDatabase::new();
    let store = database.store();
    let now = datetime!(2026-11-01 12:00 UTC);
    let matt = store.create_user(&new_user("matt"), &act(now)).unwrap();
    let (old, new) = (
        new_user("matt").password_hash,
        PasswordHash::new("$sample$stronger"),
    );
    let mut holder = database.connect();
    holder
        .batch_execute("BEGIN; LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
        .unwrap();
    let begun = Instant::now();
    let outcome = store.upgrade_password_hash(matt.id, &old, &new);
    assert!(
        matches!(outcome, Err(StoreError::Unavailable(_))),
        "{outcome:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert!(store.find_credentials(&matt.username).unwrap().is_some());
    holder.batch_execute("ROLLBACK").unwrap();
    assert!(store.upgrade_password_hash(matt.id, &old, &new).unwrap());
}

#[test]
fn with_every_connection_in_use_the_answer_is_unavailable() {
    let database = TestDatabase::new();
    let settings = PoolSettings::with_size(1)
        .wait(Duration::from_millis(100))
        .statement_timeout(Duration::from_secs(20));
    let store = PgStore::open(&database.url(), &settings).unwrap();
    let mut holder = database.connect();
    holder
        .batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel();
        let waiting = &store;
        scope.spawn(move || {
            // It may be the one that finds no connection: then it has not begun to wait yet.
            let outcome = loop {
                match waiting.list_users(&ALL, 10) {
                    Err(StoreError::Unavailable(_)) => {}
                    outcome => break outcome,
                }
            };
            done.send(outcome.is_ok()).unwrap();
        });
        // Until the one connection is in use this answers well.
        let error = loop {
            if let Err(error) = store.ping() {
                break error;
            }
        };
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        holder.batch_execute("ROLLBACK").unwrap();
        assert!(is_done.recv().unwrap());
    });
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
}

#[test]
fn connections_say_who_they_are() {
    let database = TestDatabase::new();
    let store = database.store();
    store.ping().unwrap();
    let names: Vec<Setting> = diesel::sql_query(
        "SELECT DISTINCT application_name AS name FROM pg_stat_activity
         WHERE datname = current_database()",
    )
    .load(&mut database.connect())
    .unwrap();
    let names: Vec<&str> = names.iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!(names, ["passgate"]);
}

/// Of several hosts libpq takes the first that can be written to.
#[test]
fn a_url_of_several_hosts_finds_the_one_that_takes_writes() {
    let database = TestDatabase::new();
    // A port that nobody answers on.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = database.url();
    let Some((credentials, host)) = local_parts(url.expose_secret()) else {
        io::stderr()
            .write_all(b"skipped: the tests' server is not the private one\n")
            .unwrap();
        return;
    };
    let several = format!(
        "postgresql://{credentials}@/{name}?host=127.0.0.1,{host}&port={closed},5432\
         &target_session_attrs=read-write",
        name = database.name()
    );
    let store = open(&several).unwrap();
    store
        .create_user(&new_user("matt"), &act(datetime!(2026-11-01 12:00 UTC)))
        .unwrap();
}

/// `postgresql://CREDENTIALS@/...?host=FOLDER&...`
fn local_parts(url: &str) -> Option<(&str, &str)> {
    let (credentials, rest) = url.strip_prefix("postgresql://")?.split_once("@/")?;
    let host = rest.split_once("?host=")?.1.split('&').next()?;
    Some((credentials, host))
}

#[test]
fn what_is_wrong_with_a_url_is_said_without_the_password() {
    let admin = admin_url();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let unreachable = open(&format!("postgres://u:topsecret@127.0.0.1:{closed}/d")).unwrap_err();
    assert!(
        matches!(unreachable, OpenError::Unreachable(_)),
        "{unreachable:?}"
    );
    let separator = if admin.expose_secret().contains('?') {
        '&'
    } else {
        '?'
    };
    let missing = open(&format!(
        "{}{separator}dbname=no_such_db",
        admin.expose_secret()
    ))
    .unwrap_err();
    assert!(matches!(missing, OpenError::NoDatabase(_)), "{missing:?}");
    assert!(missing.to_string().contains("no_such_db"), "{missing}");
    let malformed = open("postgres://u:top/secret@host:5432/d").unwrap_err();
    for error in [&unreachable, &missing, &malformed] {
        let said = format!("{error} {error:?}");
        assert!(!said.contains("secret"), "{said}");
    }
    if let Some((_, host)) = local_parts(admin.expose_secret()) {
        let refused = open(&format!(
            "postgres://passgate:topsecret@/postgres?host={host}"
        ))
        .unwrap_err();
        assert!(matches!(refused, OpenError::Refused(_)), "{refused:?}");
        assert!(!refused.to_string().contains("topsecret"));
    }
}

#[test]
fn a_database_of_another_encoding_is_refused_with_the_way_to_make_one() {
    let database = TestDatabase::empty();
    let latin = format!("{}_latin", database.name());
    database
        .connect()
        .batch_execute(&format!(
            "CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ))
        .unwrap();
    let url = format!("{}&dbname={latin}", database.url().expose_secret());
    let error = passgate_persistence::migrations::migrate(&url.into()).unwrap_err();
    database
        .connect()
        .batch_execute(&format!("DROP DATABASE {latin} WITH (FORCE)"))
        .unwrap();
    assert!(error.to_string().contains("UTF8"), "{error}");
}

#[test]
fn whoever_keeps_a_copy_is_told_when_something_was_taken_away() {
    let database = TestDatabase::new();
    let store = PgStore::open(&database.url(), &PoolSettings::with_size(1)).unwrap();
    let now = datetime!(2026-11-01 12:00 UTC);
    let matt = store.create_user(&new_user("matt"), &act(now)).unwrap();
    let before = store.withdrawals();
    store.find_user(matt.id).unwrap();
    assert_eq!(store.withdrawals(), before, "reading takes nothing away");
    let clone = store.clone();
    clone
        .update_user(matt.id, &UserChange::active(false), &act(now))
        .unwrap();
    let disabled = store.withdrawals();
    assert_ne!(disabled, before);
    clone.delete_user(matt.id, &act(now)).unwrap();
    assert_ne!(store.withdrawals(), disabled);
}

/// Each copy that anybody keeps is read again for it: nobody may bring that about by asking for what is
/// so already.
#[test]
fn what_ends_nothing_is_told_to_nobody_who_keeps_a_copy() {
    let database = TestDatabase::new();
    let store = PgStore::open(&database.url(), &PoolSettings::with_size(1)).unwrap();
    let now = datetime!(2026-11-01 12:00 UTC);
    let act = act(now);
    let matt = store.create_user(&new_user("matt"), &act).unwrap();
    let client = store
        .create_client(&new_client("billing", ""), &act)
        .unwrap();
    let before = store.withdrawals();
    let (revoked, nobodys) = (EndReason::Revoked, SessionId::random());
    let ended = store.revoke_session(nobodys, None, &act).unwrap();
    assert_eq!(ended, Revocation::NotAlive);
    assert!(!store.end_session(nobodys, revoked, &act).unwrap());
    assert!(
        !store
            .end_session_of(matt.id, nobodys, revoked, &act)
            .unwrap()
    );
    assert_eq!(store.end_sessions(matt.id, None, revoked, &act).unwrap(), 0);
    let named = UserChange {
        display_name: Patch::Set("Matt".to_owned()),
        ..UserChange::default()
    };
    let same = UserChange {
        email: Patch::Clear,
        ..UserChange::active(true)
    };
    for change in [&named, &same] {
        store.update_user(matt.id, change, &act).unwrap().unwrap();
    }
    let nothing = ClientChange::default();
    store.update_client(&client.id, &nothing, &act).unwrap();
    assert!(
        !store
            .remove_client_secret(&client.id, Slot::Second, &act)
            .unwrap()
    );
    let nobody = ClientId::parse("nobody").unwrap();
    assert!(!store.delete_client(&nobody, &act).unwrap());
    assert_eq!(store.withdrawals(), before);
    let renamed = UserChange {
        email: Patch::Set(Email::parse("matt@example.com").unwrap()),
        ..named
    };
    store.update_user(matt.id, &renamed, &act).unwrap();
    assert_ne!(store.withdrawals(), before, "others rely on an address");
    let before = store.withdrawals();
    assert!(
        store
            .remove_client_secret(&client.id, Slot::First, &act)
            .unwrap()
    );
    assert_ne!(store.withdrawals(), before);
    // Nobody knows what became of it.
    let before = store.withdrawals();
    database.take_away();
    store.end_session(nobodys, revoked, &act).unwrap_err();
    assert_ne!(store.withdrawals(), before);
}

#[derive(QueryableByName)]
struct Process {
    #[diesel(sql_type = diesel::sql_types::Int4)]
    pid: i32,
}

/// Stops and continues a process of the server, if it is on this machine and lets us.
fn signal(pid: i32, signal: &str) -> bool {
    let kill = Command::new("kill")
        .args([signal, &pid.to_string()])
        .output();
    kill.is_ok_and(|output| output.status.success())
}

#[test]
fn a_pool_whose_connections_all_hang_is_followed_by_another() {
    let database = TestDatabase::new();
    let settings = PoolSettings::with_size(1)
        .wait(Duration::from_millis(100))
        .statement_timeout(Duration::from_millis(100));
    let store = PgStore::open(&database.url(), &settings).unwrap();
    store.ping().unwrap();
    let backend: Process = diesel::sql_query(
        "SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'passgate'",
    )
    .get_result(&mut database.connect())
    .unwrap();
    if !signal(backend.pid, "-STOP") {
        io::stderr()
            .write_all(b"skipped: the tests' server is another user's\n")
            .unwrap();
        return;
    }
    thread::scope(|scope| {
        let hanging = scope.spawn(|| store.list_users(&ALL, 10));
        let begun = Instant::now();
        while store.connections().idle > 0 {
            thread::yield_now();
        }
        // Until there is another pool this has no connection, and then one that answers.
        while store.ping().is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "it never comes back"
            );
        }
        assert!(
            !hanging.is_finished(),
            "it would have been the server that came back"
        );
        assert!(signal(backend.pid, "-CONT"));
        assert!(hanging.join().unwrap().unwrap().is_empty());
    });
    assert_eq!(store.connections().open, 1, "the other is gone");
}

#[test]
fn a_database_that_takes_no_writes_is_not_ready() {
    let database = TestDatabase::new();
    let set = |what: &str| {
        let name = database.name();
        let mut connection = database.connect();
        for statement in [
            "SET default_transaction_read_only = off",
            &format!("ALTER DATABASE {name} {what}"),
        ] {
            connection.batch_execute(statement).unwrap();
        }
    };
    set("SET default_transaction_read_only = on");
    let store = open(database.url().expose_secret()).unwrap();
    let among_others = format!(
        "{}&target_session_attrs=any",
        database.url().expose_secret()
    );
    let among_others = open(&among_others).unwrap();
    for store in [&store, &among_others] {
        assert!(store.list_users(&ALL, 10).unwrap().is_empty(), "it is read");
        let error = store.ping().unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
    set("RESET default_transaction_read_only");
    // Where there is a choice nobody stays with a server that takes none: while we are not ready there
    // are no writes that would find out.
    among_others.ping().unwrap();
    open(database.url().expose_secret())
        .unwrap()
        .ping()
        .unwrap();
}
