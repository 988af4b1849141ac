use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use passgate_domain::Clock;
use time::OffsetDateTime;

use super::{Full, HookError, Revocation, TokenMeta};
use crate::jwt::Ttl;
use crate::jwt::verifier::MAX_LEEWAY;

/// Refuses a subject's tokens that were made before a moment: "log out everywhere", a password
/// changed. Kept in this process's memory for as long as such a token could still live. Cheap to
/// clone; clones share one list.
#[derive(Clone)]
pub struct NotBefore(Arc<Inner>);

struct Inner {
    capacity: usize,
    clock: Arc<dyn Clock>,
    kept: RwLock<Kept>,
}

#[derive(Default)]
struct Kept {
    moments: HashMap<Box<str>, OffsetDateTime>,
    /// No moment is before this: until it is old enough, looking for one that is is in vain.
    earliest: Option<OffsetDateTime>,
}

impl Kept {
    fn forget(&mut self, oldest: OffsetDateTime) {
        if self.earliest.is_some_and(|earliest| oldest < earliest) {
            return;
        }
        self.moments.retain(|_, moment| oldest < *moment);
        self.earliest = self.moments.values().min().copied();
    }
}

impl NotBefore {
    /// A list of at most so many subjects, of about 100 bytes each.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            capacity,
            clock,
            kept: RwLock::default(),
        }))
    }

    /// Refuses the subject's tokens whose `iat` is before `moment`. Since `iat` counts whole
    /// seconds, a token of the moment's own second is refused too, unless the moment is whole.
    ///
    /// # Errors
    /// [`Full`] if nothing could be forgotten to make room.
    pub fn set(&self, subject: &str, moment: OffsetDateTime) -> Result<(), Full> {
        // What was made before `moment` and lives for a day at most has ended a day later.
        let oldest = self.0.clock.now() - Ttl::MAX - MAX_LEEWAY;
        let mut kept = self.0.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = kept.moments.get_mut(subject) {
            *there = moment.max(*there);
            return Ok(());
        }
        if kept.moments.len() >= self.0.capacity {
            kept.forget(oldest);
        }
        if kept.moments.len() >= self.0.capacity {
            return Err(Full(kept.moments.len()));
        }
        kept.moments.insert(subject.into(), moment);
        kept.earliest = Some(
            kept.earliest
                .map_or(moment, |earliest| earliest.min(moment)),
        );
        Ok(())
    }

    /// How many subjects it holds.
    pub fn len(&self) -> usize {
        let kept = self.0.kept.read();
        kept.unwrap_or_else(PoisonError::into_inner).moments.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Revocation for NotBefore {
    fn is_revoked_now(&self, token: &TokenMeta<'_>) -> Result<bool, HookError> {
        let kept = self.0.kept.read().unwrap_or_else(PoisonError::into_inner);
        let moment = kept.moments.get(token.subject);
        Ok(moment.is_some_and(|moment| token.issued_at < *moment))
    }
}

impl fmt::Debug for NotBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotBefore")
            .field("len", &self.len())
            .field("capacity", &self.0.capacity)
            .finish_non_exhaustive()
    }
}
