//! How long a piece of work may wait for the database before somebody gives up on it.
//!
//! A statement that hangs cannot be interrupted: libpq waits for a server that is there and does not
//! answer as long as it takes. So whoever wants an answer in time does not wait for the thread, and
//! tells it to begin nothing more.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use passgate_domain::ports::StoreError;

thread_local! {
    /// Of the work that this thread does.
    static CURRENT: RefCell<Option<Arc<Patience>>> = const { RefCell::new(None) };
}

/// How long one piece of work has waited, shared by the thread that does it and whoever waits for
/// it. What else the work takes, such as hashing a password, does not count; waiting for a thread does.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    made: Instant,
    /// Since when it waits, in nanoseconds after `made`; [`WORKS`] while it does not.
    since: AtomicU64,
    /// How long it has waited before, in nanoseconds.
    waited: AtomicU64,
    is_over: AtomicBool,
}

const WORKS: u64 = u64::MAX;

impl Patience {
    /// Waits from now on, for so long altogether.
    pub fn new(limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            made: Instant::now(),
            since: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        })
    }

    /// How much longer it may wait; nothing if it may not.
    pub fn left(&self) -> Duration {
        let waited = self.waited.load(Ordering::Acquire);
        let now = match self.since.load(Ordering::Acquire) {
            WORKS => 0,
            since => self.elapsed().saturating_sub(since),
        };
        let waited = Duration::from_nanos(waited.saturating_add(now));
        self.limit.saturating_sub(waited)
    }

    /// From now on the work begins nothing more in the database. What it has begun there may happen.
    pub fn give_up(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Does the work on this thread, unless it was given up before there was one.
    pub fn spend<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> Option<T> {
        if self.is_over.load(Ordering::Acquire) {
            return None;
        }
        self.stop_waiting();
        let before = CURRENT.replace(Some(Arc::clone(self)));
        let _after = Restore(before);
        Some(work())
    }

    fn elapsed(&self) -> u64 {
        // Centuries.
        u64::try_from(self.made.elapsed().as_nanos()).unwrap_or(WORKS - 1)
    }

    fn stop_waiting(&self) {
        let since = self.since.swap(WORKS, Ordering::AcqRel);
        if since != WORKS {
            let waited = self.elapsed().saturating_sub(since);
            self.waited.fetch_add(waited, Ordering::AcqRel);
        }
    }
}

/// Puts back what the thread did before, also if the work panics.
struct Restore(Option<Arc<Patience>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Held while the database is waited for.
pub(crate) struct Wait(Option<Arc<Patience>>);

impl Wait {
    /// Begins to wait, on behalf of whatever this thread does.
    pub(crate) fn begin() -> Result<Self, StoreError> {
        let patience = CURRENT.with_borrow(Clone::clone);
        if let Some(patience) = &patience {
            if patience.is_over.load(Ordering::Acquire) || patience.left().is_zero() {
                let why = "nobody waits for the answer any more";
                return Err(StoreError::Unavailable(why.into()));
            }
            patience.since.store(patience.elapsed(), Ordering::Release);
        }
        Ok(Self(patience))
    }

    /// How long it may last, and `most` at most.
    pub(crate) fn at_most(&self, most: Duration) -> Duration {
        let left = self.0.as_ref().map(|patience| patience.left());
        left.map_or(most, |left| left.min(most))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(patience) = &self.0 {
            patience.stop_waiting();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    const LONG: Duration = Duration::from_hours(1);
    const MOMENT: Duration = Duration::from_millis(2);

    #[test]
    fn waiting_for_a_thread_and_for_the_database_counts_and_work_does_not() {
        let patience = Patience::new(LONG);
        sleep(MOMENT);
        patience.spend(|| {
            let before = patience.left();
            assert!(before <= LONG.checked_sub(MOMENT).unwrap());
            sleep(MOMENT);
            assert_eq!(patience.left(), before, "it works");
            let wait = Wait::begin().unwrap();
            sleep(MOMENT);
            assert!(wait.at_most(LONG) <= before.checked_sub(MOMENT).unwrap());
            assert_eq!(wait.at_most(MOMENT), MOMENT);
            drop(wait);
            let after = patience.left();
            sleep(MOMENT);
            assert_eq!(patience.left(), after);
        });
    }

    #[test]
    fn what_was_given_up_begins_nothing_more() {
        let patience = Patience::new(LONG);
        patience.spend(|| {
            assert!(Wait::begin().is_ok());
            patience.give_up();
            assert!(matches!(Wait::begin(), Err(StoreError::Unavailable(_))));
        });
        assert_eq!(patience.spend(|| 7), None);
        // The thread goes on with something else.
        assert!(Wait::begin().is_ok());
    }

    #[test]
    fn with_no_patience_left_nothing_is_begun() {
        let patience = Patience::new(Duration::ZERO);
        let outcome = patience.spend(|| Wait::begin().is_err());
        assert_eq!(outcome, Some(true));
    }
}
