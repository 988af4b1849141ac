use std::fmt;

use thiserror::Error;
use time::OffsetDateTime;

/// Where a secret of a client is kept. There are two, so that a client can be given the next
/// secret while the one before it is still in use: add, deploy, remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The first.
    First,
    /// The second.
    Second,
}

/// The number names no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a secret is in slot 1 or 2")]
pub struct NoSuchSlot;

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// 1 or 2.
    pub const fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl std::str::FromStr for Slot {
    type Err = NoSuchSlot;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1" => Ok(Self::First),
            "2" => Ok(Self::Second),
            _ => Err(NoSuchSlot),
        }
    }
}

/// What is stored of a secret: its SHA-256, which proves a secret and makes none. Redacted in
/// `Debug`.
///
/// No slow hash is needed, as it is for passwords: a secret has 256 random bits, so that nobody
/// tries them all however fast the hash is, and a client proves itself with every token.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Wraps a SHA-256.
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The SHA-256. Compare it in constant time.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest([REDACTED])")
    }
}

/// What a secret is recognised by: its last characters. Of 43 that were chosen at random, 39 stay
/// unknown, 234 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHint(String);

impl SecretHint {
    /// How many characters it has at most.
    pub const LENGTH: usize = 4;

    /// The last characters of a secret.
    pub fn of(secret: &str) -> Self {
        let start = secret.char_indices().rev().nth(Self::LENGTH - 1);
        Self(secret[start.map_or(0, |(start, _)| start)..].to_owned())
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is kept of a secret that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClientSecret {
    /// What proves it.
    pub digest: SecretDigest,
    /// What it is recognised by.
    pub hint: SecretHint,
}

/// What is kept of a client's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// Where it is.
    pub slot: Slot,
    /// What proves it.
    pub digest: SecretDigest,
    /// What it is recognised by.
    pub hint: SecretHint,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_the_end_of_a_secret_at_most() {
        assert_eq!(SecretHint::of("pgc_abcdefgh").as_str(), "efgh");
        assert_eq!(SecretHint::of("abc").as_str(), "abc");
        assert_eq!(SecretHint::of("").as_str(), "");
    }

    #[test]
    fn slots_are_one_and_two() {
        for slot in Slot::ALL {
            assert_eq!(slot.to_string().parse(), Ok(slot));
        }
        for bad in ["0", "3", "", "01"] {
            assert_eq!(bad.parse::<Slot>(), Err(NoSuchSlot), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_digest() {
        assert!(!format!("{:?}", SecretDigest::new([77; 32])).contains("77"));
    }
}
