//! The database: somebody's, or a private one in the data directory.

use std::fs;
use std::path::{Path, PathBuf};

use passgate_local_postgres::{Event, LocalPostgres};
use passgate_persistence::migrations::{self, MigrateError, SchemaState};
use passgate_persistence::{PgStore, PoolSettings};
use secrecy::SecretString;

use crate::config::DatabaseArgs;
use crate::failure::Failure;

/// The private server's database.
const NAME: &str = "passgate";

/// Whether the schema is brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Before anything else.
    First,
    /// If the database is the private one, which nobody else migrates.
    IfPrivate,
    /// Not here: refuse to go on with another schema than ours.
    Never,
}

/// A database that is there, and has our schema.
pub struct Database {
    store: PgStore,
    local: Option<Local>,
}

struct Local {
    server: LocalPostgres,
    data_dir: PathBuf,
}

impl Database {
    /// Connects, starting the private server first if no other is named.
    ///
    /// # Errors
    /// A [`Failure`] that says what to do.
    pub fn open(
        args: &DatabaseArgs,
        migrate: Migrate,
        connections: usize,
    ) -> Result<Self, Failure> {
        let (url, local) = locate(args)?;
        match migrate {
            Migrate::First => bring_up_to_date(&url)?,
            Migrate::IfPrivate if local.is_some() => bring_up_to_date(&url)?,
            Migrate::IfPrivate | Migrate::Never => insist_on_ours(&url)?,
        }
        let settings = PoolSettings::with_size(connections);
        let store = PgStore::open(&url, &settings)?;
        Ok(Self { store, local })
    }

    /// Connects and brings the schema up to date. Returns the migrations that ran.
    ///
    /// # Errors
    /// A [`Failure`] that says what to do.
    pub fn migrate(args: &DatabaseArgs) -> Result<(Self, Vec<String>), Failure> {
        let (url, local) = locate(args)?;
        let done = migrations::migrate(&url)?;
        let store = PgStore::open(&url, &PoolSettings::with_size(1))?;
        Ok((Self { store, local }, done))
    }

    /// Users and keys.
    pub fn store(&self) -> &PgStore {
        &self.store
    }

    /// The data directory, if the database is the private one in it.
    pub fn data_dir(&self) -> Option<&Path> {
        self.local.as_ref().map(|local| local.data_dir.as_path())
    }

    /// Closes the connections, and stops the private server if nobody else uses it.
    ///
    /// # Errors
    /// A [`Failure`] if the server does not stop.
    pub fn close(self) -> Result<(), Failure> {
        drop(self.store);
        match self.local {
            Some(local) => Ok(local.server.stop()?),
            None => Ok(()),
        }
    }
}

fn locate(args: &DatabaseArgs) -> Result<(SecretString, Option<Local>), Failure> {
    if let Some(url) = args.url() {
        return Ok((url.clone(), None));
    }
    let data_dir = args.data_dir.clone();
    fs::create_dir_all(&data_dir).map_err(|error| {
        Failure::new(format!(
            "the data directory {} cannot be made: {error}; name another with --data-dir, or a \
             database with --database-url",
            data_dir.display()
        ))
    })?;
    let server = LocalPostgres::builder(&data_dir).progress(report).start()?;
    let url = server.url(NAME);
    Ok((url, Some(Local { server, data_dir })))
}

fn report(event: &Event) {
    tracing::info!("{event}");
}

fn bring_up_to_date(url: &SecretString) -> Result<(), Failure> {
    for version in migrations::migrate(url)? {
        tracing::info!(%version, "migrated");
    }
    Ok(())
}

fn insist_on_ours(url: &SecretString) -> Result<(), Failure> {
    match migrations::state(url)? {
        SchemaState::Current => Ok(()),
        SchemaState::Behind(pending) => Err(Failure::new(format!(
            "the database lacks {pending} of our migrations: run `passgate migrate`, or start \
             without --no-migrate"
        ))),
        SchemaState::Newer { unknown, missed } if missed.is_empty() => {
            migrations::tell_of_newer(&unknown);
            Ok(())
        }
        SchemaState::Newer { unknown, missed } => {
            Err(MigrateError::Newer { unknown, missed }.into())
        }
    }
}
