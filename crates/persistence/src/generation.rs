//! Pools that follow each other when a server hangs.
//!
//! A server that hangs keeps every connection that something was asked on, for as long as it hangs. When
//! all of a pool are kept so, and nothing came back for longer than any statement may take, the pool
//! is set aside and another opens connections of its own: to the server that took over, or to this
//! one once it is well. What was set aside goes when the last of its statements returns.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use diesel::PgConnection;
use passgate_domain::ports::StoreError;
use secrecy::{ExposeSecret, SecretString};

use crate::error::PgError;
use crate::manager::{LogErrors, Manager};
use crate::patience::Wait;
use crate::pool::{Connections, PoolSettings};

/// How much longer than a statement may run nothing has come back when a pool is set aside.
const SLACK: Duration = Duration::from_secs(1);

/// How many may be set aside at a time: the threads and connections that a server can keep have a
/// bound.
const SET_ASIDE: usize = 2;

/// When a connection was last taken or given back.
pub(crate) struct Moves {
    begun: Instant,
    /// In milliseconds after `begun`.
    last: AtomicU64,
}

impl Moves {
    fn none() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
        })
    }

    pub(crate) fn note(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    /// How long there was none.
    fn still(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(last)
    }
}

struct Generation {
    pool: r2d2::Pool<Manager>,
    moves: Arc<Moves>,
}

impl Generation {
    fn new(url: &SecretString, settings: PoolSettings) -> Arc<Self> {
        let moves = Moves::none();
        let manager = Manager {
            moves: Arc::clone(&moves),
            url: url.clone(),
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
        Arc::new(Self { pool, moves })
    }

    /// Whether every connection is kept by a server that does not answer.
    fn hangs(&self, settings: PoolSettings) -> bool {
        let state = self.pool.state();
        state.connections >= settings.size
            && state.idle_connections == 0
            && self.moves.still() > settings.statement_timeout + SLACK
    }
}

/// The pool in use, and those set aside.
pub(crate) struct Generations {
    url: SecretString,
    settings: PoolSettings,
    /// Whether a connection is made to the one of several servers that takes writes.
    has_choice: bool,
    /// Whether the disk was full, and was not seen to have room since.
    lacks_room: AtomicBool,
    current: RwLock<Arc<Generation>>,
    set_aside: Mutex<Vec<Weak<Generation>>>,
}

impl Generations {
    /// The URL is used as it is.
    pub(crate) fn new(url: SecretString, settings: PoolSettings) -> Self {
        Self {
            current: RwLock::new(Generation::new(&url, settings)),
            set_aside: Mutex::default(),
            lacks_room: AtomicBool::new(false),
            has_choice: url.expose_secret().contains("target_session_attrs"),
            url,
            settings,
        }
    }

    fn current(&self) -> Arc<Generation> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    pub(crate) fn connections(&self) -> Connections {
        let state = self.current().pool.state();
        Connections {
            open: state.connections,
            idle: state.idle_connections,
        }
    }

    pub(crate) fn most_connections(&self) -> usize {
        let size = usize::try_from(self.settings.size).unwrap_or(usize::MAX);
        size.saturating_mul(1 + SET_ASIDE)
    }

    pub(crate) fn may_lack_room(&self) -> bool {
        self.lacks_room.load(Ordering::Relaxed)
    }

    pub(crate) fn has_room(&self) {
        self.lacks_room.store(false, Ordering::Relaxed);
    }

    /// Does one piece of work on one connection.
    pub(crate) fn with<T>(
        &self,
        wait: &Wait,
        work: impl FnOnce(&mut PgConnection) -> Result<T, PgError>,
    ) -> Result<T, PgError> {
        let generation = self.current();
        let connection = generation
            .pool
            .get_timeout(wait.at_most(self.settings.wait));
        let mut pooled = connection.map_err(|error| {
            self.replace_if_it_hangs(&generation);
            StoreError::Unavailable(error.into())
        })?;
        generation.moves.note();
        let result = work(&mut pooled.inner);
        if let Err(error) = &result {
            // Another server may take writes; where there is none, the same connection is as good.
            pooled.is_broken |=
                error.is_of_connection() || (self.has_choice && error.is_of_read_only_server());
            if error.is_of_full_disk() {
                self.lacks_room.store(true, Ordering::Relaxed);
            }
        }
        generation.moves.note();
        result
    }

    fn replace_if_it_hangs(&self, generation: &Arc<Generation>) {
        if !generation.hangs(self.settings) {
            return;
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Of all who find it hanging, the first.
        if !Arc::ptr_eq(&current, generation) {
            return;
        }
        let mut set_aside = self
            .set_aside
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        set_aside.retain(|older| older.strong_count() > 0);
        if set_aside.len() >= SET_ASIDE {
            return;
        }
        set_aside.push(Arc::downgrade(generation));
        *current = Generation::new(&self.url, self.settings);
        tracing::warn!("the database hangs: its connections are set aside, and others are tried");
    }
}
