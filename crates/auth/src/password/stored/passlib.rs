//! What passlib stores in forms of its own (`passlib.hash.bcrypt_sha256`; those of PBKDF2 are
//! read with the others).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::bcrypt::{BcryptHash, Reads};
use super::text;
use crate::password::PasswordError;

/// Reads `$bcrypt-sha256$v=2,t=2b,r=12$SALT$TAG`, or the first version's
/// `$bcrypt-sha256$2b,12$SALT$TAG`.
pub(super) fn bcrypt_sha256(stored: &str) -> Result<BcryptHash, PasswordError> {
    let malformed = PasswordError::Corrupt("it is no bcrypt-sha256 hash of passlib");
    let parts: Vec<&str> = stored.split('$').collect();
    let ["", "bcrypt-sha256", params, salt, tag] = parts[..] else {
        return Err(malformed);
    };
    let (version, cost, reads) = match text::values(params, ["v", "t", "r"]) {
        Some(["2", version, cost]) => (version, cost, Reads::HmacBase64(salt.to_owned())),
        Some(_) => return Err(malformed),
        None => {
            let (version, cost) = params.split_once(',').ok_or(malformed)?;
            (version, cost, Reads::Sha256Base64)
        }
    };
    BcryptHash::try_new(version, cost, salt, tag, reads)
}

pub(super) fn sha256_base64(password: &[u8]) -> Vec<u8> {
    STANDARD.encode(Sha256::digest(password)).into_bytes()
}

pub(super) fn hmac_base64(salt: &str, password: &[u8]) -> Result<Vec<u8>, PasswordError> {
    let mac = Hmac::<Sha256>::new_from_slice(salt.as_bytes());
    let mut mac = mac.map_err(|_| PasswordError::Internal)?;
    mac.update(password);
    Ok(STANDARD.encode(mac.finalize().into_bytes()).into_bytes())
}
