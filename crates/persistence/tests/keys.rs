//! What replicas do with the signing keys at the same moment, a statement after another.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use passgate_domain::audit::Act;
use passgate_domain::ports::SigningKeyStore;
use passgate_domain::testing::{act, signing_key};
use passgate_persistence::testing::TestDatabase;
use time::macros::datetime;

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

/// Until somebody waits for a lock.
fn wait_for_who_waits(connection: &mut PgConnection) {
    let begun = Instant::now();
    loop {
        let Answer { answer } = diesel::sql_query(
            "SELECT EXISTS (
                SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                WHERE NOT granted AND datname = current_database()) AS answer",
        )
        .get_result(connection)
        .unwrap();
        if answer {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits");
    }
}

fn now() -> Act {
    act(datetime!(2026-11-01 12:00 UTC))
}

/// One that signs.
fn with_a_key() -> TestDatabase {
    let database = TestDatabase::new();
    let first = signing_key("first", "EdDSA");
    database
        .store()
        .install_signing_key(&first, &now())
        .unwrap();
    database
}

#[test]
fn a_key_that_is_being_announced_goes_with_those_that_are_replaced() {
    let database = with_a_key();
    let (store, now) = (database.store(), now());
    // As `announce_signing_key` does, held up between its statements and its commit.
    let mut announcing = database.connect();
    announcing
        .batch_execute(
            "BEGIN;
             SELECT FROM signing_keys WHERE state = 'active' FOR SHARE;
             INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key,
                                       sealing_key_id, state, created_at, promotable_at)
             VALUES ('next', 'EdDSA', '{}', '', 'sample', 'announced', now(), now())",
        )
        .unwrap();
    thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            let new = signing_key("new", "EdDSA");
            store.replace_signing_keys(&new, &now).unwrap()
        });
        wait_for_who_waits(&mut database.connect());
        announcing.batch_execute("COMMIT").unwrap();
        let mut removed = replacing.join().unwrap();
        removed.sort();
        assert_eq!(removed, ["first", "next"]);
    });
    let left = store.signing_keys().unwrap();
    let left: Vec<&str> = left.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(left, ["new"]);
}

#[test]
fn a_replacement_and_an_announcement_wait_in_no_circle() {
    let database = with_a_key();
    let (store, now) = (database.store(), now());
    let mut announcing = database.connect();
    announcing
        .batch_execute("BEGIN; SELECT FROM signing_keys WHERE state = 'active' FOR SHARE")
        .unwrap();
    thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            let new = signing_key("new", "EdDSA");
            store.replace_signing_keys(&new, &now).unwrap()
        });
        wait_for_who_waits(&mut database.connect());
        announcing
            .batch_execute(
                "INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key,
                                           sealing_key_id, state, created_at, promotable_at)
                 VALUES ('next', 'EdDSA', '{}', '', 'sample', 'announced', now(), now());
                 COMMIT",
            )
            .unwrap();
        assert_eq!(replacing.join().unwrap().len(), 2);
    });
}
