use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

mod builder;
mod error;
mod fetch;
mod missed;

pub use builder::RemoteJwksBuilder;
pub use error::JwksError;

use self::fetch::{Fetched, Fetcher};
use self::missed::Missed;
use super::{BoxFuture, KeySet, KeySource, Kid, Refresh, Skipped};

/// The keys of an issuer elsewhere, fetched from its JWK Set and kept fresh in the background.
/// Cheap to clone; the fetching stops when the last clone is gone.
///
/// Reading the keys takes no lock. A token of a known key never waits; one of an unknown key
/// waits for one fetch that all such tokens share, and there is one every 30 s at most: a key that
/// is published within 30 s of such a fetch is unknown until they are over. A key that is announced
/// before it signs is not looked for at all.
#[derive(Clone)]
pub struct RemoteJwks {
    shared: Arc<Shared>,
    _task: Arc<Task>,
}

/// Ends the background task when nobody wants its keys any more.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shared {
    held: ArcSwap<Held>,
    /// What is shown where nothing held is fresh enough.
    none: KeySet,
    /// For how long after a refresh is due its keys are used: the time that it may take, and what
    /// is served stale.
    overdue_for: Duration,
    cooldown: Duration,
    unknown: Mutex<Unknown>,
    wake: Notify,
    /// Whether the latest fetch succeeded.
    outcome: watch::Receiver<bool>,
}

/// What was fetched last with success, or given to begin with.
#[derive(Clone)]
struct Held {
    keys: KeySet,
    /// Since when there are these keys; none where there are none.
    since: Option<Instant>,
    /// For how long from then on nothing newer is looked for.
    fresh_for: Duration,
    /// When the issuer said last that these are its keys.
    confirmed_at: Option<Instant>,
    seen: Option<fetch::Seen>,
    skipped: Arc<[Skipped]>,
    error: Option<Arc<JwksError>>,
}

/// What tokens of unknown keys have asked for. Those of known keys never come here.
struct Unknown {
    fetching: bool,
    asked: Option<Instant>,
    missed: Missed,
}

/// How the keys are doing, for a readiness check or a metric.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JwksStatus {
    /// How many keys tokens are verified with at the moment.
    pub keys: usize,
    /// How long ago they were confirmed by the issuer; none if they never were.
    pub age: Option<Duration>,
    /// What went wrong with the latest fetch, if it did.
    pub error: Option<Arc<JwksError>>,
    /// The keys of the set that were left out, and why.
    pub skipped: Arc<[Skipped]>,
}

impl RemoteJwks {
    /// Begins with the address of a JWK Set: https, or http on a loopback address.
    pub fn builder(url: &str) -> RemoteJwksBuilder {
        RemoteJwksBuilder::new(url)
    }

    /// How the keys are doing.
    pub fn status(&self) -> JwksStatus {
        let held = self.shared.held.load();
        JwksStatus {
            keys: self.snapshot().len(),
            age: held.confirmed_at.map(|at| at.elapsed()),
            error: held.error.clone(),
            skipped: Arc::clone(&held.skipped),
        }
    }

    fn spawn(
        runtime: &tokio::runtime::Handle,
        shared: Arc<Shared>,
        outcome: watch::Sender<bool>,
        fetcher: Fetcher,
        first: Duration,
    ) -> Self {
        let task = runtime.spawn(keep_fresh(Arc::clone(&shared), outcome, fetcher, first));
        Self {
            shared,
            _task: Arc::new(Task(task.abort_handle())),
        }
    }
}

