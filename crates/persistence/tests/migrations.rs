//! The schema is brought up to date once, by whoever comes first.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use passgate_persistence::migrations::{self, MigrateError, SchemaState};
use passgate_persistence::testing::TestDatabase;

#[test]
fn of_ten_replicas_that_start_at_once_one_migrates() {
    let database = TestDatabase::empty();
    let barrier = Barrier::new(10);
    let ran: Vec<usize> = thread::scope(|scope| {
        let replicas: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    migrations::migrate(&database.url()).unwrap().len()
                })
            })
            .collect();
        replicas
            .into_iter()
            .map(|replica| replica.join().unwrap())
            .collect()
    });
    assert_eq!(ran.iter().filter(|count| **count > 0).count(), 1, "{ran:?}");
    assert_eq!(
        migrations::state(&database.url()).unwrap(),
        SchemaState::Current
    );
}

#[derive(QueryableByName)]
struct Waits {
    #[diesel(sql_type = Bool)]
    waits: bool,
}

/// Whether somebody wants the table of sessions for themselves.
fn is_wanted(connection: &mut PgConnection) -> bool {
    let Waits { waits } = diesel::sql_query(
        "SELECT EXISTS (
             SELECT FROM pg_locks WHERE relation = 'sessions'::regclass
             AND mode = 'AccessExclusiveLock' AND NOT granted) AS waits",
    )
    .get_result(connection)
    .unwrap();
    waits
}

#[test]
fn a_migration_lets_others_at_a_table_that_is_in_use_and_tries_again() {
    let database = TestDatabase::new();
    let [mut holder, mut watcher, mut other] = [(); 3].map(|()| database.connect());
    for statement in [
        "DELETE FROM __diesel_schema_migrations WHERE version = '20261128000012'",
        "BEGIN; SELECT count(*) FROM sessions",
    ] {
        holder.batch_execute(statement).unwrap();
    }
    let ran = thread::scope(|scope| {
        let migrating = scope.spawn(|| migrations::migrate(&database.url()));
        while !is_wanted(&mut watcher) {
            assert!(!migrating.is_finished());
        }
        // Queues behind the migration, and gets in while the table is held still.
        other
            .batch_execute("SELECT count(*) FROM sessions")
            .unwrap();
        assert!(!migrating.is_finished());
        holder.batch_execute("COMMIT").unwrap();
        migrating.join().unwrap()
    });
    assert_eq!(ran.unwrap().len(), 1);
}

#[test]
fn a_schema_may_have_any_name() {
    let database = TestDatabase::empty();
    database
        .connect()
        .batch_execute(&format!(
            "CREATE SCHEMA \"Pass.Gate\"; ALTER DATABASE {} SET search_path = \"Pass.Gate\"",
            database.name()
        ))
        .unwrap();
    let all = migrations::migrate(&database.url()).unwrap();
    assert_eq!(all.len(), migrations::count());
    let mut connection = database.connect();
    connection
        .batch_execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sessions_by_end'::regclass;
             INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')",
        )
        .unwrap();
    // What we look for in it is found.
    let unknown = vec!["99990101000001".to_owned()];
    let missed = Vec::new();
    assert_eq!(
        migrations::state(&database.url()).unwrap(),
        SchemaState::Newer { unknown, missed }
    );
    connection
        .batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '99990101000001'")
        .unwrap();
    assert_eq!(migrations::migrate(&database.url()).unwrap(), [""; 0]);
    let index = "SELECT indisvalid AS waits FROM pg_index
                 WHERE indexrelid = 'sessions_by_end'::regclass";
    let Waits { waits: is_valid } = diesel::sql_query(index)
        .get_result(&mut connection)
        .unwrap();
    assert!(is_valid);
}

#[test]
fn every_migration_can_be_undone_and_done_again() {
    let database = TestDatabase::new();
    migrations::revert_all(&database.url()).unwrap();
    let all = migrations::migrate(&database.url()).unwrap();
    assert_eq!(
        migrations::state(&database.url()).unwrap(),
        SchemaState::Current
    );
    assert_eq!(all.len(), migrations::count());
}

#[test]
fn looking_at_an_empty_database_leaves_it_empty() {
    let database = TestDatabase::empty();
    for _ in 0..2 {
        assert_eq!(
            migrations::state(&database.url()).unwrap(),
            SchemaState::Behind(migrations::count())
        );
    }
}

