//! Copies of what was just read of sessions, so that a burst of requests with one token asks the
//! database once.
//!
//! A copy is believed for [`AGE`] at most, and not at all once anything was taken away through this
//! process' own store: what is ended here ends here at once, and in other replicas within that time.
//! Copies that are in use are read again before that, all of them by one statement, so that what is
//! asked for all the time waits for the database once.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use passgate_domain::User;
use passgate_domain::ports::SessionStore;
use passgate_domain::session::SessionId;
use quick_cache::sync::Cache;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::blocking;
use crate::state::AppState;

/// How long a copy is believed. Shorter than anybody takes from the click that ends a session to
/// the look whether it did.
pub const AGE: Duration = Duration::from_millis(200);

/// How often is looked which copies are to be read again, and from which age on they are: there is
/// a turn more before they are too old.
const TURN: Duration = Duration::from_millis(50);
const DUE: Duration = Duration::from_millis(100);

/// How many copies are read again at a time: a statement of some milliseconds.
const BATCH: usize = 2_000;

/// How many sessions are kept at most: some hundred bytes each.
const SESSIONS: usize = 10_000;

/// The users of sessions that were seen alive a moment ago.
#[derive(Debug)]
pub struct LiveSessions {
    seen: Cache<SessionId, Arc<Seen>>,
    /// Those that were kept since the last turn, or are watched from turn to turn.
    watched: Mutex<Vec<SessionId>>,
    kept: Notify,
}

#[derive(Debug)]
struct Seen {
    /// None where something about the user changed then: what was read before says nothing.
    user: Option<User>,
    at: Instant,
    withdrawals: u64,
    used: AtomicBool,
}

impl Default for LiveSessions {
    fn default() -> Self {
        Self {
            seen: Cache::new(SESSIONS),
            watched: Mutex::default(),
            kept: Notify::new(),
        }
    }
}

impl LiveSessions {
    /// The user of a session that was alive a moment ago. `withdrawals` is the store's number now.
    pub fn get(&self, id: SessionId, withdrawals: u64) -> Option<User> {
        let seen = self.seen.get(&id)?;
        // Written once a turn, not at each use: all threads read what lies beside it.
        if !seen.used.load(Ordering::Relaxed) {
            seen.used.store(true, Ordering::Relaxed);
        }
        let is_good = seen.withdrawals == withdrawals && seen.at.elapsed() < AGE;
        is_good.then(|| seen.user.clone()).flatten()
    }

    /// Keeps what was read. `withdrawals` and `at` are of the moment before it was.
    pub fn keep(&self, id: SessionId, user: User, withdrawals: u64, at: Instant) {
        self.insert(id, Some(user), withdrawals, at);
    }

    /// Has a session read anew at its next use: something about its user is other than it was.
    pub fn forget(&self, id: SessionId) {
        self.insert(id, None, 0, Instant::now());
    }

    fn insert(&self, id: SessionId, user: Option<User>, withdrawals: u64, at: Instant) {
        let seen = Seen {
            user,
            at,
            withdrawals,
            used: AtomicBool::new(false),
        };
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newer = |known: Arc<Seen>| known.user.is_none() && known.at >= at;
        if self.seen.peek(&id).is_some_and(is_newer) {
            return;
        }
        self.seen.insert(id, Arc::new(seen));
        watched.push(id);
        drop(watched);
        self.kept.notify_one();
    }

    /// Those to be read again: old enough, and used since they were read. Whoever is neither used
    /// nor young any more is forgotten.
    fn due(&self, now: Instant) -> Vec<SessionId> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids = mem::take(&mut *watched);
        ids.sort_unstable();
        ids.dedup();
        let mut due = Vec::new();
        for id in ids {
            let Some(seen) = self.seen.get(&id) else {
                continue;
            };
            let age = now.saturating_duration_since(seen.at);
            if age >= DUE && due.len() < BATCH && seen.used.load(Ordering::Relaxed) {
                due.push(id);
            } else if age < AGE {
                watched.push(id);
            } else {
                self.seen.remove(&id);
            }
        }
        due
    }

    fn is_watching(&self) -> bool {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        !watched.is_empty()
    }

    /// Takes what was read anew of the sessions that were due. Whoever is not among it lives no more.
    fn renew(
        &self,
        due: &[SessionId],
        living: Vec<(SessionId, User)>,
        withdrawals: u64,
        at: Instant,
    ) {
        let alive: HashSet<SessionId> = living.iter().map(|(id, _)| *id).collect();
        for id in due.iter().filter(|id| !alive.contains(id)) {
            self.seen.remove(id);
        }
        for (id, user) in living {
            self.keep(id, user, withdrawals, at);
        }
    }
}

