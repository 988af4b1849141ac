//! What Django stores (`django.contrib.auth.hashers`): the name of the hasher, and then fields
//! of its own or another's string.

use sha2::{Digest as _, Sha256};

use super::bcrypt::{BcryptHash, Reads};
use super::pbkdf2::{Digest, Pbkdf2Hash};
use super::scrypt::{ScryptCost, ScryptHash};
use super::{Argon2Hash, Stored, text};
use crate::password::PasswordError;
use crate::password::pepper::Peppers;

pub(super) fn parse(stored: &str, peppers: &Peppers) -> Result<Stored, PasswordError> {
    let (hasher, rest) = stored
        .split_once('$')
        .ok_or(PasswordError::UnsupportedScheme)?;
    // argon2's and bcrypt's own strings begin with the sign that ends the name.
    let own = &stored[hasher.len()..];
    match hasher {
        "argon2" => Argon2Hash::parse(own, peppers).map(Stored::Argon2),
        "bcrypt" => BcryptHash::parse(rest).map(Stored::Bcrypt),
        "bcrypt_sha256" => {
            let hash = BcryptHash::parse(rest)?;
            Ok(Stored::Bcrypt(hash.reading(Reads::Sha256Hex)))
        }
        "pbkdf2_sha256" => pbkdf2(Digest::Sha256, rest).map(Stored::Pbkdf2),
        "pbkdf2_sha1" => pbkdf2(Digest::Sha1, rest).map(Stored::Pbkdf2),
        "scrypt" => scrypt(rest).map(Stored::Scrypt),
        _ => Err(PasswordError::UnsupportedScheme),
    }
}

fn pbkdf2(digest: Digest, rest: &str) -> Result<Pbkdf2Hash, PasswordError> {
    let malformed = PasswordError::Corrupt("it is no PBKDF2 hash of Django");
    let parts: Vec<&str> = rest.split('$').collect();
    let [rounds, salt, tag] = parts[..] else {
        return Err(malformed);
    };
    let salt = Some(salt.as_bytes().to_vec());
    Pbkdf2Hash::try_new(digest, text::number(rounds), salt, text::padded(tag))
}

fn scrypt(rest: &str) -> Result<ScryptHash, PasswordError> {
    let malformed = PasswordError::Corrupt("it is no scrypt hash of Django");
    let parts: Vec<&str> = rest.split('$').collect();
    let [n, salt, r, p, tag] = parts[..] else {
        return Err(malformed);
    };
    let n = text::number(n).filter(|n| n.is_power_of_two());
    let cost = ScryptCost::try_new(n.map(u32::ilog2), text::number(r), text::number(p))?;
    ScryptHash::try_new(cost, Some(salt.as_bytes().to_vec()), text::padded(tag))
}

pub(super) fn sha256_hex(password: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(password);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| HEX[usize::from(digit)]).collect()
}
