use passgate_domain::Clock;
use passgate_domain::ports::{SigningKeyStore, StoreError};
use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};
use thiserror::Error;

use crate::jwt::{Algorithm, KeyError, KeyRing, SigningKey, VerifyingKey};
use crate::seal::{SealError, SealingKey};

/// Why there is no key to sign with.
#[derive(Debug, Error)]
pub enum SigningKeysError {
    /// The keys were sealed with another secret than the one given.
    #[error(
        "the signing key {kid} was encrypted with another secret: start with the PASSGATE_SECRET \
         that this database was first used with"
    )]
    OtherSecret {
        /// The key.
        kid: String,
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

/// Opens the ring of signing keys, and makes the first key of `algorithm` where there is none.
///
/// Replicas that start together end up with the same key: each offers one, the store keeps the
/// first. Keys of other algorithms, and retired ones, stay in the ring to verify with.
///
/// # Errors
/// [`SigningKeysError`].
pub fn open_key_ring<S: SigningKeyStore + ?Sized>(
    store: &S,
    sealing: &SealingKey,
    algorithm: Algorithm,
    clock: &dyn Clock,
) -> Result<KeyRing, SigningKeysError> {
    let mut keys = store.signing_keys()?;
    let signs = |key: &StoredSigningKey| {
        key.algorithm == algorithm.as_str() && key.state == SigningKeyState::Active
    };
    if !keys.iter().any(signs) {
        let key = SigningKey::generate(algorithm)?;
        store.install_signing_key(&seal(&key, sealing, clock)?)?;
        keys = store.signing_keys()?;
    }
    let mut active = None;
    let mut published = Vec::new();
    for key in &keys {
        if active.is_none() && signs(key) {
            active = Some(unseal(key, algorithm, sealing)?);
        } else {
            published.push(VerifyingKey::from_jwk(&key.public_jwk).map_err(damaged(key))?);
        }
    }
    let active = active.ok_or_else(|| {
        StoreError::Internal(format!("no active {algorithm} key after installing one").into())
    })?;
    Ok(KeyRing::with_published(active, published))
}

fn seal(
    key: &SigningKey,
    sealing: &SealingKey,
    clock: &dyn Clock,
) -> Result<StoredSigningKey, SigningKeysError> {
    let kid = key.kid().to_string();
    let private = key.to_pkcs8_der();
    Ok(StoredSigningKey {
        sealed_private_key: sealing.seal(&private, kid.as_bytes())?,
        sealing_key_id: sealing.key_id().to_owned(),
        algorithm: key.algorithm().as_str().to_owned(),
        public_jwk: key.public_jwk(),
        state: SigningKeyState::Active,
        created_at: clock.now(),
        kid,
    })
}

fn unseal(
    key: &StoredSigningKey,
    algorithm: Algorithm,
    sealing: &SealingKey,
) -> Result<SigningKey, SigningKeysError> {
    if key.sealing_key_id != sealing.key_id() {
        return Err(SigningKeysError::OtherSecret {
            kid: key.kid.clone(),
        });
    }
    let private = sealing
        .open(&key.sealed_private_key, key.kid.as_bytes())
        .map_err(damaged(key))?;
    let opened = SigningKey::from_pkcs8_der(algorithm, &private).map_err(damaged(key))?;
    if opened.kid().as_str() != key.kid {
        return Err(damaged(key)("the key inside has another kid"));
    }
    Ok(opened)
}

fn damaged<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    key: &StoredSigningKey,
) -> impl FnOnce(E) -> SigningKeysError + use<E> {
    let kid = key.kid.clone();
    move |cause| SigningKeysError::Damaged {
        kid,
        cause: cause.into(),
    }
}
