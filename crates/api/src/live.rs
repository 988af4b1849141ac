//! Copies of what was just read of sessions, so that a burst of requests with one token asks the
//! database once.
//!
//! A copy is believed for [`AGE`] at most, and not at all once anything was taken away through this
//! process' own store: what is ended here ends here at once, and in other replicas within that time.

use std::time::{Duration, Instant};

use passgate_domain::User;
use passgate_domain::session::SessionId;
use quick_cache::sync::Cache;

/// How long a copy is believed. Shorter than anybody takes from the click that ends a session to
/// the look whether it did.
pub const AGE: Duration = Duration::from_millis(200);

/// How many sessions are kept at most: some hundred bytes each.
const SESSIONS: usize = 10_000;

/// The users of sessions that were seen alive a moment ago.
#[derive(Debug)]
pub struct LiveSessions(Cache<SessionId, Seen>);

#[derive(Debug, Clone)]
struct Seen {
    user: User,
    at: Instant,
    withdrawals: u64,
}

impl Default for LiveSessions {
    fn default() -> Self {
        Self(Cache::new(SESSIONS))
    }
}

impl LiveSessions {
    /// The user of a session that was alive a moment ago. `withdrawals` is the store's number now.
    pub fn get(&self, id: SessionId, withdrawals: u64) -> Option<User> {
        let seen = self.0.get(&id)?;
        let is_good = seen.withdrawals == withdrawals && seen.at.elapsed() < AGE;
        is_good.then_some(seen.user)
    }

    /// Keeps what was read. `withdrawals` and `at` are of the moment before it was.
    pub fn keep(&self, id: SessionId, user: User, withdrawals: u64, at: Instant) {
        let seen = Seen {
            user,
            at,
            withdrawals,
        };
        self.0.insert(id, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use passgate_domain::ports::UserStore;
    use passgate_domain::testing::{MemoryStore, act, new_user};
    use time::macros::datetime;

    fn user() -> User {
        let now = act(datetime!(2026-11-01 12:00 UTC));
        let user = MemoryStore::default().create_user(&new_user("matt"), &now);
        user.unwrap()
    }

    #[test]
    fn a_copy_is_good_until_something_is_taken_away() {
        let (live, id) = (LiveSessions::default(), SessionId::random());
        live.keep(id, user(), 7, Instant::now());
        assert_eq!(live.get(id, 7), Some(user()));
        assert_eq!(live.get(id, 8), None);
        assert_eq!(live.get(SessionId::random(), 7), None);
    }

    #[test]
    fn what_was_read_before_something_was_taken_away_is_not_believed_after() {
        let (live, id) = (LiveSessions::default(), SessionId::random());
        // Read at 7, taken away meanwhile, and kept only then.
        live.keep(id, user(), 7, Instant::now());
        assert_eq!(live.get(id, 8), None);
    }

    #[test]
    fn a_copy_grows_old() {
        let (live, id) = (LiveSessions::default(), SessionId::random());
        let Some(long_ago) = Instant::now().checked_sub(AGE) else {
            return;
        };
        live.keep(id, user(), 7, long_ago);
        assert_eq!(live.get(id, 7), None);
    }
}
