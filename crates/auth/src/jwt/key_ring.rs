mod document;
mod held;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use passgate_domain::signing_key::{InvalidStep, SigningKeyState};
use passgate_domain::{Clock, SystemClock};
use thiserror::Error;
use time::OffsetDateTime;

use super::{IssueError, KeySet, KeySource, Kid, SigningKey, VerifyingKey};

pub use document::JwksDocument;
pub use held::{HeldKey, Lease};

/// How long others may cache the published keys unless set otherwise.
pub(super) const MAX_AGE: Duration = Duration::from_mins(5);

/// However short that is: verifiers fetch the keys once in a minute at most.
pub(crate) const LEAST_PUBLISHED: Duration = Duration::from_mins(1);

/// What fetching them may take.
const ALLOWANCE: Duration = Duration::from_secs(5);

/// The keys of an issuer: one that signs, and all that verify. Cheap to clone; clones share the
/// keys, and reading them takes no lock.
///
/// A key is announced, promoted and removed. The ring insists on the time between these steps, so
/// that no verifier ever meets a key that it cannot know, nor a token whose key is gone:
///
/// ```
/// # use passgate_auth::jwt::{Algorithm, KeyRing, RotationError, SigningKey};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?);
/// let next = ring.announce(SigningKey::generate(Algorithm::EdDsa)?)?;
/// // It is published from now on, and signs when every cache has it:
/// let Err(RotationError::TooEarly { wait }) = ring.promote(&next) else {
///     unreachable!()
/// };
/// assert!(wait <= ring.publication());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<Shared>);

struct Shared {
    ring: ArcSwap<Ring>,
    /// Held by whoever changes the ring, so that no change is lost.
    changing: Mutex<()>,
    max_age: Duration,
    clock: Arc<dyn Clock>,
}

/// What is exchanged at once: whoever reads, reads one consistent state.
struct Ring {
    held: Vec<HeldKey>,
    keys: KeySet,
    jwks: JwksDocument,
    lease: Option<Lease>,
}

/// Why a ring does not take a step.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The ring has no key of this name.
    #[error("the ring has no key {0}")]
    Unknown(Kid),
    /// It has a key that is announced, or this very key, already.
    #[error("the key {0} is announced already")]
    Announced(Kid),
    /// Not yet.
    #[error("it is too early: {} s to go", .wait.as_secs_f64().ceil())]
    TooEarly {
        /// How long to wait.
        wait: Duration,
    },
    /// The step is for keys in another state.
    #[error("the key is {is}, and has to be {wanted}")]
    WrongState {
        /// What it is.
        is: &'static str,
        /// What it would have to be.
        wanted: &'static str,
    },
}

impl From<InvalidStep> for RotationError {
    fn from(step: InvalidStep) -> Self {
        match step {
            InvalidStep::TooEarly { wait } => Self::TooEarly {
                wait: wait.unsigned_abs(),
            },
            InvalidStep::WrongState { is, wanted } => Self::WrongState { is, wanted },
        }
    }
}

/// The settings of a ring.
#[must_use = "a ring is made by `build`"]
pub struct KeyRingBuilder {
    max_age: Duration,
    clock: Arc<dyn Clock>,
}