/// Reads copies that are in use again, as long as the server runs.
pub async fn renew(state: Arc<AppState>) {
    let live = &state.live;
    loop {
        live.kept.notified().await;
        let mut turns = interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while live.is_watching() {
            turns.tick().await;
            let due = live.due(Instant::now());
            if due.is_empty() {
                continue;
            }
            let (withdrawals, at) = (state.store.withdrawals(), Instant::now());
            let asked = Arc::clone(&state);
            let read = blocking::patiently(blocking::ANSWER, move || {
                let now = asked.clock.now();
                let living = asked.store.find_session_users(&due, now);
                living.map(|living| (due, living))
            });
            // Where there is no answer the copies grow old, and each request learns why itself.
            if let Some(Ok(Ok((due, living)))) = read.await {
                live.renew(&due, living, withdrawals, at);
            }
        }
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
    fn a_copy_that_is_forgotten_is_read_again_and_others_stay() {
        let live = LiveSessions::default();
        let [other, changed] = std::array::from_fn(|_| SessionId::random());
        let then = Instant::now();
        for id in [other, changed] {
            live.keep(id, user(), 7, then);
        }
        live.forget(changed);
        assert_eq!(live.get(changed, 7), None);
        assert_eq!(live.get(other, 7), Some(user()));
        // Read before it changed, and kept only now.
        live.renew(&[changed], vec![(changed, user())], 7, then);
        assert_eq!(live.get(changed, 7), None);
        live.keep(changed, user(), 7, Instant::now() + TURN);
        assert_eq!(live.get(changed, 7), Some(user()));
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

    #[test]
    fn copies_in_use_are_due_before_they_are_too_old_and_the_others_are_forgotten() {
        let live = LiveSessions::default();
        let [used, idle, young] = std::array::from_fn(|_| SessionId::random());
        let then = Instant::now();
        live.keep(used, user(), 7, then);
        live.keep(idle, user(), 7, then);
        assert!(live.get(used, 7).is_some());
        assert_eq!(live.due(then), []);
        live.keep(young, user(), 7, then + DUE);
        assert_eq!(live.due(then + DUE), [used]);
        // It is watched again when it was read again.
        live.renew(&[used], vec![(used, user())], 7, then + DUE);
        assert_eq!(live.due(then + AGE), []);
        assert!(live.seen.get(&idle).is_none());
        assert!(live.seen.get(&young).is_some() && live.seen.get(&used).is_some());
        assert_eq!(live.due(then + DUE + AGE), []);
        assert!(!live.is_watching());
    }

    #[test]
    fn one_that_a_turn_did_not_find_alive_is_gone() {
        let live = LiveSessions::default();
        let [lives, ended] = std::array::from_fn(|_| SessionId::random());
        let now = Instant::now();
        for id in [lives, ended] {
            live.keep(id, user(), 7, now);
        }
        live.renew(&[lives, ended], vec![(lives, user())], 7, now);
        assert!(live.get(lives, 7).is_some());
        assert_eq!(live.get(ended, 7), None);
    }

    #[test]
    fn more_than_a_statement_takes_wait_for_the_next_turn() {
        let live = LiveSessions::default();
        let then = Instant::now();
        for _ in 0..=BATCH {
            let id = SessionId::random();
            live.keep(id, user(), 7, then);
            live.get(id, 7);
        }
        assert_eq!(live.due(then + DUE).len(), BATCH);
        assert_eq!(live.due(then + DUE).len(), 1);
    }
}
