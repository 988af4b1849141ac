//! Single connections, for the pool.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::r2d2::R2D2Connection;
use diesel::{Connection, PgConnection};
use secrecy::{ExposeSecret, SecretString};

use crate::generation::Moves;
use crate::open::{self, OpenError};

/// A connection idle for longer than this is asked whether it still lives before it is used. One
/// in steady use is not: that would double its round trips.
const TRUSTED: Duration = Duration::from_millis(500);

/// Opens connections, and looks whether they are good for anything.
pub(crate) struct Manager {
    pub(crate) url: SecretString,
    pub(crate) statement_timeout: Duration,
    pub(crate) moves: Arc<Moves>,
}

pub(crate) struct Pooled {
    pub(crate) inner: PgConnection,
    used: Instant,
    /// Whether it is not to be used again.
    pub(crate) is_broken: bool,
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
            self.moves.note();
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
pub(crate) enum ManagerError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Diesel(#[from] diesel::result::Error),
}

/// How often a reason is told, however many connections are tried meanwhile.
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// Says why connections fail, which otherwise only the last caller in the queue would learn.
#[derive(Debug, Default)]
pub(crate) struct LogErrors {
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
