use std::fmt;
use std::sync::Arc;

use blake2::{Blake2b512, Digest};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use thiserror::Error;

/// A secret that goes into every new hash and is not in the database, so that a copy of the
/// database alone gives nothing to guess at: the secret value of RFC 9106 section 3.1.
///
/// A hash names its pepper by an id that is made of the pepper, so that no one pepper can be taken
/// for another, and nobody has to number them. Redacted in `Debug`, wiped when dropped. Cheap to
/// clone.
#[derive(Clone)]
pub struct Pepper(Arc<Inner>);

struct Inner {
    id: [u8; ID],
    key: SecretBox<[u8; KEY]>,
}

/// Of an id, in bytes. The PHC string's `keyid` has room for eight.
const ID: usize = 6;

/// Of what goes into a hash, in bytes.
const KEY: usize = 32;

/// The fewest bytes of a secret: as strong as what is made of it.
const MIN_SECRET: usize = 32;

/// The secret is too short to be a pepper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a pepper has at least {MIN_SECRET} bytes, for example from `openssl rand -base64 32`")]
pub struct InvalidPepper;

impl Pepper {
    /// Makes a pepper of a secret.
    ///
    /// # Errors
    /// [`InvalidPepper`] if it has fewer than 32 bytes.
    pub fn from_secret(secret: &SecretString) -> Result<Self, InvalidPepper> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET {
            return Err(InvalidPepper);
        }
        // The id is public and tells nothing of the key: they are halves of one hash.
        let digest = Blake2b512::new()
            .chain_update(b"passgate pepper, version 1\0")
            .chain_update(secret)
            .finalize();
        let mut id = [0; ID];
        id.copy_from_slice(&digest[..ID]);
        let key = SecretBox::init_with_mut(|key: &mut [u8; KEY]| {
            key.copy_from_slice(&digest[64 - KEY..]);
        });
        Ok(Self(Arc::new(Inner { id, key })))
    }

    pub(super) fn id(&self) -> &[u8] {
        &self.0.id
    }

    pub(super) fn key(&self) -> &[u8] {
        self.0.key.expose_secret()
    }
}

impl PartialEq for Pepper {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Pepper {}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper([REDACTED])")
    }
}

/// The pepper of new hashes, if there is one, and those of older ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Peppers {
    pub(super) current: Option<Pepper>,
    pub(super) previous: Vec<Pepper>,
}

impl Peppers {
    pub(super) fn find(&self, id: &[u8]) -> Option<&Pepper> {
        self.current
            .iter()
            .chain(&self.previous)
            .find(|pepper| pepper.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{Check, Cost, PasswordError, Passwords};
    use passgate_domain::{Password, PasswordHash};

    fn pepper(letter: &str) -> Pepper {
        Pepper::from_secret(&SecretString::from(letter.repeat(32))).unwrap()
    }

    fn passwords(current: Option<&str>, previous: &[&str]) -> Passwords {
        let mut builder = Passwords::builder()
            .cost(Cost::try_new(64, 1, 1).unwrap())
            .arenas(1);
        if let Some(current) = current {
            builder = builder.pepper(pepper(current));
        }
        for letter in previous {
            builder = builder.previous_pepper(pepper(letter));
        }
        builder.build().unwrap()
    }

    fn hash(passwords: &Passwords) -> PasswordHash {
        passwords.hash_blocking(&password()).unwrap()
    }

    fn password() -> Password {
        Password::parse("correct horse").unwrap()
    }

    fn check(passwords: &Passwords, stored: &PasswordHash) -> Result<Check, PasswordError> {
        passwords.check_blocking(&password(), Some(stored))
    }

    const MATCH: Result<Check, PasswordError> = Ok(Check::Match { upgrade: false });
    const UPGRADE: Result<Check, PasswordError> = Ok(Check::Match { upgrade: true });

    #[test]
    fn a_hash_names_its_pepper_and_does_not_show_it() {
        let stored = hash(&passwords(Some("a"), &[]));
        let id = "$argon2id$v=19$m=64,t=1,p=1,keyid=";
        assert!(stored.expose().starts_with(id), "{}", stored.expose());
        assert_eq!(stored.expose().len(), id.len() + 8 + 1 + 22 + 1 + 43);
        assert!(!stored.expose().contains("aaaa"));
    }

    #[test]
    fn peppers_rotate_and_every_hash_moves_to_the_newest() {
        let (none, first) = (passwords(None, &[]), passwords(Some("a"), &[]));
        let second = passwords(Some("b"), &["a"]);
        let (plain, old, new) = (hash(&none), hash(&first), hash(&second));
        assert_eq!(check(&first, &plain), UPGRADE);
        assert_eq!(check(&first, &old), MATCH);
        assert_eq!(check(&second, &plain), UPGRADE);
        assert_eq!(check(&second, &old), UPGRADE);
        assert_eq!(check(&second, &new), MATCH);
    }

    #[test]
    fn peppers_can_be_given_up() {
        let stored = hash(&passwords(Some("a"), &[]));
        assert_eq!(check(&passwords(None, &["a"]), &stored), UPGRADE);
    }

    #[test]
    fn without_its_pepper_a_hash_is_an_error_and_no_mismatch() {
        let stored = hash(&passwords(Some("a"), &[]));
        for without in [passwords(None, &[]), passwords(Some("b"), &["c"])] {
            let before = without.computed();
            assert_eq!(check(&without, &stored), Err(PasswordError::UnknownPepper));
            assert_eq!(without.computed(), before);
        }
    }

    #[test]
    fn the_pepper_is_in_the_tag_and_not_in_the_name_only() {
        let passwords = passwords(Some("a"), &[]);
        let stored = hash(&passwords);
        let (before, after) = stored.expose().split_once(",keyid=").unwrap();
        let (_, after) = after.split_once('$').unwrap();
        let unnamed = PasswordHash::new(format!("{before}${after}"));
        assert_eq!(check(&passwords, &unnamed), Ok(Check::Mismatch));
    }

    /// Made by argon2-cffi, whose `low_level.core` takes a secret: `d = hashlib.blake2b(b"passgate
    /// pepper, version 1\0" + b"a" * 32).digest()`, `secret = d[32:]`, `keyid = base64(d[:6])`.
    #[test]
    fn a_peppered_tag_is_argon2s_own_with_a_secret() {
        let stored = PasswordHash::new(VECTOR);
        assert_eq!(check(&passwords(Some("a"), &[]), &stored), MATCH);
    }

    const VECTOR: &str = "$argon2id$v=19$m=64,t=2,p=1,keyid=0O1bPWyS$c2FsdHNhbHRzYWx0c2FsdA$T8rBSs+jFGtkBCfJHe2J4cO0PkveTevE2i3U49oZj+k";

    #[test]
    fn a_short_secret_is_refused_and_nothing_is_shown() {
        let short = SecretString::from("hunter2".repeat(4));
        let error = Pepper::from_secret(&short).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        let shown = format!("{:?} {:?}", pepper("a"), passwords(Some("a"), &["b"]));
        assert!(
            shown.contains("REDACTED") && !shown.contains("aaaa"),
            "{shown}"
        );
    }
}
