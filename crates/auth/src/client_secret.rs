//! Secrets of clients: made here, shown once, and kept as a SHA-256.
//!
//! A secret is 32 random bytes, which nobody guesses however fast the hash is: unlike a password it
//! needs no slow one. Comparing takes the same time whatever differs.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_domain::client::{ClientSecret, NewClientSecret, SecretDigest, SecretHint, Slot};
use thiserror::Error;
use zeroize::Zeroizing;

/// What every secret begins with, for people and for scanners of leaked secrets.
pub const PREFIX: &str = "pgc_";

/// How much randomness a secret has, in bytes: 256 bits.
const RANDOM_BYTES: usize = 32;

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no secret could be made: the operating system gave no randomness")]
pub struct NoRandomness;

/// A secret that was just made, to be shown once and kept nowhere. Redacted in `Debug`, wiped when
/// dropped.
pub struct IssuedSecret(Zeroizing<String>);

impl IssuedSecret {
    /// Makes a secret that nobody can guess.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
        rand::fill(&mut bytes[..]).map_err(|_| NoRandomness)?;
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 * RANDOM_BYTES));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&bytes[..], &mut text);
        Ok(Self(text))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn to_keep(&self) -> NewClientSecret {
        NewClientSecret {
            digest: digest(&self.0),
            hint: SecretHint::of(&self.0),
        }
    }
}

impl fmt::Debug for IssuedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedSecret([REDACTED])")
    }
}

/// What is kept of a secret, which is compared with what was kept.
fn digest(secret: &str) -> SecretDigest {
    let digest = digest::digest(&digest::SHA256, secret.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    SecretDigest::new(bytes)
}

/// Whether what is presented is one of the secrets kept. The work is the same for none, one and
/// two of them, and whatever is presented.
pub(crate) fn is_one_of(presented: &str, kept: &[ClientSecret]) -> bool {
    let presented = digest(presented);
    let nothing = SecretDigest::new([0; 32]);
    let mut is_one = false;
    for slot in Slot::ALL {
        let kept = kept.iter().find(|kept| kept.slot == slot);
        let against = kept.map_or(&nothing, |kept| &kept.digest);
        let is_equal = verify_slices_are_equal(presented.as_bytes(), against.as_bytes()).is_ok();
        is_one |= is_equal & kept.is_some();
    }
    is_one
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    fn kept(secret: &IssuedSecret, slot: Slot) -> ClientSecret {
        let NewClientSecret { digest, hint } = secret.to_keep();
        ClientSecret {
            slot,
            digest,
            hint,
            created_at: datetime!(2026-11-01 12:00 UTC),
        }
    }

    #[test]
    fn a_secret_is_long_recognisable_and_another_each_time() {
        let (one, other) = (
            IssuedSecret::generate().unwrap(),
            IssuedSecret::generate().unwrap(),
        );
        assert_ne!(one.expose(), other.expose());
        let random = one.expose().strip_prefix(PREFIX).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), RANDOM_BYTES);
        assert!(one.expose().ends_with(one.to_keep().hint.as_str()));
        assert!(!format!("{one:?}").contains(random));
    }

    /// FIPS 180-2, appendix B.1: what is in the database stays readable for later releases.
    #[test]
    fn what_is_kept_is_the_sha_256() {
        assert_eq!(digest("abc").as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf],);
    }

    #[test]
    fn either_secret_is_good_and_no_other() {
        let [first, second, third] = [(); 3].map(|()| IssuedSecret::generate().unwrap());
        let both = [kept(&first, Slot::First), kept(&second, Slot::Second)];
        assert!(is_one_of(first.expose(), &both));
        assert!(is_one_of(second.expose(), &both));
        assert!(!is_one_of(third.expose(), &both));
        assert!(!is_one_of(first.expose(), &both[1..]));
        assert!(is_one_of(second.expose(), &both[1..]));
        assert!(!is_one_of(first.expose(), &[]));
    }

    proptest! {
        #[test]
        fn nothing_like_a_secret_is_one(place in 0_usize..47, byte in 0x20_u8..0x7f, cut in 0_usize..47) {
            let secret = IssuedSecret::generate().unwrap();
            let held = [kept(&secret, Slot::Second)];
            let mut other = secret.expose().as_bytes().to_vec();
            other[place] = byte;
            let other = String::from_utf8(other).unwrap();
            prop_assert_eq!(is_one_of(&other, &held), other == secret.expose());
            prop_assert!(!is_one_of(&secret.expose()[..cut], &held));
            prop_assert!(!is_one_of(&secret.expose()[47 - cut..], &held));
            let longer = format!("{}A", secret.expose());
            prop_assert!(!is_one_of(&longer, &held));
        }
    }
}
