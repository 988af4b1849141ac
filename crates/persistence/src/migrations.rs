//! The schema, brought up to date.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::SecretString;
use thiserror::Error;

use crate::expectations::Expectations;
use crate::open::{self, OpenError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// The advisory lock that keeps replicas apart: "passgate" in ASCII.
const LOCK: i64 = 0x7061_7373_6761_7465;

/// How long one that builds an index beside others waits for them before it is given up. Nobody waits
/// for it meanwhile.
const PATIENT: &str = "SET lock_timeout = '10s'";

/// How long one in a transaction waits for the lock on a table at a time. Whoever uses the table queues
/// behind it, in all replicas.
const BRIEF: Duration = Duration::from_millis(500);

/// How many milliseconds it leaves the table to the others after each time, until it is given up: some
/// twenty seconds, with the times that it waits.
const PAUSES: [u64; 9] = [100, 200, 400, 800, 1600, 3000, 3000, 3000, 3000];

/// The indexes that are built while others use their tables. One whose build is given up stays as it is:
/// it is written to and never read, and `IF NOT EXISTS` finds it there.
const BUILT_BESIDE: [&str; 4] = [
    "sessions_by_end",
    "sessions_by_expiry",
    "sessions_not_ended",
    "audit_events_by_time",
];

/// How the database's schema compares to ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// It is ours.
    Current,
    /// It lacks so many of our migrations.
    Behind(usize),
    /// It has migrations that we do not know.
    Newer {
        /// Their versions.
        unknown: Vec<String>,
        /// What we need and it has not, a sentence each. Where there is nothing, we run on it: releases
        /// expand the schema before a later one contracts it.
        missed: Vec<String>,
    },
}

/// Why the schema is not ours. The database is as it was, or as the last migration that succeeded
/// left it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// There is no connection.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A newer Passgate migrated it, and took away what we need.
    #[error(
        "the database has migrations that this version of passgate does not know ({}), and it cannot \
         run on them ({}); start the passgate that made them, or a newer one",
        unknown.join(", "), missed.join(", ")
    )]
    Newer {
        /// The versions of its migrations.
        unknown: Vec<String>,
        /// What we need and it has not.
        missed: Vec<String>,
    },
    /// A migration failed and was rolled back.
    #[error("the migration {version} failed: {cause}")]
    Failed {
        /// Which.
        version: String,
        /// Why.
        cause: String,
    },
    /// An index whose build was given up before could not be built now, either.
    #[error("the index {name} cannot be built: {cause}")]
    Index {
        /// Which.
        name: String,
        /// Why.
        cause: String,
    },
    /// The migrations so far could not be read.
    #[error("the database does not tell which migrations it has: {0}")]
    Query(#[from] diesel::result::Error),
}

/// Runs what is missing, one migration a transaction, and returns the names of those. Any number
/// of processes may do this at once: one does, the others wait and find nothing to do.
///
/// # Errors
/// [`MigrateError`].
pub fn migrate(url: &SecretString) -> Result<Vec<String>, MigrateError> {
    let mut connection = open::connect(url)?;
    wait_for_turn(&mut connection)?;
    match state_of(&mut connection)? {
        SchemaState::Newer { unknown, missed } if missed.is_empty() => {
            tell_of_newer(&unknown);
            return Ok(Vec::new());
        }
        SchemaState::Newer { unknown, missed } => {
            return Err(MigrateError::Newer { unknown, missed });
        }
        SchemaState::Current | SchemaState::Behind(_) => {}
    }
    connection.batch_execute(PATIENT)?;
    let pending =
        connection
            .pending_migrations(MIGRATIONS)
            .map_err(|cause| MigrateError::Failed {
                version: "list".into(),
                cause: cause.to_string(),
            })?;
    mend_indexes(&mut connection, !pending.is_empty())?;
    let mut done = Vec::new();
    for migration in pending {
        let version = migration.name().to_string();
        let run = if migration.metadata().run_in_transaction() {
            run_briefly(&mut connection, &*migration)
        } else {
            run(&mut connection, PATIENT, &*migration)
        };
        match run {
            Ok(()) => done.push(version),
            Err(cause) => {
                return Err(MigrateError::Failed {
                    version,
                    cause: cause.to_string(),
                });
            }
        }
    }
    // The lock goes with the connection.
    Ok(done)
}

fn run(
    connection: &mut PgConnection,
    lock_timeout: &str,
    migration: &dyn Migration<Pg>,
) -> diesel::migration::Result<()> {
    connection.batch_execute(lock_timeout)?;
    connection.run_migration(migration).map(drop)
}

/// Runs a migration that leaves nothing behind where it is given up, again and again until it finds the
/// tables free.
fn run_briefly(
    connection: &mut PgConnection,
    migration: &dyn Migration<Pg>,
) -> diesel::migration::Result<()> {
    let brief = format!("SET lock_timeout = {}", BRIEF.as_millis());
    for pause in PAUSES {
        let begun = Instant::now();
        match run(connection, &brief, migration) {
            Err(cause) if is_of_lock(&cause.to_string(), begun.elapsed()) => {
                tracing::info!(
                    migration = %migration.name(),
                    %cause,
                    "a table is in use: the migration lets others at it and tries again"
                );
                thread::sleep(Duration::from_millis(pause));
            }
            outcome => return outcome,
        }
    }
    run(connection, &brief, migration)
}

