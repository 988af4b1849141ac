use password_hash::phc::Output;
use pbkdf2::{Algorithm, Params, pbkdf2_hmac, pbkdf2_hmac_with_params};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{same, text};
use crate::password::{PasswordError, Scheme};

/// A hash of PBKDF2 (RFC 8018 section 5.2).
pub(in crate::password) struct Pbkdf2Hash {
    digest: Digest,
    rounds: u32,
    salt: Vec<u8>,
    tag: Output,
}

/// What HMAC is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    /// How long one block of output is, in bytes.
    const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// Four times what Django 5.2 takes: between half a second and three.
const MAX_ROUNDS: usize = 4_000_000;

/// The fewest rounds that the library's own parameters know.
const FEW: u32 = 1000;

impl Pbkdf2Hash {
    /// Holds the pieces of a hash against the ceiling.
    pub(super) fn try_new(
        digest: Digest,
        rounds: Option<u32>,
        salt: Option<Vec<u8>>,
        tag: Option<Vec<u8>>,
    ) -> Result<Self, PasswordError> {
        let rounds = rounds
            .filter(|rounds| *rounds > 0)
            .ok_or(PasswordError::Corrupt("its rounds are no number above 0"))?;
        let salt = salt.ok_or(PasswordError::Corrupt("its salt cannot be read"))?;
        let tag = text::tag(tag)?;
        // Each block of output costs all rounds.
        let work = (rounds as usize).saturating_mul(tag.len().div_ceil(digest.bytes()));
        if work > MAX_ROUNDS {
            return Err(PasswordError::LimitExceeded(
                "the rounds of PBKDF2 are above 4000000",
            ));
        }
        Ok(Self {
            digest,
            rounds,
            salt,
            tag,
        })
    }

    /// Reads a PHC string with the rounds in `i`, or passlib's string, where they stand alone.
    pub(super) fn parse(stored: &str) -> Result<Self, PasswordError> {
        let malformed = PasswordError::Corrupt("it is no PBKDF2 hash of four parts");
        let parts: Vec<&str> = stored.split('$').collect();
        let ["", scheme, params, salt, tag] = parts[..] else {
            return Err(malformed);
        };
        let digest = match scheme {
            "pbkdf2-sha256" => Digest::Sha256,
            "pbkdf2-sha512" => Digest::Sha512,
            _ => Digest::Sha1,
        };
        #[cfg(feature = "legacy-passlib")]
        if text::number(params).is_some() {
            let (salt, tag) = (text::adapted(salt), text::adapted(tag));
            return Self::try_new(digest, text::number(params), salt, tag);
        }
        let tag = text::unpadded(tag);
        let rounds = match text::values(params, ["i", "l"]) {
            Some([rounds, length]) => {
                let says = text::number(length).map(|length| length as usize);
                if tag.as_ref().map(Vec::len) != says {
                    return Err(PasswordError::Corrupt("its tag is not as long as it says"));
                }
                Some(rounds)
            }
            None => text::values(params, ["i"]).map(|[rounds]| rounds),
        };
        let rounds = rounds.and_then(text::number);
        Self::try_new(digest, rounds, text::unpadded(salt), tag)
    }

    pub(super) fn scheme(&self) -> Scheme {
        match self.digest {
            Digest::Sha1 => Scheme::Pbkdf2Sha1,
            Digest::Sha256 => Scheme::Pbkdf2Sha256,
            Digest::Sha512 => Scheme::Pbkdf2Sha512,
        }
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, PasswordError> {
        let mut computed = [0; Output::MAX_LENGTH];
        let computed = &mut computed[..self.tag.len()];
        let (salt, rounds) = (&self.salt, self.rounds);
        let algorithm = match self.digest {
            Digest::Sha1 => None,
            Digest::Sha256 => Some(Algorithm::Pbkdf2Sha256),
            Digest::Sha512 => Some(Algorithm::Pbkdf2Sha512),
        };
        match (algorithm, self.digest) {
            // Compiled in its own crate, which is optimised in debug builds, too.
            (Some(algorithm), _) if rounds >= FEW => {
                let params = Params::new(rounds).map_err(|_| PasswordError::Internal)?;
                pbkdf2_hmac_with_params(password, salt, algorithm, params, computed);
            }
            (_, Digest::Sha1) => pbkdf2_hmac::<Sha1>(password, salt, rounds, computed),
            (_, Digest::Sha256) => pbkdf2_hmac::<Sha256>(password, salt, rounds, computed),
            (_, Digest::Sha512) => pbkdf2_hmac::<Sha512>(password, salt, rounds, computed),
        }
        same(computed, &self.tag)
    }
}
