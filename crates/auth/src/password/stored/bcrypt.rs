use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use password_hash::phc::Output;
use zeroize::Zeroizing;

use super::{same, text};
use crate::password::{PasswordError, Scheme};

/// A hash of bcrypt, alone or of something that was made of the password first.
pub(in crate::password) struct BcryptHash {
    /// `$2x$` of a PHP before 5.3.7, which took characters beyond ASCII for negative numbers.
    signed: bool,
    cost: u32,
    salt: [u8; 16],
    tag: Output,
    reads: Reads,
}

/// What bcrypt is fed with.
pub(super) enum Reads {
    /// The password, of which it reads 72 bytes.
    Password,
    /// The SHA-256 of the password in hexadecimal, as Django has it.
    #[cfg(feature = "legacy-django")]
    Sha256Hex,
    /// The SHA-256 of the password in base64, as passlib had it.
    #[cfg(feature = "legacy-passlib")]
    Sha256Base64,
    /// The HMAC-SHA-256 of the password in base64, under the salt as it is written, as passlib
    /// has it.
    #[cfg(feature = "legacy-passlib")]
    HmacBase64(String),
}

/// About a second: two steps above the usual twelve.
const MAX_COST: u32 = 14;

/// How many bytes bcrypt reads, with the NUL after the last if there is room for it.
const READ: usize = 72;

/// bcrypt's own base64. 22 characters of salt and 31 of tag have a few bits too many, which some
/// implementations set.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

impl BcryptHash {
    /// Reads `$2b$12$` and 53 characters of salt and tag.
    pub(super) fn parse(stored: &str) -> Result<Self, PasswordError> {
        let malformed = PasswordError::Corrupt("it is no bcrypt hash of 60 characters");
        let parts: Vec<&str> = stored.split('$').collect();
        let ["", version, cost, salt_and_tag] = parts[..] else {
            return Err(malformed);
        };
        if cost.len() != 2 || !salt_and_tag.is_ascii() || salt_and_tag.len() != 53 {
            return Err(malformed);
        }
        let (salt, tag) = salt_and_tag.split_at(22);
        Self::try_new(version, cost, salt, tag, Reads::Password)
    }

    /// Holds the pieces of a hash against the ceiling.
    pub(super) fn try_new(
        version: &str,
        cost: &str,
        salt: &str,
        tag: &str,
        reads: Reads,
    ) -> Result<Self, PasswordError> {
        let malformed = PasswordError::Corrupt("its version, cost or salt is not one of bcrypt");
        let signed = match version {
            "2a" | "2b" | "2y" => false,
            "2x" => true,
            _ => return Err(malformed),
        };
        let cost = match text::number(cost).ok_or(malformed)? {
            0..4 => return Err(malformed),
            cost @ 4..=MAX_COST => cost,
            _ => {
                return Err(PasswordError::LimitExceeded(
                    "the cost of bcrypt is above 14",
                ));
            }
        };
        let salt = LENIENT.decode(salt).map_err(|_| malformed)?;
        Ok(Self {
            signed,
            cost,
            salt: salt.try_into().map_err(|_| malformed)?,
            tag: text::tag(LENIENT.decode(tag).ok().filter(|tag| tag.len() == 23))?,
            reads,
        })
    }

    /// The same, fed with something else.
    #[cfg(feature = "legacy-django")]
    pub(super) fn reading(self, reads: Reads) -> Self {
        Self { reads, ..self }
    }

    pub(super) fn scheme(&self) -> Scheme {
        match self.reads {
            Reads::Password => Scheme::Bcrypt,
            #[cfg(any(feature = "legacy-django", feature = "legacy-passlib"))]
            _ => Scheme::BcryptSha256,
        }
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, PasswordError> {
        let input = Zeroizing::new(match &self.reads {
            Reads::Password => password.to_vec(),
            #[cfg(feature = "legacy-django")]
            Reads::Sha256Hex => super::django::sha256_hex(password),
            #[cfg(feature = "legacy-passlib")]
            Reads::Sha256Base64 => super::passlib::sha256_base64(password),
            #[cfg(feature = "legacy-passlib")]
            Reads::HmacBase64(salt) => super::passlib::hmac_base64(salt, password)?,
        });
        let read = Zeroizing::new(if self.signed {
            read_signed(&input)
        } else {
            read(&input)
        });
        same(
            &bcrypt::bcrypt(self.cost, self.salt, &read)[..23],
            &self.tag,
        )
    }
}

/// The password and a NUL, cut off after 72 bytes: what every bcrypt reads.
fn read(password: &[u8]) -> Vec<u8> {
    let mut read: Vec<u8> = password.iter().copied().take(READ).collect();
    if read.len() < READ {
        read.push(0);
    }
    read
}

/// What `$2x$` read. Each of the 18 words of its key was put together with `|`, from bytes that
/// were signed: one beyond ASCII set every bit before it. Those words, written out, are a key
/// that an unbroken bcrypt reads in the same way.
fn read_signed(password: &[u8]) -> Vec<u8> {
    let key = [password, &[0]].concat();
    let mut bytes = key.iter().cycle();
    let words = (0..READ / 4).map(|_| {
        bytes.by_ref().take(4).fold(0_u32, |word, byte| {
            word << 8 | i32::from(byte.cast_signed()).cast_unsigned()
        })
    });
    words.flat_map(u32::to_be_bytes).collect()
}
