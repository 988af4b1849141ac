//! A database for each test: a copy of a migrated template, dropped afterwards.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Int4, Text};
use passgate_local_postgres::testing::admin_url;
use secrecy::SecretString;

use crate::{PgStore, PoolSettings, dsn, migrations, open};

/// The statement of a refresh, for who measures what the database makes of it alone.
pub const ROTATE_STATEMENT: &str = crate::sessions::rotate::STATEMENT;

/// What all of our databases on the server begin with.
const PREFIX: &str = "passgate_test_";

/// Held, shared, by every test program while it runs.
const RUNNING: i64 = 0x7061_7373_5f72_756e;

/// Held while the template is made.
const MAKING: i64 = 0x7061_7373_5f6d_616b;

/// A migrated, empty database of a test's own.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// Copies the template.
    ///
    /// # Panics
    /// If the server does not let us.
    pub fn new() -> Self {
        let template = template();
        let database = Self::named(server().unique_name());
        execute(&format!(
            "CREATE DATABASE {} TEMPLATE {template}",
            database.name
        ));
        database
    }

    /// A database without our schema.
    ///
    /// # Panics
    /// If the server does not let us.
    pub fn empty() -> Self {
        let database = Self::named(server().unique_name());
        execute(&format!(
            "CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0",
            database.name
        ));
        database
    }

    fn named(name: String) -> Self {
        Self { name }
    }

    /// How to connect to it.
    pub fn url(&self) -> SecretString {
        dsn::with(&admin_url(), "dbname", &self.name)
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A store on it. Connections are made when wanted.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn store(&self) -> PgStore {
        PgStore::open(&self.url(), &PoolSettings::with_size(10)).expect("a database just made")
    }

    /// Drops the database under whoever uses it, as an operator's mistake would.
    ///
    /// # Panics
    /// If the server does not let us.
    pub fn take_away(&self) {
        execute(&drop_statement(&self.name));
    }

    /// A connection of the test's own.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn connect(&self) -> PgConnection {
        open::connect(&self.url()).expect("a database just made")
    }
}

impl Default for TestDatabase {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // What stays is swept by the next run.
        drop(try_execute(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        )));
    }
}

/// A store and the database that goes with it, for suites that want one value.
#[derive(Debug)]
pub struct TestStore {
    store: PgStore,
    _database: TestDatabase,
}

impl TestStore {
    /// On a database of its own.
    ///
    /// # Panics
    /// If there is none.
    pub fn new() -> Self {
        let database = TestDatabase::new();
        Self {
            store: database.store(),
            _database: database,
        }
    }
}

impl Default for TestStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestStore {
    type Target = PgStore;

    fn deref(&self) -> &PgStore {
        &self.store
    }
}

/// This test program's connection to the server, which holds its locks.
struct Server {
    connection: Mutex<PgConnection>,
    session: i32,
    databases: AtomicU32,
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Int4)]
    pid: i32,
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Bool)]
    held: bool,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Server {
    fn open() -> QueryResult<Self> {
        let mut connection = open::connect(&admin_url())
            .map_err(|error| diesel::result::Error::QueryBuilderError(error.into()))?;
        sweep(&mut connection)?;
        lock(
            &mut connection,
            "SELECT pg_advisory_lock_shared($1)",
            RUNNING,
        )?;
        let session: Session =
            diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(&mut connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
            session: session.pid,
            databases: AtomicU32::new(0),
        })
    }

    fn unique_name(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        format!("{PREFIX}{}_{number}", self.session)
    }

    fn connection(&self) -> MutexGuard<'_, PgConnection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::open().expect("a server for the tests"))
}

/// Drops what test programs left that were killed, if no other is running just now.
fn sweep(connection: &mut PgConnection) -> QueryResult<()> {
    let free: Held = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS held")
        .bind::<BigInt, _>(RUNNING)
        .get_result(connection)?;
    if !free.held {
        return Ok(());
    }
    let left: Vec<Name> = diesel::sql_query(
        "SELECT datname::text AS name FROM pg_database
         WHERE starts_with(datname, $1) AND datname <> $2",
    )
    .bind::<Text, _>(PREFIX)
    .bind::<Text, _>(template_name())
    .load(connection)?;
    for Name { name } in left {
        connection.batch_execute(&drop_statement(&name))?;
    }
    lock(connection, "SELECT pg_advisory_unlock($1)", RUNNING)
}

fn drop_statement(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
}

fn template_name() -> String {
    format!("{PREFIX}template_{}", env!("PASSGATE_MIGRATIONS"))
}

/// Makes the template under another name and renames it when it is complete.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = template_name();
        lock(
            &mut server().connection(),
            "SELECT pg_advisory_lock($1)",
            MAKING,
        )
        .expect("a lock");
        let is_there: Held =
            diesel::sql_query("SELECT count(*) = 1 AS held FROM pg_database WHERE datname = $1")
                .bind::<Text, _>(&name)
                .get_result(&mut *server().connection())
                .expect("an answer");
        if !is_there.held {
            let making = TestDatabase::empty();
            migrations::migrate(&making.url()).expect("our migrations");
            execute(&format!("ALTER DATABASE {} RENAME TO {name}", making.name));
        }
        lock(
            &mut server().connection(),
            "SELECT pg_advisory_unlock($1)",
            MAKING,
        )
        .expect("a lock");
        name
    })
}

fn lock(connection: &mut PgConnection, statement: &str, key: i64) -> QueryResult<()> {
    diesel::sql_query(statement)
        .bind::<BigInt, _>(key)
        .execute(connection)
        .map(drop)
}

#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn execute(statement: &str) {
    try_execute(statement).expect("a statement on the tests' server");
}

fn try_execute(statement: &str) -> QueryResult<()> {
    server().connection().batch_execute(statement)
}
