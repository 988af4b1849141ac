mod rotate;
mod schedule;
mod sealed;

use std::fmt;
use std::sync::Arc;

use passgate_domain::Clock;
use passgate_domain::audit::{Act, Actor};
use passgate_domain::ports::{SigningKeyStore, StoreError};
use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};
use thiserror::Error;

use crate::jwt::{Algorithm, HeldKey, KeyError, KeyRing, VerifyingKey};
use crate::seal::{SealError, SealingKeys};

pub use rotate::{AnnounceError, ReplacedKeys, announce_key, replace_keys, reseal_keys};
pub use schedule::{InvalidSchedule, KeySchedule};

/// Why there is no key to sign with.
#[derive(Debug, Error)]
pub enum SigningKeysError {
    /// A key was sealed with another secret than those given.
    #[error(
        "the signing key {kid} was encrypted with another secret: its name is {sealed_with}, given \
         is {given}; give it as PASSGATE_SECRET, or as PASSGATE_ACCEPTED_SECRET beside a new one"
    )]
    OtherSecret {
        /// The key.
        kid: String,
        /// The name of the secret that is missing.
        sealed_with: String,
        /// The names of those given.
        given: String,
    },
    /// What is stored is damaged.
    #[error(
        "the stored signing key {kid} is damaged: restore the table signing_keys from a backup"
    )]
    Damaged {
        /// The key.
        kid: String,
        /// What is wrong with it.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key could not be made.
    #[error("no signing key could be made")]
    Key(#[from] KeyError),
    /// A key could not be sealed.
    #[error("the signing key could not be encrypted")]
    Seal(#[from] SealError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The signing keys of a replica: a ring that follows the store.
pub struct SigningKeys {
    ring: KeyRing,
    sealing: Arc<SealingKeys>,
    algorithm: Algorithm,
    schedule: KeySchedule,
    clock: Arc<dyn Clock>,
}

/// What a look at the keys did and found.
#[derive(Debug, Default)]
pub struct Followed {
    /// The key that was made because there was none.
    pub installed: Option<String>,
    /// The key that was announced because the active one has signed for long enough.
    pub announced: Option<String>,
    /// The key that signs from now on.
    pub promoted: Option<String>,
    /// The keys that are gone.
    pub removed: Vec<String>,
    /// What is wrong with single keys. The others are followed all the same.
    pub troubles: Vec<SigningKeysError>,
}

impl Followed {
    fn changed(&self) -> bool {
        let steps = [&self.installed, &self.announced, &self.promoted];
        steps.into_iter().any(Option::is_some) || !self.removed.is_empty()
    }
}

impl SigningKeys {
    /// Opens the keys, and makes the first of `algorithm` where there is none.
    ///
    /// Replicas that start together end up with the same key: each offers one, the store keeps the
    /// first. Keys of other algorithms, and retired ones, stay in the ring to verify with.
    ///
    /// # Errors
    /// [`SigningKeysError`], also if a single key is damaged, or the one that signs, or is going
    /// to, does not open with the secrets given.
    pub fn open<S: SigningKeyStore + ?Sized>(
        store: &S,
        sealing: Arc<SealingKeys>,
        algorithm: Algorithm,
        schedule: KeySchedule,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SigningKeysError> {
        let builder = KeyRing::builder().max_age(schedule.max_age());
        let keys = Self {
            ring: builder
                .clock(Arc::clone(&clock))
                .build_from(Vec::new(), None),
            sealing,
            algorithm,
            schedule,
            clock,
        };
        let mut followed = keys.follow(store)?;
        match followed.troubles.pop() {
            Some(trouble) => Err(trouble),
            None => Ok(keys),
        }
    }

    /// The ring.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// What they sign with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// When they follow each other.
    pub fn schedule(&self) -> &KeySchedule {
        &self.schedule
    }

    /// Announces the key that is to sign next: [`announce_key`]. It is in the ring by the next look.
    ///
    /// # Errors
    /// [`AnnounceError`].
    pub fn announce<S: SigningKeyStore + ?Sized>(
        &self,
        store: &S,
        act: &Act,
    ) -> Result<StoredSigningKey, AnnounceError> {
        announce_key(store, &self.sealing, self.algorithm, &self.schedule, act)
    }

    /// Looks at the keys in the store, takes the steps whose time has come, and exchanges the ring.
    /// Every replica does so every [`KeySchedule::follow_every`]; of them, one takes each step.
    ///
    /// # Errors
    /// [`SigningKeysError`] if the store does not answer. The ring stays as it is, and signs until
    /// its lease is over.
    pub fn follow<S: SigningKeyStore + ?Sized>(
        &self,
        store: &S,
    ) -> Result<Followed, SigningKeysError> {
        let mut read_at = self.clock.now();
        let mut keys = store.signing_keys()?;
        let mut followed = self.take_steps(store, &keys)?;
        if followed.changed() {
            read_at = self.clock.now();
            keys = store.signing_keys()?;
        }
        let (held, troubles) = self.hold(&keys);
        self.ring.load(held, Some(self.schedule.lease(read_at)));
        followed.troubles = troubles;
        Ok(followed)
    }

    fn take_steps<S: SigningKeyStore + ?Sized>(
        &self,
        store: &S,
        keys: &[StoredSigningKey],
    ) -> Result<Followed, SigningKeysError> {
        let act = Act::new(self.clock.now(), Actor::Passgate);
        let mut followed = Followed::default();
        let ours = || keys.iter().filter(|key| self.is_ours(key));
        let Some(active) = ours().find(|key| key.state.is_active()) else {
            let state = SigningKeyState::active(act.at);
            let first = sealed::make(self.algorithm, &self.sealing, state, act.at)?;
            followed.installed = Some(store.install_signing_key(&first, &act)?.kid);
            return Ok(followed);
        };
        let next = ours().find(|key| key.state.is_announced());
        if next.is_none() && self.schedule.announces(active.state, act.at) {
            followed.announced = match self.announce(store, &act) {
                Ok(next) => Some(next.kid),
                Err(AnnounceError::Keys(SigningKeysError::Store(error))) => {
                    return Err(error.into());
                }
                // Another replica was faster; or the active key cannot be opened, and `hold` says so.
                Err(
                    AnnounceError::Announced { .. }
                    | AnnounceError::NoKey(_)
                    | AnnounceError::Keys(_),
                ) => None,
            };
        }
        // A key that we cannot open must not become the one that we have to sign with.
        let promotes = |next: &StoredSigningKey| {
            self.schedule.promotes(next, act.at) && self.private(next).is_ok()
        };
        if next.is_some_and(promotes) {
            let made_until = self.schedule.made_until(act.at);
            followed.promoted =
                store.promote_signing_key(self.algorithm.as_str(), made_until, &act)?;
        }
        if keys.iter().any(|key| key.state.remove(act.at).is_ok()) {
            followed.removed = store.remove_signing_keys(&act)?;
        }
        Ok(followed)
    }

    fn is_ours(&self, key: &StoredSigningKey) -> bool {
        key.algorithm == self.algorithm.as_str()
    }

    /// The keys as a ring holds them. What was in the ring before is not opened again.
    fn hold(&self, keys: &[StoredSigningKey]) -> (Vec<HeldKey>, Vec<SigningKeysError>) {
        let (mut held, mut troubles) = (Vec::new(), Vec::new());
        for key in keys {
            let signs = self.is_ours(key) && (key.state.is_active() || key.state.is_announced());
            if signs {
                match self.private(key) {
                    Ok(private) => {
                        held.push(HeldKey::signing(private, key.state));
                        continue;
                    }
                    Err(trouble) => troubles.push(trouble),
                }
            }
            match VerifyingKey::from_jwk(&key.public_jwk) {
                Ok(public) if public.kid().as_str() == key.kid => {
                    held.push(HeldKey::verifying(public, key.state));
                }
                Ok(_) => troubles.push(sealed::damaged(key)("its public half has another kid")),
                Err(error) => troubles.push(sealed::damaged(key)(error)),
            }
        }
        (held, troubles)
    }

    fn private(
        &self,
        key: &StoredSigningKey,
    ) -> Result<Arc<crate::jwt::SigningKey>, SigningKeysError> {
        let in_ring = self.ring.held();
        let known = in_ring.iter().find(|held| held.kid().as_str() == key.kid);
        match known.and_then(HeldKey::private) {
            Some(private) => Ok(Arc::clone(private)),
            None => Ok(Arc::new(sealed::open(key, self.algorithm, &self.sealing)?)),
        }
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys")
            .field("ring", &self.ring)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}