/// Whether an error is that of a lock that was waited for too long. Its code is not told, and its text may
/// be in another language: then it came when it had to. What fails for another reason just then fails
/// again.
fn is_of_lock(cause: &str, after: Duration) -> bool {
    cause.contains("lock timeout") || (BRIEF..4 * BRIEF).contains(&after)
}

/// Builds the indexes anew whose build was given up. Where nothing is to be migrated the schema is
/// good enough as it is, and the next start tries again.
fn mend_indexes(connection: &mut PgConnection, insist: bool) -> Result<(), MigrateError> {
    for Index { name, owner } in unfinished(connection)? {
        // What was left of an attempt like this goes, and its owner is built.
        let mend = if name == owner {
            format!("REINDEX INDEX CONCURRENTLY {owner}")
        } else {
            format!("DROP INDEX CONCURRENTLY {name}")
        };
        match connection.batch_execute(&mend) {
            Ok(()) => tracing::info!(index = %name, "mended an index whose build was given up"),
            Err(cause) if insist => {
                return Err(MigrateError::Index {
                    name,
                    cause: cause.to_string(),
                });
            }
            Err(cause) => {
                tracing::warn!(index = %name, %cause, "the build of an index is given up again");
            }
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    /// The one of ours that it is, or was to become.
    #[diesel(sql_type = Text)]
    owner: String,
}

/// Those of ours that are not valid, what is to go first.
fn unfinished(connection: &mut PgConnection) -> QueryResult<Vec<Index>> {
    diesel::sql_query(
        "SELECT relname::text AS name, owner
         FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid,
              unnest($1) AS owner
         WHERE NOT indisvalid
           AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
           AND regexp_replace(relname::text, '_cc(new|old)[0-9]*$', '') = owner
         ORDER BY relname = owner, relname",
    )
    .bind::<Array<Text>, _>(&BUILT_BESIDE[..])
    .load(connection)
}

/// Says that we run on another release's schema.
pub fn tell_of_newer(unknown: &[String]) {
    let versions = unknown.join(", ");
    tracing::warn!(
        %versions,
        "the database was migrated by a newer passgate; it has all that this one needs"
    );
}

/// How often whoever waits asks again.
const TURN: Duration = Duration::from_millis(100);

/// Takes the lock, asking again and again: whoever waited inside `pg_advisory_lock` would have a
/// snapshot, and `CREATE INDEX CONCURRENTLY` waits for all snapshots that are older than it: a
/// deadlock with the one who has the lock.
fn wait_for_turn(connection: &mut PgConnection) -> QueryResult<()> {
    let mut has_told = false;
    loop {
        let Answer { answer: is_ours } =
            diesel::sql_query("SELECT pg_try_advisory_lock($1) AS answer")
                .bind::<BigInt, _>(LOCK)
                .get_result(connection)?;
        if is_ours {
            return Ok(());
        }
        if !has_told {
            tracing::info!("waiting for another passgate, which migrates the database");
            has_told = true;
        }
        thread::sleep(TURN);
    }
}

/// Compares, and changes nothing.
///
/// # Errors
/// [`MigrateError`].
pub fn state(url: &SecretString) -> Result<SchemaState, MigrateError> {
    Ok(state_of(&mut open::connect(url)?)?)
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

pub(crate) fn state_of(connection: &mut PgConnection) -> QueryResult<SchemaState> {
    let ours = versions();
    let Answer { answer: is_there } =
        diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS answer")
            .get_result(connection)?;
    if !is_there {
        return Ok(SchemaState::Behind(ours.len()));
    }
    let theirs: Vec<Version> =
        diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version")
            .load(connection)?;
    let theirs: Vec<String> = theirs.into_iter().map(|row| row.version).collect();
    let unknown: Vec<String> = theirs
        .iter()
        .filter(|version| !ours.contains(version))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        let lacking = ours.iter().filter(|version| !theirs.contains(version));
        let mut missed: Vec<String> = lacking
            .map(|version| format!("the migration {version} was not run"))
            .collect();
        missed.extend(Expectations::ours().missed_in(&Expectations::of(connection)?));
        return Ok(SchemaState::Newer { unknown, missed });
    }
    match ours.len() - theirs.len() {
        0 => Ok(SchemaState::Current),
        lacking => Ok(SchemaState::Behind(lacking)),
    }
}

/// The versions of our migrations, in their order.
fn versions() -> Vec<String> {
    let ours: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations().unwrap_or_default();
    ours.iter()
        .map(|migration| migration.name().version().to_string())
        .collect()
}

/// How many there are.
#[cfg(feature = "testing")]
pub fn count() -> usize {
    versions().len()
}

/// Undoes every migration, for the test that does them again.
///
/// # Errors
/// [`MigrateError`].
#[cfg(feature = "testing")]
pub fn revert_all(url: &SecretString) -> Result<(), MigrateError> {
    open::connect(url)?
        .revert_all_migrations(MIGRATIONS)
        .map(drop)
        .map_err(|cause| MigrateError::Failed {
            version: "of the way back".into(),
            cause: cause.to_string(),
        })
}
