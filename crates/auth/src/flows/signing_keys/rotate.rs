use passgate_domain::audit::Act;
use passgate_domain::ports::{SigningKeyStore, StoreError};
use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};
use thiserror::Error;
use time::OffsetDateTime;

use super::{KeySchedule, SigningKeysError, sealed};
use crate::jwt::Algorithm;
use crate::seal::SealingKeys;

/// How often an announcement is begun again because the keys changed under it.
const TRIES: usize = 3;

/// Why no key was announced.
#[derive(Debug, Error)]
pub enum AnnounceError {
    /// There is one that does not sign yet.
    #[error("the key {kid} is announced already")]
    Announced {
        /// The key.
        kid: String,
        /// From when on it may sign.
        promotable_at: OffsetDateTime,
    },
    /// There is no key that another could follow.
    #[error("there is no {0} key that signs")]
    NoKey(Algorithm),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] SigningKeysError),
}

impl From<StoreError> for AnnounceError {
    fn from(error: StoreError) -> Self {
        Self::Keys(error.into())
    }
}

/// Publishes the key that is to sign next, and returns it. It signs when everybody who caches the
/// published keys has it; replicas see to that ([`SigningKeys::follow`](super::SigningKeys::follow)).
///
/// The active key has to open with the secrets given: otherwise no replica would open the new one.
///
/// # Errors
/// [`AnnounceError`]; nothing is changed then.
pub fn announce_key<S: SigningKeyStore + ?Sized>(
    store: &S,
    sealing: &SealingKeys,
    algorithm: Algorithm,
    schedule: &KeySchedule,
    act: &Act,
) -> Result<StoredSigningKey, AnnounceError> {
    let publication = time::Duration::try_from(schedule.publication());
    let publication = publication.unwrap_or(time::Duration::MAX);
    let state = SigningKeyState::announced(act.at, publication);
    for _ in 0..TRIES {
        let mut keys = store.signing_keys()?;
        keys.retain(|key| key.algorithm == algorithm.as_str());
        if let Some((kid, promotable_at)) = keys.iter().find_map(announced) {
            return Err(AnnounceError::Announced { kid, promotable_at });
        }
        let active = keys.iter().find(|key| key.state.is_active());
        let active = active.ok_or(AnnounceError::NoKey(algorithm))?;
        sealed::open(active, algorithm, sealing)?;
        let next = sealed::make(algorithm, sealing, state, act.at)?;
        // Otherwise somebody announced, promoted or replaced one since we looked: look again.
        if store.announce_signing_key(&next, &active.kid, act)? {
            return Ok(next);
        }
    }
    let busy = "others change the signing keys again and again";
    Err(StoreError::Unavailable(busy.into()).into())
}

fn announced(key: &StoredSigningKey) -> Option<(String, OffsetDateTime)> {
    match key.state {
        SigningKeyState::Announced { promotable_at } => Some((key.kid.clone(), promotable_at)),
        SigningKeyState::Active { .. } | SigningKeyState::Retired { .. } => None,
    }
}

/// A key that signs at once, and those that it replaced.
#[derive(Debug)]
pub struct ReplacedKeys {
    /// The new key.
    pub kid: String,
    /// Those that are gone.
    pub removed: Vec<String>,
}

/// Makes a key that signs at once and removes all others, whatever their algorithm, because one of
/// them leaked, or the secret that opens them is lost. No token that they signed verifies any more.
///
/// # Errors
/// [`SigningKeysError`]; nothing is changed then.
pub fn replace_keys<S: SigningKeyStore + ?Sized>(
    store: &S,
    sealing: &SealingKeys,
    algorithm: Algorithm,
    act: &Act,
) -> Result<ReplacedKeys, SigningKeysError> {
    let state = SigningKeyState::active(act.at);
    let new = sealed::make(algorithm, sealing, state, act.at)?;
    let removed = store.replace_signing_keys(&new, act)?;
    Ok(ReplacedKeys {
        kid: new.kid,
        removed,
    })
}

/// Encrypts every key with the current secret, and returns how many were encrypted with another.
///
/// # Errors
/// [`SigningKeysError::OtherSecret`] if one opens with no secret given; nothing is changed then.
pub fn reseal_keys<S: SigningKeyStore + ?Sized>(
    store: &S,
    sealing: &SealingKeys,
    act: &Act,
) -> Result<usize, SigningKeysError> {
    let mut resealed = Vec::new();
    for key in store.signing_keys()? {
        resealed.extend(sealed::reseal(&key, sealing)?);
    }
    if resealed.is_empty() {
        return Ok(0);
    }
    Ok(store.reseal_signing_keys(&resealed, act)?)
}
