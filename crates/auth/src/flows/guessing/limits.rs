use std::time::Duration;

use passgate_domain::guess::{Budget, Guesser};
use thiserror::Error;

/// How many wrong guesses are looked at. `None` is as many as anybody likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessLimits {
    /// At one account or name: ten at once, then one after 1, 2, 4, ... seconds, up to one in a
    /// quarter of an hour. Also for each device that is known to it.
    pub account: Option<Budget>,
    /// From one IPv4 address or IPv6 /64: a hundred at once, then one in ten seconds. Ten times
    /// that from one IPv6 /48; and as many again, of both, for the secrets of clients.
    pub address: Option<Budget>,
    /// Of everybody: five thousand at once, then twenty a second.
    pub everybody: Option<Budget>,
    /// Accounts from one IPv4 address or IPv6 /64: a hundred at once, then a hundred an hour. Ten
    /// times that from one IPv6 /48. The email addresses that users want count as much, and are
    /// held to this for each user, too.
    pub registration: Option<Budget>,
}

impl GuessLimits {
    /// None at all. What callers write to the audit log has its bounds all the same.
    pub const OFF: Self = Self {
        account: None,
        address: None,
        everybody: None,
        registration: None,
    };
}

/// What a user changes about the own account: a hundred times at once, then a hundred an hour.
pub(super) fn of_user() -> Option<Budget> {
    Budget::try_new(100, Duration::from_secs(36)).ok()
}

/// The tokens that a client gets for itself: a thousand at once, then one a second. One is good for minutes,
/// so that a thousand processes of one client have what they need.
pub(super) fn of_client() -> Option<Budget> {
    Budget::try_new(1000, Duration::from_secs(1)).ok()
}

impl Default for GuessLimits {
    fn default() -> Self {
        let budget = |burst, every| Budget::try_new(burst, every).ok();
        Self {
            account: budget(10, Duration::from_mins(15)).map(Budget::doubling),
            address: budget(100, Duration::from_secs(10)),
            everybody: budget(5000, Duration::from_millis(50)),
            registration: budget(100, Duration::from_secs(36)),
        }
    }
}

/// Too many wrong guesses were made: this one was not looked at, or its outcome is told nobody. Or a
/// caller asked for too much of what leaves an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many {}: try again in {} s", self.what(), self.seconds())]
pub struct TooManyGuesses {
    /// Whose budget is used up.
    pub guesser: Guesser,
    /// Which budget that is.
    pub budget: Budget,
    /// When the next guess is looked at.
    pub retry_after: Duration,
}

impl TooManyGuesses {
    /// What there were too many of.
    pub fn what(&self) -> &'static str {
        match self.guesser {
            Guesser::Caller => "requests",
            _ => "failed attempts",
        }
    }

    /// When the next guess is looked at, in whole seconds, at least one.
    pub fn seconds(&self) -> u64 {
        let millis = u64::try_from(self.retry_after.as_millis()).unwrap_or(u64::MAX);
        millis.div_ceil(1000).max(1)
    }
}
