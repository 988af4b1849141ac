//! Passwords and what is stored of them: two types, so that one is never taken for the other.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// The longest password taken, in bytes of UTF-8. NIST SP 800-63B-4 asks for at least 64
/// characters; the bound keeps the work of one request small and known.
pub const MAX_BYTES: usize = 1024;

/// A password as somebody typed it. Redacted in `Debug`, wiped when dropped, never serialised.
#[derive(Clone)]
pub struct Password(SecretString);

/// Why a text cannot be a password at all. Whether it is a *good* one is a policy's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPassword {
    /// Nothing was given.
    #[error("a password cannot be empty")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("a password is at most {MAX_BYTES} bytes of UTF-8")]
    TooLong,
    /// It holds a NUL, where C implementations of bcrypt stop reading.
    #[error("a password cannot contain a NUL character")]
    Nul,
}

impl Password {
    /// Takes a password into custody.
    ///
    /// # Errors
    /// [`InvalidPassword`] if it is empty, too long or holds a NUL.
    pub fn parse(text: impl Into<SecretString>) -> Result<Self, InvalidPassword> {
        let secret = text.into();
        let text = secret.expose_secret();
        if text.is_empty() {
            return Err(InvalidPassword::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(InvalidPassword::TooLong);
        }
        if text.contains('\0') {
            return Err(InvalidPassword::Nul);
        }
        Ok(Self(secret))
    }

    /// The password itself, for the function that hashes it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([REDACTED])")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(SecretString::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The stored form of a password: a PHC or modular-crypt string such as `$argon2id$...`.
///
/// Not a password, but worth guessing at: redacted and wiped like one.
#[derive(Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// Wraps a stored string. Whether it can be verified is known to the `auth` crate.
    pub fn new(stored: impl Into<SecretString>) -> Self {
        Self(stored.into())
    }

    /// The string itself, for the store and for the function that verifies.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for PasswordHash {
    /// Compares as texts: two hashes of one password are different hashes.
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for PasswordHash {}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let password = Password::parse("correct horse").unwrap();
        let hash = PasswordHash::new("$argon2id$secret");
        let shown = format!("{password:?} {hash:?} {:#?}", Some(&password));
        assert!(
            !shown.contains("correct") && !shown.contains("argon2id"),
            "{shown}"
        );
    }

    #[test]
    fn impossible_passwords_are_refused() {
        assert_eq!(Password::parse("").unwrap_err(), InvalidPassword::Empty);
        assert_eq!(Password::parse("a\0b").unwrap_err(), InvalidPassword::Nul);
        assert_eq!(
            Password::parse("a".repeat(1025)).unwrap_err(),
            InvalidPassword::TooLong
        );
        assert!(Password::parse("a".repeat(1024)).is_ok());
    }

    #[test]
    fn the_error_of_a_refused_password_does_not_repeat_it() {
        let error = serde_json::from_str::<Password>("\"sesame\\u0000\"").unwrap_err();
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}
