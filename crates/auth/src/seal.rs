//! Secrets at rest: private keys are encrypted with a key derived from one secret of the
//! operator's, so that a copy of the database alone signs nothing.
//!
//! AES-256-GCM with a random nonce; the key comes out of HKDF-SHA256 (RFC 5869), under a label
//! of its own for each purpose.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

/// The shortest secret: as many bytes as the keys made of it.
const MIN_SECRET: usize = 32;

/// The first byte of what is sealed: how to read the rest.
const FORMAT: u8 = 1;

/// Why nothing was sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The secret could be guessed.
    #[error("the secret has {0} bytes and must have at least {MIN_SECRET} bytes")]
    ShortSecret(usize),
    /// What is to be opened was sealed with another secret or for another purpose, or was
    /// changed since.
    #[error("the ciphertext was changed, or belongs elsewhere")]
    Damaged,
    /// The library failed.
    #[error("the cryptographic library failed")]
    Internal,
}

/// What seals and opens.
pub struct SealingKey {
    root: Prk,
    aead: RandomizedNonceKey,
    id: String,
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl SealingKey {
    /// Derives the key from a secret.
    ///
    /// # Errors
    /// [`SealError::ShortSecret`] below 32 bytes.
    pub fn from_secret(secret: &SecretString) -> Result<Self, SealError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET {
            return Err(SealError::ShortSecret(secret.len()));
        }
        let root = Salt::new(HKDF_SHA256, b"passgate").extract(secret);
        let key: Zeroizing<[u8; 32]> = derive(&root, b"seal aes-256-gcm v1")?;
        let id: Zeroizing<[u8; 8]> = derive(&root, b"seal key id v1")?;
        Ok(Self {
            root: root.clone(),
            aead: RandomizedNonceKey::new(&AES_256_GCM, &key[..])
                .map_err(|_| SealError::Internal)?,
            id: format!("{:016x}", u64::from_be_bytes(*id)),
        })
    }

    /// Another key from the same secret, for the one purpose that the label names.
    ///
    /// # Errors
    /// [`SealError::Internal`] if the library fails.
    pub fn derive(&self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        derive(&self.root, label)
    }

    /// A name for the secret that tells nothing about it.
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// Encrypts. What is `bound` is not in the result and has to be given again to open it.
    ///
    /// # Errors
    /// [`SealError::Internal`].
    pub fn seal(&self, plain: &[u8], bound: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plain);
        let nonce = self
            .aead
            .seal_in_place_append_tag(Aad::from(bound), &mut *text)
            .map_err(|_| SealError::Internal)?;
        Ok([&[FORMAT], &nonce.as_ref()[..], &text[..]].concat())
    }

    /// Decrypts.
    ///
    /// # Errors
    /// [`SealError::Damaged`] unless this secret sealed it, bound to the same.
    pub fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let rest = sealed.strip_prefix(&[FORMAT]).ok_or(SealError::Damaged)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .aead
            .open_in_place(nonce, Aad::from(bound), &mut text)
            .map_err(|_| SealError::Damaged)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

/// The operator's secrets: one that seals and opens, and others that open only, while the one is
/// exchanged.
#[derive(Debug)]
pub struct SealingKeys {
    current: SealingKey,
    accepted: Vec<SealingKey>,
}

impl From<SealingKey> for SealingKeys {
    fn from(current: SealingKey) -> Self {
        Self {
            current,
            accepted: Vec::new(),
        }
    }
}

impl SealingKeys {
    /// Opens what another secret sealed, too.
    #[must_use]
    pub fn accepting(mut self, other: SealingKey) -> Self {
        if self.named(other.key_id()).is_none() {
            self.accepted.push(other);
        }
        self
    }

    /// The one that seals.
    pub fn current(&self) -> &SealingKey {
        &self.current
    }

    /// Those that open only.
    pub fn accepted(&self) -> &[SealingKey] {
        &self.accepted
    }

    /// The one of this name.
    pub fn named(&self, key_id: &str) -> Option<&SealingKey> {
        std::iter::once(&self.current)
            .chain(&self.accepted)
            .find(|key| key.key_id() == key_id)
    }
}

fn derive<const N: usize>(root: &Prk, label: &[u8]) -> Result<Zeroizing<[u8; N]>, SealError> {
    let mut key = Zeroizing::new([0; N]);
    root.expand(&[label], Bytes(N))
        .and_then(|okm| okm.fill(&mut key[..]))
        .map_err(|_| SealError::Internal)?;
    Ok(key)
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey")
            .field("key_id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> SealingKey {
        SealingKey::from_secret(&SecretString::from(secret)).unwrap()
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn what_was_sealed_opens_with_the_same_secret_and_binding() {
        let sealed = key(SECRET).seal(b"private", b"kid").unwrap();
        assert_eq!(&key(SECRET).open(&sealed, b"kid").unwrap()[..], b"private");
        assert!(!sealed.windows(7).any(|window| window == b"private"));
    }

    #[test]
    fn another_secret_another_binding_and_every_changed_bit_are_refused() {
        let sealed = key(SECRET).seal(b"private", b"kid").unwrap();
        let other = key("fedcba9876543210fedcba9876543210");
        assert_eq!(other.open(&sealed, b"kid").unwrap_err(), SealError::Damaged);
        assert_eq!(
            key(SECRET).open(&sealed, b"dik").unwrap_err(),
            SealError::Damaged
        );
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key(SECRET).open(&changed, b"kid").is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(
                key(SECRET).open(&sealed[..length], b"kid").is_err(),
                "length {length}"
            );
        }
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        let key = key(SECRET);
        assert_ne!(
            key.seal(b"private", b"").unwrap(),
            key.seal(b"private", b"").unwrap()
        );
    }

    /// Changing how the key is derived would lock every deployment out of its keys.
    #[test]
    fn the_name_of_a_secret_never_changes() {
        assert_eq!(key(SECRET).key_id(), "aa96a3afe9ba5542");
    }

    #[test]
    fn a_short_secret_is_refused_and_its_length_told() {
        let error = SealingKey::from_secret(&SecretString::from("short")).unwrap_err();
        assert_eq!(error, SealError::ShortSecret(5));
        assert!(error.to_string().contains("32 bytes") && !error.to_string().contains("short"));
    }

    #[test]
    fn the_current_secret_seals_and_every_accepted_one_opens() {
        let other = "fedcba9876543210fedcba9876543210";
        let sealed_by_other = key(other).seal(b"private", b"kid").unwrap();
        let keys = SealingKeys::from(key(SECRET)).accepting(key(other));
        assert_eq!(keys.current().key_id(), key(SECRET).key_id());
        let opens = keys.named(key(other).key_id()).unwrap();
        assert_eq!(
            &opens.open(&sealed_by_other, b"kid").unwrap()[..],
            b"private"
        );
        assert!(keys.named("another").is_none());
        assert_eq!(keys.accepting(key(SECRET)).accepted().len(), 1);
    }

    #[test]
    fn debug_shows_the_name_only() {
        assert!(!format!("{:?}", key(SECRET)).contains("0123456789abcdef0123"));
    }
}
