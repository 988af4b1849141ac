use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::PgConnection;
use passgate_domain::ports::StoreError;
use secrecy::SecretString;
use tracing::trace_span;

use crate::error::PgError;
use crate::generation::Generations;
use crate::open::{self, OpenError};
use crate::patience::Wait;
use crate::{dsn, migrations};

/// How the database is used. Connections are opened when wanted, and kept.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    pub(crate) size: u32,
    pub(crate) wait: Duration,
    pub(crate) statement_timeout: Duration,
}

impl PoolSettings {
    /// At most `size` connections (at least one). Whoever finds none free waits up to two
    /// seconds; no statement runs longer than that.
    pub fn with_size(size: usize) -> Self {
        Self {
            size: u32::try_from(size).unwrap_or(u32::MAX).max(1),
            wait: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(2),
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
    pub(crate) generations: Arc<Generations>,
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
        Ok(Self {
            generations: Arc::new(Generations::new(dsn::with_defaults(url), *settings)),
            withdrawals: Arc::default(),
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
        self.generations.connections()
    }

    /// How many there may be at most, those of a server that hangs included.
    pub fn most_connections(&self) -> usize {
        self.generations.most_connections()
    }

    /// A number that is another whenever something that sessions or users were good for may have
    /// been taken away through this store. Whoever keeps a copy of what was read notes the number
    /// before reading, and believes the copy only while it is the same.
    pub fn withdrawals(&self) -> u64 {
        self.withdrawals.load(Ordering::Acquire)
    }

    /// Does a piece of work that may take something away, and says so where its outcome is one that
    /// does: also where it failed, since it may have happened all the same. Each copy that anybody keeps
    /// is read again for that.
    pub(crate) fn withdraw<T>(
        &self,
        takes: impl FnOnce(&T) -> bool,
        work: impl FnOnce(&mut PgConnection) -> Result<T, PgError>,
    ) -> Result<T, PgError> {
        let outcome = self.with(work);
        if outcome.as_ref().map_or(true, takes) {
            self.note_withdrawal();
        }
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
    pub(crate) fn with<T, F>(&self, work: F) -> Result<T, PgError>
    where
        F: FnOnce(&mut PgConnection) -> Result<T, PgError>,
    {
        let span = trace_span!(
            "database",
            otel.name = caller_of(type_name::<F>()),
            otel.kind = "client",
            db.system.name = "postgresql",
        );
        span.in_scope(|| {
            let wait = Wait::begin()?;
            self.generations.with(&wait, work)
        })
    }
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore")
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// The function that a closure stands in, by the name of the closure's type: what a trace shows.
fn caller_of(closure: &str) -> &str {
    let of_function = closure.trim_end_matches("::{{closure}}");
    of_function.rsplit("::").next().unwrap_or(of_function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of<F>(_: F) -> &'static str {
        caller_of(type_name::<F>())
    }

    #[test]
    fn a_trace_shows_the_function_that_asks() {
        let here = "a_trace_shows_the_function_that_asks";
        assert_eq!(name_of(|| {}), here);
        assert_eq!(name_of(&|| {}), here);
    }
}