impl KeyRingBuilder {
    /// How long others may cache the published keys, in whole seconds; five minutes unless set.
    /// A key is published for longer before it signs: [`KeyRing::publication`].
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Duration::from_secs(max_age.as_secs());
        self
    }

    /// Another clock than the operating system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes a ring of one key.
    pub fn build(self, active: SigningKey) -> KeyRing {
        let state = SigningKeyState::active(self.clock.now());
        self.build_from(vec![HeldKey::signing(Arc::new(active), state)], None)
    }

    /// Makes a ring of keys that are kept elsewhere; see [`KeyRing::load`].
    pub fn build_from(self, held: Vec<HeldKey>, lease: Option<Lease>) -> KeyRing {
        let ring = Ring::of(first_of_each(held), lease, self.max_age);
        KeyRing(Arc::new(Shared {
            ring: ArcSwap::from_pointee(ring),
            changing: Mutex::new(()),
            max_age: self.max_age,
            clock: self.clock,
        }))
    }
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(active: SigningKey) -> Self {
        Self::builder().build(active)
    }

    /// A ring whose `published` keys sign nothing and still verify. They count as retired now.
    pub fn with_published(active: SigningKey, published: Vec<VerifyingKey>) -> Self {
        let builder = Self::builder();
        let active_now = SigningKeyState::active(builder.clock.now());
        let retired_now = SigningKeyState::Retired {
            promoted_at: builder.clock.now(),
            retired_at: builder.clock.now(),
        };
        let active = HeldKey::signing(Arc::new(active), active_now);
        let published = published
            .into_iter()
            .map(|key| HeldKey::verifying(key, retired_now));
        builder.build_from(std::iter::once(active).chain(published).collect(), None)
    }

    /// A ring with settings of its own.
    pub fn builder() -> KeyRingBuilder {
        KeyRingBuilder {
            max_age: MAX_AGE,
            clock: Arc::new(SystemClock),
        }
    }

    /// The key that signs, if there is one.
    pub fn active(&self) -> Option<Arc<SigningKey>> {
        self.0.ring.load().active().cloned()
    }

    /// The public keys as others read them.
    pub fn jwks(&self) -> JwksDocument {
        let ring = self.0.ring.load();
        match ring.lease {
            Some(lease) if self.0.clock.now() > lease.cached_until => ring.jwks.not_to_be_cached(),
            _ => ring.jwks.clone(),
        }
    }

    /// How long a key is published before it signs: for as long as others may cache the published
    /// keys, but for a minute at least, and five seconds more.
    pub fn publication(&self) -> Duration {
        self.0
            .max_age
            .max(LEAST_PUBLISHED)
            .saturating_add(ALLOWANCE)
    }

    /// The keys, and where each stands in its life.
    pub fn held(&self) -> Vec<HeldKey> {
        self.0.ring.load().held.clone()
    }

    /// Publishes the key that is to sign next, and returns its name.
    ///
    /// # Errors
    /// [`RotationError::Announced`] if there is such a key already.
    pub fn announce(&self, next: SigningKey) -> Result<Kid, RotationError> {
        let now = self.0.clock.now();
        let publication = time::Duration::try_from(self.publication());
        let publication = publication.unwrap_or(time::Duration::MAX);
        let state = SigningKeyState::announced(now, publication);
        let kid = next.kid().clone();
        self.change(|held| {
            let there = |key: &&HeldKey| key.state.is_announced() || *key.kid() == kid;
            if let Some(there) = held.iter().find(there) {
                return Err(RotationError::Announced(there.kid().clone()));
            }
            held.push(HeldKey::signing(Arc::new(next), state));
            Ok(())
        })?;
        Ok(kid)
    }

    /// Lets an announced key sign. The one that did is retired: it is still published, and its
    /// private half is forgotten.
    ///
    /// # Errors
    /// [`RotationError::TooEarly`] until everybody who caches the published keys has it.
    pub fn promote(&self, kid: &Kid) -> Result<(), RotationError> {
        let now = self.0.clock.now();
        self.change(|held| {
            let promoted = find(held, kid)?.state.promote(now)?;
            for key in held.iter_mut().filter(|key| key.signer().is_some()) {
                key.state = key.state.retire(now)?;
                key.signing = None;
            }
            find(held, kid)?.state = promoted;
            Ok(())
        })
    }

    /// Takes a retired key out of the published ones.
    ///
    /// # Errors
    /// [`RotationError::TooEarly`] while a token that it signed may be alive: see
    /// [`KEPT_RETIRED`](passgate_domain::signing_key::KEPT_RETIRED).
    pub fn remove(&self, kid: &Kid) -> Result<(), RotationError> {
        let now = self.0.clock.now();
        self.change(|held| {
            find(held, kid)?.state.remove(now)?;
            held.retain(|key| key.kid() != kid);
            Ok(())
        })
    }

    /// Lets a key sign at once and removes all others, because one of them leaked: every token
    /// that they signed stops verifying.
    pub fn replace(&self, next: SigningKey) {
        let state = SigningKeyState::active(self.0.clock.now());
        self.load(vec![HeldKey::signing(Arc::new(next), state)], None);
    }

    /// Puts the keys of a store in place of the ring's, for services that share their keys. The
    /// store's guards count then, and `lease` says for how long this copy is good. Of the keys that
    /// are active and have their private half, the first signs; of several with one name the first
    /// counts.
    pub fn load(&self, held: Vec<HeldKey>, lease: Option<Lease>) {
        let held = first_of_each(held);
        let _changing = self.changing();
        let now = self.0.ring.load();
        let same = now.held.len() == held.len()
            && now.held.iter().zip(&held).all(|(one, other)| one.is(other));
        let ring = if same {
            // What was made of the keys stays: whoever remembers a snapshot still has the newest.
            Ring {
                held: now.held.clone(),
                keys: now.keys.clone(),
                jwks: now.jwks.clone(),
                lease,
            }
        } else {
            Ring::of(held, lease, self.0.max_age)
        };
        self.0.ring.store(Arc::new(ring));
    }

    /// The key to sign with at a moment: header and signature are made with the same.
    pub(super) fn signer(&self, now: OffsetDateTime) -> Result<Arc<SigningKey>, IssueError> {
        let ring = self.0.ring.load();
        if ring.lease.is_some_and(|lease| now > lease.signs_until) {
            return Err(IssueError::KeysUnavailable);
        }
        ring.active().cloned().ok_or(IssueError::KeysUnavailable)
    }

    fn change(
        &self,
        step: impl FnOnce(&mut Vec<HeldKey>) -> Result<(), RotationError>,
    ) -> Result<(), RotationError> {
        let _changing = self.changing();
        let now = self.0.ring.load();
        let mut held = now.held.clone();
        step(&mut held)?;
        let ring = Ring::of(held, now.lease, self.0.max_age);
        self.0.ring.store(Arc::new(ring));
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.0
            .changing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'a>(held: &'a mut [HeldKey], kid: &Kid) -> Result<&'a mut HeldKey, RotationError> {
    held.iter_mut()
        .find(|key| key.kid() == kid)
        .ok_or_else(|| RotationError::Unknown(kid.clone()))
}

/// A name that stands twice in a published set names no key for whoever reads it.
fn first_of_each(mut held: Vec<HeldKey>) -> Vec<HeldKey> {
    let mut names = HashSet::new();
    held.retain(|key| names.insert(key.kid().clone()));
    held
}

impl Ring {
    fn of(held: Vec<HeldKey>, lease: Option<Lease>, max_age: Duration) -> Self {
        let published = || held.iter().map(|key| &key.verifying);
        Self {
            keys: KeySet::new(published().cloned()),
            jwks: JwksDocument::of(published(), max_age),
            held,
            lease,
        }
    }

    fn active(&self) -> Option<&Arc<SigningKey>> {
        self.held.iter().find_map(HeldKey::signer)
    }
}

impl KeySource for KeyRing {
    fn snapshot(&self) -> KeySet {
        self.0.ring.load().keys.clone()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing")
            .field(&self.0.ring.load().held)
            .finish()
    }
}

#[cfg(test)]
mod tests;
