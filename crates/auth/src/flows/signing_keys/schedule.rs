use std::time::Duration;

use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};
use thiserror::Error;
use time::OffsetDateTime;

use crate::jwt::{LEAST_PUBLISHED, Lease};

/// How long a replica signs without having looked at the keys: the database may be away for so
/// long. [`KEPT_RETIRED`](passgate_domain::signing_key::KEPT_RETIRED) counts on it.
const SIGNS_FOR: Duration = Duration::from_mins(1);

/// The longest time between two looks at the keys.
const FOLLOW_EVERY: Duration = Duration::from_secs(10);

/// Added to the publication of a key: between its time and its row lies a statement (five seconds
/// at most), and the clocks of replicas differ.
const ALLOWANCE: Duration = Duration::from_secs(5);

const DAY: Duration = Duration::from_hours(24);

/// When keys follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySchedule {
    max_age: Duration,
    rotation: Option<Duration>,
}

/// The durations make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSchedule {
    /// How long the published keys may be cached.
    #[error("keys are cached for whole seconds, from 1s to 24h")]
    MaxAge,
    /// How long a key signs.
    #[error("a key signs for one day at least, and ten years at most")]
    Rotation,
}

impl KeySchedule {
    /// Checks the durations: how long others may cache the published keys, and how long a key
    /// signs before another follows it by itself, if one does.
    ///
    /// # Errors
    /// [`InvalidSchedule`].
    pub fn try_new(max_age: Duration, rotation: Option<Duration>) -> Result<Self, InvalidSchedule> {
        let whole = max_age.subsec_nanos() == 0;
        if !whole || !(Duration::from_secs(1)..=DAY).contains(&max_age) {
            return Err(InvalidSchedule::MaxAge);
        }
        // A key is published for a good day before it signs where it may be cached for a day.
        if rotation.is_some_and(|rotation| !(DAY..=3650 * DAY).contains(&rotation)) {
            return Err(InvalidSchedule::Rotation);
        }
        Ok(Self { max_age, rotation })
    }

    /// How long others may cache the published keys.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// How often a replica looks at the keys: every ten seconds, or more often where they are
    /// cached for less than twenty.
    pub fn follow_every(&self) -> Duration {
        (self.max_age / 2).clamp(Duration::from_secs(1), FOLLOW_EVERY)
    }

    /// How long a key is published before it signs: for as long as the oldest copy of a replica
    /// that is handed out to be cached, plus the time for which it is cached, which is a minute at
    /// least: no verifier of ours asks more often.
    pub fn publication(&self) -> Duration {
        self.max_age.max(LEAST_PUBLISHED) + self.handed_out_for() + ALLOWANCE
    }

    /// A look may fail and the next succeed before others are told not to cache.
    fn handed_out_for(&self) -> Duration {
        2 * self.follow_every()
    }

    pub(super) fn lease(&self, read_at: OffsetDateTime) -> Lease {
        Lease {
            cached_until: read_at + self.handed_out_for(),
            signs_until: read_at + SIGNS_FOR,
        }
    }

    /// Whether an announced key may sign: its own time has come, and ours, if we let others cache
    /// for longer than whoever announced it.
    pub(super) fn promotes(&self, next: &StoredSigningKey, now: OffsetDateTime) -> bool {
        next.state.promote(now).is_ok() && next.created_at <= self.made_until(now)
    }

    pub(super) fn made_until(&self, now: OffsetDateTime) -> OffsetDateTime {
        now - self.publication()
    }

    /// Whether the successor of the active key is to be announced, so that it signs when its time
    /// is over.
    pub(super) fn announces(&self, active: SigningKeyState, now: OffsetDateTime) -> bool {
        match (self.rotation, active) {
            (Some(rotation), SigningKeyState::Active { promoted_at }) => {
                now >= promoted_at + rotation - self.publication()
            }
            _ => false,
        }
    }
}

impl Default for KeySchedule {
    /// Cached for five minutes, and no key follows another by itself.
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(5),
            rotation: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn durations_are_within_their_bounds() {
        for good in [SECOND, Duration::from_mins(5), DAY] {
            assert!(KeySchedule::try_new(good, None).is_ok(), "{good:?}");
        }
        for bad in [
            Duration::ZERO,
            Duration::from_millis(1500),
            DAY + SECOND,
            Duration::MAX,
        ] {
            let refused = KeySchedule::try_new(bad, None);
            assert_eq!(refused, Err(InvalidSchedule::MaxAge), "{bad:?}");
        }
        for (rotation, is_good) in [
            (DAY, true),
            (90 * DAY, true),
            (3650 * DAY, true),
            (Duration::from_secs(86_399), false),
            (3650 * DAY + SECOND, false),
        ] {
            let schedule = KeySchedule::try_new(SECOND, Some(rotation));
            assert_eq!(schedule.is_ok(), is_good, "{rotation:?}");
        }
    }

    #[test]
    fn replicas_look_often_enough_for_what_they_hand_out() {
        for (max_age, every, publication) in [
            (1, 1, 60 + 2 + 5),
            (2, 1, 60 + 2 + 5),
            (6, 3, 60 + 6 + 5),
            (60, 10, 60 + 20 + 5),
            (61, 10, 61 + 20 + 5),
            (300, 10, 300 + 20 + 5),
        ] {
            let schedule = KeySchedule::try_new(Duration::from_secs(max_age), None).unwrap();
            assert_eq!(schedule.follow_every(), Duration::from_secs(every));
            assert_eq!(schedule.publication(), Duration::from_secs(publication));
        }
    }
}
