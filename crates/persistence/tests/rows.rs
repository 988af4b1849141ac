//! What somebody else wrote into our tables.

use diesel::connection::SimpleConnection;
use passgate_domain::ports::{
    AuditStore, ClientStore, SigningKeyStore, StoreError, UserQuery, UserStore,
};
use passgate_domain::testing::{act, new_client, new_user, signing_key};
use passgate_persistence::testing::TestDatabase;
use time::macros::datetime;

#[test]
fn a_row_that_breaks_a_rule_is_named_and_not_passed_on() {
    for (column, value) in [
        ("username", r"E'a\x07b'"),
        ("email", "'no address'"),
        ("roles", "'{\"\"}'"),
    ] {
        let database = TestDatabase::new();
        let store = database.store();
        let mut user = new_user("matt");
        user.email = passgate_domain::Email::parse("matt@example.com").ok();
        store
            .create_user(&user, &act(datetime!(2026-11-01 12:00 UTC)))
            .unwrap();
        database
            .connect()
            .batch_execute(&format!("UPDATE users SET {column} = {value}"))
            .unwrap();
        let error = store
            .list_users(&UserQuery::All { after: None }, 1)
            .unwrap_err();
        let StoreError::Corrupt {
            table,
            column: named,
            row,
            ..
        } = error
        else {
            unreachable!("{error:?}")
        };
        assert_eq!((table, named, row.as_str()), ("users", column, "1"));
    }
}

#[test]
fn the_database_refuses_what_no_release_of_ours_writes() {
    let database = TestDatabase::new();
    let store = database.store();
    store
        .create_user(&new_user("matt"), &act(datetime!(2026-11-01 12:00 UTC)))
        .unwrap();
    store
        .install_signing_key(
            &signing_key("k1", "EdDSA"),
            &act(datetime!(2026-11-01 12:00 UTC)),
        )
        .unwrap();
    store
        .create_client(
            &new_client("app", ""),
            &act(datetime!(2026-11-01 12:00 UTC)),
        )
        .unwrap();
    for statement in [
        "UPDATE users SET id = 0",
        "UPDATE users SET username = ''",
        "UPDATE users SET email = 'a@b.c'",
        "UPDATE users SET password_hash = ''",
        "UPDATE users SET deleted_at = now()",
        "UPDATE users SET roles = '{NULL}'",
        "UPDATE signing_keys SET state = 'compromised'",
        "UPDATE signing_keys SET kid = ''",
        "UPDATE users SET username_key = 'client:app'",
        "UPDATE clients SET id = 'passgate'",
        "UPDATE clients SET id = 'a b'",
        "UPDATE clients SET grants = '{implicit}'",
        "UPDATE clients SET grants = '{NULL}'",
        "UPDATE clients SET secret_1_at = NULL",
        "UPDATE clients SET secret_2_hint = 'abcd'",
        "UPDATE clients SET secret_1_sha256 = 'short'",
        "UPDATE signing_keys SET state = 'announced'",
        "UPDATE signing_keys SET state = 'retired'",
        "UPDATE signing_keys SET retired_at = now()",
    ] {
        assert!(
            database.connect().batch_execute(statement).is_err(),
            "{statement}"
        );
    }
}

#[test]
fn a_client_that_breaks_a_rule_is_named_and_not_passed_on() {
    let database = TestDatabase::new();
    let store = database.store();
    let client = new_client("app", "");
    store
        .create_client(&client, &act(datetime!(2026-11-01 12:00 UTC)))
        .unwrap();
    database
        .connect()
        .batch_execute("UPDATE clients SET scope = 'a  b'")
        .unwrap();
    let error = store.find_client(&client.id).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(said, "table clients holds an invalid scope in row app");
}

#[test]
fn a_large_import_is_one_change() {
    let database = TestDatabase::new();
    let store = database.store();
    let users: Vec<passgate_domain::ImportedUser> = (1..=2500)
        .map(|number| passgate_domain::ImportedUser {
            id: passgate_domain::UserId::try_new(number * 2).ok(),
            user: new_user(&format!("user{number}")),
            active: true,
        })
        .collect();
    let mut told = Vec::new();
    let now = datetime!(2026-11-01 12:00 UTC);
    let summary = store
        .import_users(&users, &act(now), &mut |done| told.push(done))
        .unwrap();
    assert_eq!(summary.created, 2500);
    assert_eq!(told, [0, 1000, 2000, 2500]);
    let next = store.create_user(&new_user("next"), &act(now)).unwrap();
    assert_eq!(next.id.get(), 5001);
    let again = store.import_users(&users, &act(now), &mut |_| ()).unwrap();
    assert_eq!((again.created, again.unchanged), (0, 2500));
}

#[test]
fn the_audit_log_is_added_to_and_nothing_else() {
    let database = TestDatabase::new();
    let store = database.store();
    let now = datetime!(2026-11-01 12:00 UTC);
    store.create_user(&new_user("matt"), &act(now)).unwrap();
    for statement in [
        "UPDATE audit_events SET actor = 'nobody'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
    ] {
        let refused = database.connect().batch_execute(statement).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    assert_eq!(store.remove_events(now, 10).unwrap(), 0);
    assert_eq!(
        store
            .remove_events(now + time::Duration::SECOND, 10)
            .unwrap(),
        1
    );
}
