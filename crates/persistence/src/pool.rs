use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::r2d2::R2D2Connection;
use diesel::{Connection, PgConnection, RunQueryDsl};
use passgate_domain::ports::StoreError;
use secrecy::{ExposeSecret, SecretString};

use crate::error::PgError;
use crate::open::{self, OpenError};
use crate::{dsn, migrations};

/// How the database is used. Connections are opened when wanted, and kept.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    size: u32,
    wait: Duration,
    statement_timeout: Duration,
}

impl PoolSettings {
    /// At most `size` connections (at least one). Whoever finds none free waits up to two
    /// seconds; no statement runs longer than five.
    pub fn with_size(size: usize) -> Self {
        Self {
            size: u32::try_from(size).unwrap_or(u32::MAX).max(1),
            wait: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }

    /// How long to wait for a free connection.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How long a statement may run, and how long it may wait for a lock.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }
}

/// A connection idle for longer than this is asked whether it still lives before it is used. One
/// in steady use is not: that would double its round trips.
const TRUSTED: Duration = Duration::from_millis(500);

struct Manager {
    url: SecretString,
    statement_timeout: Duration,
}

struct Pooled {
    inner: PgConnection,
    used: Instant,
    is_broken: bool,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ManagerError;

    fn connect(&self) -> Result<Pooled, ManagerError> {
        let mut inner = PgConnection::establish(self.url.expose_secret())
            .map_err(|error| OpenError::from_libpq(&error))?;
        open::prepare(&mut inner, self.statement_timeout.as_millis())?;
        Ok(Pooled {
            inner,
            used: Instant::now(),
            is_broken: false,
        })
    }

    fn is_valid(&self, connection: &mut Pooled) -> Result<(), ManagerError> {
        if connection.used.elapsed() > TRUSTED {
            connection.inner.ping()?;
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut Pooled) -> bool {
        connection.used = Instant::now();
        connection.is_broken || std::thread::panicking() || connection.inner.is_broken()
    }
}

#[derive(Debug, thiserror::Error)]
enum ManagerError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Diesel(#[from] diesel::result::Error),
}

/// How often a reason is told, however many connections are tried meanwhile.
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// Says why connections fail, which otherwise only the last caller in the queue would learn.
#[derive(Debug, Default)]
struct LogErrors {
    told: Mutex<Option<Instant>>,
}

impl LogErrors {
    fn is_due(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| now.duration_since(told) >= TOLD_EVERY);
        if is_due {
            *told = Some(now);
        }
        is_due
    }
}

impl r2d2::HandleError<ManagerError> for LogErrors {
    fn handle_error(&self, error: ManagerError) {
        if self.is_due(Instant::now()) {
            tracing::warn!(%error, "a connection to the database failed");
        }
    }
}

/// How many connections a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// All of them.
    pub open: u32,
    /// Those that nobody uses.
    pub idle: u32,
}

/// The stores, on a pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct PgStore {
    pool: Arc<r2d2::Pool<Manager>>,
    withdrawals: Arc<AtomicU64>,
}

impl PgStore {
    /// Opens the database. Whether its schema is ours is [`migrations`]' business.
    ///
    /// # Errors
    /// [`OpenError`] if a first connection fails; the database is needed at the start and may go
    /// away later.
    pub fn open(url: &SecretString, settings: &PoolSettings) -> Result<Self, OpenError> {
        drop(open::connect(url)?);
        let manager = Manager {
            url: dsn::with_defaults(url),
            statement_timeout: settings.statement_timeout,
        };
        let pool = r2d2::Pool::builder()
            .max_size(settings.size)
            // None in advance: one begun in the background may outlive the command it is for.
            .min_idle(Some(0))
            .connection_timeout(settings.wait)
            .test_on_check_out(true)
            .error_handler(Box::new(LogErrors::default()))
            .build_unchecked(manager);
        Ok(Self {
            pool: Arc::new(pool),
            withdrawals: Arc::default(),
        })
    }

    /// Asks the database for an answer, for a readiness check.
    ///
    /// # Errors
    /// [`StoreError`] if there is none.
    pub fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            diesel::sql_query("SELECT 1").execute(connection)?;
            Ok(())
        })
    }

    /// Whether the database has our migrations and no others.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn schema(&self) -> Result<migrations::SchemaState, StoreError> {
        self.read(|connection| Ok(migrations::state_of(connection)?))
    }

    /// How many connections there are just now.
    pub fn connections(&self) -> Connections {
        let state = self.pool.state();
        Connections {
            open: state.connections,
            idle: state.idle_connections,
        }
    }

    /// A number that is another whenever something that sessions or users were good for may have
    /// been taken away through this store. Whoever keeps a copy of what was read notes the number
    /// before reading, and believes the copy only while it is the same.
    pub fn withdrawals(&self) -> u64 {
        self.withdrawals.load(Ordering::Acquire)
    }

    /// Does a piece of work that may take something away, and says so: also where it failed, since
    /// it may have happened all the same.
    pub(crate) fn withdraw<T>(
        &self,
        work: impl FnOnce(&mut PgConnection) -> Result<T, PgError>,
    ) -> Result<T, PgError> {
        let outcome = self.with(work);
        self.note_withdrawal();
        outcome
    }

    pub(crate) fn note_withdrawal(&self) {
        self.withdrawals.fetch_add(1, Ordering::Release);
    }

    /// Reads. A connection that turns out dead is replaced once: reading again changes nothing.
    pub(crate) fn read<T>(
        &self,
        work: impl Fn(&mut PgConnection) -> Result<T, PgError>,
    ) -> Result<T, StoreError> {
        match self.with(&work) {
            Err(error) if error.is_of_connection() => Ok(self.with(&work)?),
            result => Ok(result?),
        }
    }

    /// Does one piece of work on one connection.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut PgConnection) -> Result<T, PgError>,
    ) -> Result<T, PgError> {
        let mut pooled = self
            .pool
            .get()
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        let result = work(&mut pooled.inner);
        if let Err(error) = &result {
            pooled.is_broken |= error.is_of_connection();
        }
        result
    }
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore")
            .field("pool", &self.pool.state())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_of_now_and_then() {
        let (log, begun) = (LogErrors::default(), Instant::now());
        let told: Vec<u64> = (0..90)
            .filter(|second| log.is_due(begun + Duration::from_secs(*second)))
            .collect();
        assert_eq!(told, [0, 30, 60]);
    }
}