#[test]
fn a_newer_schema_is_left_alone_and_good_enough_if_nothing_is_missed() {
    let database = TestDatabase::new();
    database
        .connect()
        .batch_execute(
            "ALTER TABLE users ADD COLUMN nickname text;
             INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')",
        )
        .unwrap();
    let newer = |missed: &[&str]| SchemaState::Newer {
        unknown: vec!["99990101000001".to_owned()],
        missed: missed.iter().map(|&sentence| sentence.to_owned()).collect(),
    };
    assert_eq!(migrations::state(&database.url()).unwrap(), newer(&[]));
    assert_eq!(migrations::migrate(&database.url()).unwrap(), [""; 0]);
    // What we write knows nothing of it.
    database
        .connect()
        .batch_execute("ALTER TABLE users ALTER COLUMN nickname SET NOT NULL")
        .unwrap();
    let missed = "users.nickname has no default, and is not written";
    assert_eq!(
        migrations::state(&database.url()).unwrap(),
        newer(&[missed])
    );
    let error = migrations::migrate(&database.url()).unwrap_err();
    assert!(matches!(error, MigrateError::Newer { .. }), "{error:?}");
    for named in ["99990101000001", missed] {
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn a_newer_schema_without_one_of_our_migrations_is_none_of_ours() {
    let database = TestDatabase::new();
    database
        .connect()
        .batch_execute(
            "UPDATE __diesel_schema_migrations SET version = '99990101000001'
             WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
        )
        .unwrap();
    let error = migrations::migrate(&database.url()).unwrap_err();
    assert!(error.to_string().contains("was not run"), "{error}");
}

#[test]
fn a_migration_that_fails_changes_nothing_and_is_named() {
    let database = TestDatabase::empty();
    database
        .connect()
        .batch_execute("CREATE TABLE signing_keys (mine text)")
        .unwrap();
    let error = migrations::migrate(&database.url()).unwrap_err();
    assert!(error.to_string().contains("signing_keys"), "{error}");
    assert_eq!(
        migrations::state(&database.url()).unwrap(),
        SchemaState::Behind(migrations::count() - 1)
    );
    database
        .connect()
        .batch_execute("DROP TABLE signing_keys")
        .unwrap();
    let rest = migrations::migrate(&database.url()).unwrap();
    assert_eq!(rest.len(), migrations::count() - 1);
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    is_valid: bool,
}

/// The indexes of ours that are built while others use their tables, as the migrations name them.
fn built_beside() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("up.sql")).ok())
        .filter_map(|sql| {
            let (_, rest) = sql.split_once("CONCURRENTLY IF NOT EXISTS ")?;
            Some(rest.split_whitespace().next()?.to_owned())
        })
        .collect();
    names.sort();
    names
}

/// As a build leaves them that waited too long for somebody else's snapshot.
fn spoil(database: &TestDatabase, names: &[String]) {
    for name in names {
        database
            .connect()
            .batch_execute(&format!(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"
            ))
            .unwrap();
    }
}

fn indexes(database: &TestDatabase) -> Vec<Index> {
    diesel::sql_query(
        "SELECT relname::text AS name, indisvalid AS is_valid
         FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
         WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
    )
    .load(&mut database.connect())
    .unwrap()
}

fn invalid(database: &TestDatabase) -> Vec<String> {
    let all = indexes(database).into_iter();
    all.filter(|index| !index.is_valid)
        .map(|index| index.name)
        .collect()
}

#[test]
fn an_index_whose_build_was_given_up_is_built_at_the_next_start() {
    let database = TestDatabase::new();
    let names = built_beside();
    assert!(names.len() >= 4, "{names:?}");
    spoil(&database, &names);
    assert_eq!(invalid(&database), names);
    // Nothing is left to migrate.
    assert_eq!(migrations::migrate(&database.url()).unwrap(), [""; 0]);
    assert_eq!(invalid(&database), [""; 0]);
}

#[test]
fn a_migration_whose_index_was_given_up_is_run_again_and_makes_it() {
    let database = TestDatabase::new();
    let names = built_beside();
    spoil(&database, &names);
    database
        .connect()
        .batch_execute(
            "CREATE INDEX sessions_by_end_ccnew ON sessions (ended_at);
             CREATE INDEX theirs ON sessions (ended_at);
             DELETE FROM __diesel_schema_migrations
             WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
        )
        .unwrap();
    spoil(
        &database,
        &["sessions_by_end_ccnew", "theirs"].map(str::to_owned),
    );
    assert_eq!(migrations::migrate(&database.url()).unwrap().len(), 1);
    // An operator's own is theirs.
    assert_eq!(invalid(&database), ["theirs"]);
    let left = indexes(&database);
    assert!(
        left.iter()
            .all(|index| index.name != "sessions_by_end_ccnew")
    );
    assert!(
        names
            .iter()
            .all(|name| left.iter().any(|index| index.name == *name))
    );
}
