use passgate_domain::signing_key::{ResealedKey, SigningKeyState, StoredSigningKey};
use time::OffsetDateTime;

use super::SigningKeysError;
use crate::jwt::{Algorithm, SigningKey};
use crate::seal::{SealingKey, SealingKeys};

/// Makes a key to be kept.
pub(super) fn make(
    algorithm: Algorithm,
    sealing: &SealingKeys,
    state: SigningKeyState,
    now: OffsetDateTime,
) -> Result<StoredSigningKey, SigningKeysError> {
    let key = SigningKey::generate(algorithm)?;
    let sealing = sealing.current();
    let kid = key.kid().to_string();
    let private = key.to_pkcs8_der();
    Ok(StoredSigningKey {
        sealed_private_key: sealing.seal(&private, kid.as_bytes())?,
        sealing_key_id: sealing.key_id().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        public_jwk: key.public_jwk(),
        state,
        created_at: now,
        kid,
    })
}

/// Opens a key that is kept.
pub(super) fn open(
    key: &StoredSigningKey,
    algorithm: Algorithm,
    sealing: &SealingKeys,
) -> Result<SigningKey, SigningKeysError> {
    let private = of_key(key, sealing)?
        .open(&key.sealed_private_key, key.kid.as_bytes())
        .map_err(damaged(key))?;
    let opened = SigningKey::from_pkcs8_der(algorithm, &private).map_err(damaged(key))?;
    if opened.kid().as_str() != key.kid {
        return Err(damaged(key)("the key inside has another kid"));
    }
    Ok(opened)
}

/// Encrypts a key with the current secret; `None` if it is already, or has no private half any
/// more.
pub(super) fn reseal(
    key: &StoredSigningKey,
    sealing: &SealingKeys,
) -> Result<Option<ResealedKey>, SigningKeysError> {
    let current = sealing.current();
    if key.sealed_private_key.is_empty() || key.sealing_key_id == current.key_id() {
        return Ok(None);
    }
    let private = of_key(key, sealing)?
        .open(&key.sealed_private_key, key.kid.as_bytes())
        .map_err(damaged(key))?;
    Ok(Some(ResealedKey {
        kid: key.kid.clone(),
        from: key.sealing_key_id.clone(),
        sealing_key_id: current.key_id().to_owned(),
        sealed_private_key: current.seal(&private, key.kid.as_bytes())?,
    }))
}

fn of_key<'a>(
    key: &StoredSigningKey,
    sealing: &'a SealingKeys,
) -> Result<&'a SealingKey, SigningKeysError> {
    let given = || {
        let accepted = sealing.accepted().iter();
        let names = std::iter::once(sealing.current()).chain(accepted);
        names.map(SealingKey::key_id).collect::<Vec<_>>().join(", ")
    };
    sealing
        .named(&key.sealing_key_id)
        .ok_or_else(|| SigningKeysError::OtherSecret {
            kid: key.kid.clone(),
            sealed_with: key.sealing_key_id.clone(),
            given: given(),
        })
}

pub(super) fn damaged<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    key: &StoredSigningKey,
) -> impl FnOnce(E) -> SigningKeysError + use<E> {
    let kid = key.kid.clone();
    move |cause| SigningKeysError::Damaged {
        kid,
        cause: cause.into(),
    }
}