impl Shared {
    fn unknown(&self) -> MutexGuard<'_, Unknown> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> KeySet {
        let held = self.held.load();
        let good_for = held.fresh_for.saturating_add(self.overdue_for);
        match held.since {
            Some(since) if since.elapsed() <= good_for => held.keys.clone(),
            _ => self.none.clone(),
        }
    }

    /// Without asking again.
    fn verdict(&self) -> Refresh {
        if *self.outcome.borrow() {
            Refresh::Unchanged
        } else {
            Refresh::Failed
        }
    }

    /// What ends when the fetch does that may find this key; or what is known without one.
    fn ask_for(&self, kid: &Kid) -> Result<watch::Receiver<bool>, Refresh> {
        let now = Instant::now();
        let mut unknown = self.unknown();
        if unknown.missed.lately(kid, now) {
            return Err(self.verdict());
        }
        if !unknown.fetching {
            let asked_lately = |at| now.duration_since(at) < self.cooldown;
            if unknown.asked.is_some_and(asked_lately) {
                return Err(self.verdict());
            }
            unknown.fetching = true;
            unknown.asked = Some(now);
            self.wake.notify_one();
        }
        // Under the lock that the task holds when it tells: nothing is told in between.
        let mut outcome = self.outcome.clone();
        outcome.mark_unchanged();
        Ok(outcome)
    }

    async fn refresh_for(&self, kid: &Kid) -> Refresh {
        if self.snapshot().contains(kid) {
            return Refresh::Changed;
        }
        let mut outcome = match self.ask_for(kid) {
            Ok(outcome) => outcome,
            Err(verdict) => return verdict,
        };
        if outcome.changed().await.is_err() {
            return Refresh::Failed;
        }
        if self.snapshot().contains(kid) {
            return Refresh::Changed;
        }
        if !*outcome.borrow() {
            return Refresh::Failed;
        }
        self.unknown().missed.insert(kid, Instant::now());
        Refresh::Unchanged
    }

    /// Returns the wait until the next fetch after one that succeeded.
    fn take(&self, fetched: Result<Fetched, JwksError>) -> Result<Duration, ()> {
        let held = self.held.load_full();
        let now = Some(Instant::now());
        match fetched {
            Ok(Fetched::Unchanged { fresh_for }) => {
                self.held.store(Arc::new(Held {
                    since: now,
                    fresh_for,
                    confirmed_at: now,
                    error: None,
                    ..(*held).clone()
                }));
                Ok(fresh_for)
            }
            Ok(Fetched::New {
                keys,
                skipped,
                seen,
                fresh_for,
            }) => {
                if *held.skipped != *skipped {
                    for Skipped { index, reason } in &skipped {
                        tracing::warn!(index, %reason, "a key of the JWK Set is left out");
                    }
                }
                self.held.store(Arc::new(Held {
                    keys,
                    since: now,
                    fresh_for,
                    confirmed_at: now,
                    seen: Some(seen),
                    skipped: skipped.into(),
                    error: None,
                }));
                Ok(fresh_for)
            }
            Err(error) => {
                tracing::warn!(%error, "the JWK Set cannot be fetched: the keys held stay in use");
                self.held.store(Arc::new(Held {
                    error: Some(Arc::new(error)),
                    ..(*held).clone()
                }));
                Err(())
            }
        }
    }
}

/// The wait after the first failure, doubled with each that follows.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait after a failure.
const LAST_RETRY: Duration = Duration::from_mins(1);

async fn keep_fresh(
    shared: Arc<Shared>,
    outcome: watch::Sender<bool>,
    fetcher: Fetcher,
    first: Duration,
) {
    let mut wait = first;
    let mut retry = FIRST_RETRY;
    loop {
        // Whichever comes first: the time, or a token of an unknown key.
        let _ = tokio::time::timeout(wait, shared.wake.notified()).await;
        shared.unknown().fetching = true;
        let held = shared.held.load_full();
        let answer = fetcher.fetch(held.seen.as_ref()).await;
        let taken = shared.take(answer);
        (wait, retry) = match taken {
            Ok(fresh_for) => (fresh_for, FIRST_RETRY),
            Err(()) => (retry, LAST_RETRY.min(retry * 2)),
        };
        let mut unknown = shared.unknown();
        unknown.fetching = false;
        outcome.send_replace(taken.is_ok());
    }
}

impl KeySource for RemoteJwks {
    fn snapshot(&self) -> KeySet {
        self.shared.snapshot()
    }

    fn is_current(&self) -> bool {
        self.shared.verdict() == Refresh::Unchanged
    }

    fn refresh_for<'a>(&'a self, kid: &'a Kid) -> BoxFuture<'a, Refresh> {
        Box::pin(self.shared.refresh_for(kid))
    }
}

impl fmt::Debug for RemoteJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteJwks").field(&self.status()).finish()
    }
}
