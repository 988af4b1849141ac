//! Stored hashes, of this and of other systems: taken apart, held against ceilings, compared.

mod argon2;
#[cfg(feature = "legacy-bcrypt")]
mod bcrypt;
#[cfg(feature = "legacy-django")]
mod django;
#[cfg(feature = "legacy-firebase")]
mod firebase;
#[cfg(feature = "legacy-passlib")]
mod passlib;
#[cfg(feature = "legacy-pbkdf2")]
mod pbkdf2;
#[cfg(feature = "legacy-scrypt")]
mod scrypt;
#[cfg(any(
    feature = "legacy-bcrypt",
    feature = "legacy-pbkdf2",
    feature = "legacy-scrypt"
))]
mod text;

use std::fmt;

use passgate_domain::PasswordHash;
use password_hash::phc::Output;

pub(super) use self::argon2::Argon2Hash;
use super::arena::Arena;
use super::pepper::{Pepper, Peppers};
use super::{Cost, PasswordError};

/// How a stored password was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// What Passgate stores (RFC 9106). The others are checked, never made.
    Argon2id,
    /// Argon2i (RFC 9106).
    Argon2i,
    /// Argon2d (RFC 9106).
    Argon2d,
    /// bcrypt, which reads the first 72 bytes of a password.
    Bcrypt,
    /// bcrypt of a SHA-256, as passlib and Django make it, which reads all of a password.
    BcryptSha256,
    /// scrypt (RFC 7914).
    Scrypt,
    /// PBKDF2 (RFC 8018) with HMAC-SHA-1.
    Pbkdf2Sha1,
    /// PBKDF2 (RFC 8018) with HMAC-SHA-256.
    Pbkdf2Sha256,
    /// PBKDF2 (RFC 8018) with HMAC-SHA-512.
    Pbkdf2Sha512,
    /// The scrypt of Firebase Authentication.
    FirebaseScrypt,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2id => "argon2id",
            Self::Argon2i => "argon2i",
            Self::Argon2d => "argon2d",
            Self::Bcrypt => "bcrypt",
            Self::BcryptSha256 => "bcrypt-sha256",
            Self::Scrypt => "scrypt",
            Self::Pbkdf2Sha1 => "pbkdf2-sha1",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
            Self::FirebaseScrypt => "firebase-scrypt",
        })
    }
}

/// A stored hash taken apart, and within the bounds of what a check may cost.
pub(super) enum Stored {
    Argon2(Argon2Hash),
    #[cfg(feature = "legacy-bcrypt")]
    Bcrypt(bcrypt::BcryptHash),
    #[cfg(feature = "legacy-scrypt")]
    Scrypt(scrypt::ScryptHash),
    #[cfg(feature = "legacy-pbkdf2")]
    Pbkdf2(pbkdf2::Pbkdf2Hash),
    #[cfg(feature = "legacy-firebase")]
    Firebase(firebase::FirebaseHash),
}

/// Of a tag: what RFC 9106 section 4 recommends at least.
const MIN_TAG: usize = 16;

/// The longest text taken, in bytes: several times what any of the schemes writes.
const MAX_TEXT: usize = 1024;

impl Stored {
    pub(super) fn parse(hash: &PasswordHash, peppers: &Peppers) -> Result<Self, PasswordError> {
        let text = hash.expose();
        if text.len() > MAX_TEXT {
            return Err(PasswordError::Corrupt("it has more than 1024 bytes"));
        }
        let Some(rest) = text.strip_prefix('$') else {
            #[cfg(feature = "legacy-django")]
            return django::parse(text, peppers);
            #[cfg(not(feature = "legacy-django"))]
            return Err(PasswordError::UnsupportedScheme);
        };
        match rest.split_once('$').map_or(rest, |(scheme, _)| scheme) {
            "argon2id" | "argon2i" | "argon2d" => {
                Argon2Hash::parse(text, peppers).map(Self::Argon2)
            }
            #[cfg(feature = "legacy-bcrypt")]
            "2a" | "2b" | "2x" | "2y" => bcrypt::BcryptHash::parse(text).map(Self::Bcrypt),
            #[cfg(feature = "legacy-passlib")]
            "bcrypt-sha256" => passlib::bcrypt_sha256(text).map(Self::Bcrypt),
            #[cfg(feature = "legacy-scrypt")]
            "scrypt" => scrypt::ScryptHash::parse(text).map(Self::Scrypt),
            #[cfg(feature = "legacy-pbkdf2")]
            "pbkdf2" | "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512" => {
                pbkdf2::Pbkdf2Hash::parse(text).map(Self::Pbkdf2)
            }
            #[cfg(feature = "legacy-firebase")]
            "fbscrypt" => firebase::FirebaseHash::parse(text).map(Self::Firebase),
            _ => Err(PasswordError::UnsupportedScheme),
        }
    }

    pub(super) fn scheme(&self) -> Scheme {
        match self {
            Self::Argon2(hash) => hash.scheme(),
            #[cfg(feature = "legacy-bcrypt")]
            Self::Bcrypt(hash) => hash.scheme(),
            #[cfg(feature = "legacy-scrypt")]
            Self::Scrypt(_) => Scheme::Scrypt,
            #[cfg(feature = "legacy-pbkdf2")]
            Self::Pbkdf2(hash) => hash.scheme(),
            #[cfg(feature = "legacy-firebase")]
            Self::Firebase(_) => Scheme::FirebaseScrypt,
        }
    }

    /// Whether the hash is weaker than a new one of `cost` with this pepper would be.
    pub(super) fn wants_upgrade(&self, cost: Cost, pepper: Option<&Pepper>) -> bool {
        match self {
            Self::Argon2(hash) => hash.wants_upgrade(cost, pepper),
            #[cfg(any(
                feature = "legacy-bcrypt",
                feature = "legacy-pbkdf2",
                feature = "legacy-scrypt"
            ))]
            _ => true,
        }
    }

    pub(super) fn matches(
        &self,
        password: &[u8],
        arena: &mut Arena,
    ) -> Result<bool, PasswordError> {
        arena.count();
        match self {
            Self::Argon2(hash) => hash.matches(password, arena),
            #[cfg(feature = "legacy-bcrypt")]
            Self::Bcrypt(hash) => hash.matches(password),
            #[cfg(feature = "legacy-scrypt")]
            Self::Scrypt(hash) => hash.matches(password),
            #[cfg(feature = "legacy-pbkdf2")]
            Self::Pbkdf2(hash) => hash.matches(password),
            #[cfg(feature = "legacy-firebase")]
            Self::Firebase(hash) => hash.matches(password),
        }
    }
}

/// Compares a tag with what was computed, in constant time.
fn same(computed: &[u8], tag: &Output) -> Result<bool, PasswordError> {
    let computed = Output::new(computed).map_err(|_| PasswordError::Internal)?;
    Ok(computed == *tag)
}

#[cfg(test)]
mod tests;
