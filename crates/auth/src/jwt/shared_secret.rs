use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::crypto::HmacKey;
use super::{KeySet, KeySource, Kid, VerifyingKey};

/// The shortest secret, in bytes: as long as the hash (RFC 7518 section 3.2).
const MIN_BYTES: usize = 32;

/// The secret is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a secret for HS256 has at least {MIN_BYTES} bytes, this one has {0}")]
pub struct ShortSecret(pub usize);

/// A secret that issuer and verifier share, for HS256. Whoever verifies can also issue: good for
/// one service, not for many. It is never in a JWK Set.
#[derive(Clone)]
pub struct SharedSecret(Arc<Inner>);

struct Inner {
    key: HmacKey,
    kid: Kid,
    keys: KeySet,
}

impl SharedSecret {
    /// Takes the secret's bytes as they are, as `PyJWT` and `python-jose` do.
    ///
    /// # Errors
    /// [`ShortSecret`] below 32 bytes.
    pub fn parse(secret: &SecretString) -> Result<Self, ShortSecret> {
        let bytes = secret.expose_secret().as_bytes();
        if bytes.len() < MIN_BYTES {
            return Err(ShortSecret(bytes.len()));
        }
        let key = HmacKey::new(bytes);
        let name = key.sign(b"passgate HS256 key id v1").unwrap_or_default();
        let name = URL_SAFE_NO_PAD.encode(name.get(..12).unwrap_or_default());
        let kid = Kid::parse(&format!("hs256-{name}")).map_err(|_| ShortSecret(bytes.len()))?;
        let keys = KeySet::new([VerifyingKey::of_shared_secret(kid.clone(), key.clone())]);
        Ok(Self(Arc::new(Inner { key, kid, keys })))
    }

    /// The secret's name in a token's header. It tells nothing about the secret that a token
    /// does not tell.
    pub fn kid(&self) -> &Kid {
        &self.0.kid
    }

    /// The tag of a message; `None` if the library fails.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.0.key.sign(message)
    }
}

impl KeySource for SharedSecret {
    fn snapshot(&self) -> KeySet {
        self.0.keys.clone()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret")
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shorter_than_the_hash_is_refused() {
        let short = SharedSecret::parse(&SecretString::from("a".repeat(31)));
        assert_eq!(short.unwrap_err(), ShortSecret(31));
        assert!(SharedSecret::parse(&SecretString::from("a".repeat(32))).is_ok());
    }

    #[test]
    fn debug_shows_the_name_only() {
        let secret = SharedSecret::parse(&SecretString::from("correct horse ".repeat(4))).unwrap();
        let shown = format!("{secret:?}");
        assert!(!shown.contains("horse") && shown.contains(secret.kid().as_str()));
    }
}
