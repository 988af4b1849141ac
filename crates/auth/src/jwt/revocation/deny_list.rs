use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use passgate_domain::Clock;
use thiserror::Error;
use time::OffsetDateTime;

use super::{HookError, Revocation, TokenMeta};
use crate::jwt::verifier::MAX_LEEWAY;

/// Tokens and sessions that are refused by name, kept in this process's memory until they would
/// have ended anyway. Cheap to clone; clones share one list.
#[derive(Clone)]
pub struct DenyList(Arc<Inner>);

struct Inner {
    capacity: usize,
    clock: Arc<dyn Clock>,
    denied: RwLock<Denied>,
}

/// Names, and until when each is kept.
type Names = HashMap<Box<str>, OffsetDateTime>;

#[derive(Default)]
struct Denied {
    tokens: Names,
    sessions: Names,
    /// No name ends before this: until then, looking for one that has ended is in vain.
    earliest: Option<OffsetDateTime>,
}

impl Denied {
    fn forget(&mut self, oldest: OffsetDateTime) {
        if self.earliest.is_some_and(|earliest| oldest < earliest) {
            return;
        }
        for names in [&mut self.tokens, &mut self.sessions] {
            names.retain(|_, until| oldest < *until);
        }
        let ends = self.tokens.values().chain(self.sessions.values());
        self.earliest = ends.min().copied();
    }

    fn len(&self) -> usize {
        self.tokens.len() + self.sessions.len()
    }
}

/// The list holds as many names as it may, and forgets none of them early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the deny list is full: it holds {0} names of tokens that have not ended yet")]
pub struct Full(pub usize);

impl DenyList {
    /// A list of at most so many names, of about 150 bytes each.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            capacity,
            clock,
            denied: RwLock::default(),
        }))
    }

    /// Refuses the token of this `jti`, which ends at `expires_at`.
    ///
    /// # Errors
    /// [`Full`] if nothing could be forgotten to make room.
    pub fn deny_token(&self, token_id: &str, expires_at: OffsetDateTime) -> Result<(), Full> {
        self.deny(|denied| &mut denied.tokens, token_id, expires_at)
    }

    /// Refuses every token of this `sid`, the last of which ends at `until`.
    ///
    /// # Errors
    /// [`Full`] if nothing could be forgotten to make room.
    pub fn deny_session(&self, session_id: &str, until: OffsetDateTime) -> Result<(), Full> {
        self.deny(|denied| &mut denied.sessions, session_id, until)
    }

    fn deny(
        &self,
        names: impl Fn(&mut Denied) -> &mut Names,
        name: &str,
        until: OffsetDateTime,
    ) -> Result<(), Full> {
        // Subtracted from the present: a token's end may be the calendar's last second.
        let oldest = self.0.clock.now() - MAX_LEEWAY;
        let mut denied = self
            .0
            .denied
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = names(&mut denied).get_mut(name) {
            *kept = until.max(*kept);
            return Ok(());
        }
        if denied.len() >= self.0.capacity {
            denied.forget(oldest);
        }
        if denied.len() >= self.0.capacity {
            return Err(Full(denied.len()));
        }
        names(&mut denied).insert(name.into(), until);
        denied.earliest = Some(
            denied
                .earliest
                .map_or(until, |earliest| earliest.min(until)),
        );
        Ok(())
    }

    /// How many names it holds.
    pub fn len(&self) -> usize {
        let denied = self.0.denied.read();
        denied.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Revocation for DenyList {
    fn is_revoked_now(&self, token: &TokenMeta<'_>) -> Result<bool, HookError> {
        let denied = self.0.denied.read().unwrap_or_else(PoisonError::into_inner);
        let by_session = |sid| denied.sessions.contains_key(sid);
        Ok(denied.tokens.contains_key(token.token_id) || token.session_id.is_some_and(by_session))
    }
}

impl fmt::Debug for DenyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenyList")
            .field("len", &self.len())
            .field("capacity", &self.0.capacity)
            .finish_non_exhaustive()
    }
}
