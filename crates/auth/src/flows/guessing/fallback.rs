use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use passgate_domain::guess::{Charge, Counted, GuessKey, Tally};
use passgate_domain::ports::StoreError;
use time::OffsetDateTime;

/// How long after a failure the store is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// How often the log is told.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// How many keys are counted at most: some ten megabytes.
const KEYS: usize = 100_000;

/// Counts while the store cannot, for this process alone.
#[derive(Default)]
pub(super) struct Fallback {
    state: Mutex<State>,
    failures: AtomicU64,
}

#[derive(Default)]
struct State {
    until: Option<OffsetDateTime>,
    told: Option<OffsetDateTime>,
    tallies: HashMap<GuessKey, Tally>,
}

impl Fallback {
    /// How often the store could not count.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Leaves the store alone for a while.
    pub(super) fn begin(&self, error: &StoreError, now: OffsetDateTime) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        state.until = Some(now + RETRY);
        let was_told = |told| is_within(now, told + TOLD_EVERY, TOLD_EVERY);
        if !state.told.is_some_and(was_told) {
            state.told = Some(now);
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(
                %error,
                cause = cause.as_deref().unwrap_or_default(),
                "wrong guesses cannot be counted in the database: each process counts for itself"
            );
        }
    }

    pub(super) fn is_on(&self, now: OffsetDateTime) -> bool {
        let until = self.state().until;
        until.is_some_and(|until| is_within(now, until, RETRY))
    }

    pub(super) fn waiting(
        &self,
        charges: &[Charge],
        now: OffsetDateTime,
    ) -> Vec<(GuessKey, OffsetDateTime)> {
        let state = self.state();
        let waiting = charges.iter().filter_map(|charge| {
            let tally = state.tallies.get(&charge.key)?;
            tally.waits(&charge.budget, now)?;
            Some((charge.key, tally.not_before))
        });
        waiting.collect()
    }

    pub(super) fn count(&self, charges: &[Charge], now: OffsetDateTime) -> Vec<Counted> {
        let mut state = self.state();
        let tallies = &mut state.tallies;
        if tallies.len() + charges.len() > KEYS {
            tallies.retain(|_, tally| tally.arrival > now || tally.not_before > now);
        }
        let count = |charge: &Charge| {
            let known = tallies.get(&charge.key).copied();
            let waiting = known.filter(|known| known.waits(&charge.budget, now).is_some());
            let tally = waiting.unwrap_or_else(|| Tally::after(known, &charge.budget, now));
            // Who would be one too many is not counted; everybody's budget is.
            if known.is_some() || tallies.len() < KEYS {
                tallies.insert(charge.key, tally);
            }
            Counted {
                key: charge.key,
                tally,
                within: waiting.is_none(),
            }
        };
        charges.iter().map(count).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `until` is still to come, and no further away than it was when it was set: the clock may have
/// been stepped back since.
fn is_within(now: OffsetDateTime, until: OffsetDateTime, length: Duration) -> bool {
    now < until && until <= now + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn it_is_on_for_a_moment_also_when_the_clock_is_stepped_back() {
        let now = datetime!(2026-11-01 12:00 UTC);
        let fallback = Fallback::default();
        fallback.begin(&StoreError::Internal("no table".into()), now);
        assert!(fallback.is_on(now) && fallback.is_on(now + Duration::from_secs(4)));
        assert!(!fallback.is_on(now + RETRY));
        assert!(!fallback.is_on(now - Duration::from_hours(1)));
    }
}
