//! The PostgreSQL server of a run: private, on a socket, and as durable as in production.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use passgate_local_postgres::{LocalPostgres, Places};
use passgate_persistence::migrations;
use secrecy::{ExposeSecret, SecretString};

use crate::Fallible;

/// What somebody sets who runs a database of some size. Everything that a crash could cost stays
/// as it is: `fsync`, `synchronous_commit` and `full_page_writes` are on.
const SETTINGS: [(&str, &str); 6] = [
    ("max_connections", "200"),
    ("shared_buffers", "2GB"),
    ("effective_cache_size", "8GB"),
    ("random_page_cost", "1.1"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "15min"),
];

/// What the databases of the bench begin with.
const PREFIX: &str = "bench_";

/// The server.
pub(crate) struct Cluster(LocalPostgres);

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Cluster {
    /// Starts it in a folder, and drops what an earlier run left.
    pub(crate) fn start(folder: &Path) -> Fallible<Self> {
        let folder = folder.join("postgres");
        let first = LocalPostgres::builder(&folder).start()?;
        let mut connection = PgConnection::establish(first.url("postgres").expose_secret())?;
        for (name, value) in SETTINGS {
            connection.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'"))?;
        }
        drop(connection);
        // Some of them are read at the start only.
        first.stop()?;
        let cluster = Self(LocalPostgres::builder(&folder).start()?);
        cluster.sweep()?;
        Ok(cluster)
    }

    fn sweep(&self) -> Fallible {
        let mut connection = self.connect("postgres")?;
        let left: Vec<Name> = diesel::sql_query(
            "SELECT datname::text AS name FROM pg_database WHERE starts_with(datname, $1)",
        )
        .bind::<Text, _>(PREFIX)
        .load(&mut connection)?;
        for Name { name } in left {
            connection.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))?;
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn stop(self) -> Fallible {
        self.sweep()?;
        Ok(self.0.stop()?)
    }

    /// Makes an empty database and says how to connect to it.
    pub(crate) fn empty(&self, name: &str) -> Fallible<SecretString> {
        let name = format!("{PREFIX}{name}");
        let mut connection = self.connect("postgres")?;
        connection.batch_execute(&format!(
            "CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"
        ))?;
        Ok(self.0.url(&name))
    }

    /// Makes a database with our schema.
    pub(crate) fn migrated(&self, name: &str) -> Fallible<SecretString> {
        let url = self.empty(name)?;
        migrations::migrate(&url)?;
        Ok(url)
    }

    fn connect(&self, name: &str) -> Fallible<PgConnection> {
        Ok(PgConnection::establish(self.0.url(name).expose_secret())?)
    }

    /// How far the log of changes was written, in bytes.
    pub(crate) fn wal_bytes(&self) -> Fallible<f64> {
        let number = number(
            &mut self.connect("postgres")?,
            "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS number",
        )?;
        Ok(number)
    }

    /// Its version, as it says.
    pub(crate) fn version(&self) -> Fallible<String> {
        let name: Name = diesel::sql_query("SELECT current_setting('server_version') AS name")
            .get_result(&mut self.connect("postgres")?)?;
        Ok(name.name)
    }

    /// Writes everything to the disk now, so that no measurement does it for the one before.
    pub(crate) fn settle(&self) -> Fallible {
        Ok(self.connect("postgres")?.batch_execute("CHECKPOINT")?)
    }
}

/// Connects to a database of the cluster.
pub(crate) fn connect(url: &SecretString) -> Fallible<PgConnection> {
    Ok(PgConnection::establish(url.expose_secret())?)
}

/// Asks for one number, which the statement calls `number`.
pub(crate) fn number(connection: &mut PgConnection, statement: &str) -> Fallible<f64> {
    let answer: Number = diesel::sql_query(statement).get_result(connection)?;
    // Below 2^53 by far.
    Ok(answer.number.to_string().parse()?)
}

/// A program that comes with PostgreSQL.
pub(crate) fn program(name: &str) -> PathBuf {
    let found = Places::system().search();
    let paths = found.iter().map(|programs| programs.bin().join(name));
    paths
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(name))
}
