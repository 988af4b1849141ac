//! Keys that sign tokens: their life, and how they are kept, with the public half in the open and
//! the private half sealed.
//!
//! ```text
//! announced ──promote──▶ active ──retire──▶ retired ──remove──▶ (gone)
//!  published              signs              published
//! ```
//!
//! A key is published before it signs, so that whoever caches the published keys knows it by then;
//! and stays published after it signed, until no token of its is alive.

use std::fmt;

use thiserror::Error;
use time::{Duration, OffsetDateTime};

/// A signing key at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// The key's name in a token's header: its RFC 7638 thumbprint.
    pub kid: String,
    /// The one algorithm that it signs with, by its JWA name.
    pub algorithm: String,
    /// The public half, as a JSON Web Key.
    pub public_jwk: String,
    /// The private half, encrypted. Useless without the secret that sealed it; empty once the key
    /// is retired.
    pub sealed_private_key: Vec<u8>,
    /// Which secret sealed it (a fingerprint, not the secret).
    pub sealing_key_id: String,
    /// Where it stands in its life.
    pub state: SigningKeyState,
    /// When it was made, and published.
    pub created_at: OffsetDateTime,
}

impl fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// A stored key whose private half was encrypted with another secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ResealedKey {
    /// Which key.
    pub kid: String,
    /// Which secret sealed it so far.
    pub from: String,
    /// Which secret seals it now.
    pub sealing_key_id: String,
    /// The private half, encrypted with that.
    pub sealed_private_key: Vec<u8>,
}

impl fmt::Debug for ResealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResealedKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// How long a retired key stays published, at least: the longest life that an access token can
/// have (24 h), the greatest difference of clocks that a verifier may allow (5 min), and the
/// longest time for which a replica signs without having looked at the keys (1 min).
pub const KEPT_RETIRED: Duration = Duration::minutes(24 * 60 + 5 + 1);

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// Published, signs nothing yet.
    Announced {
        /// From when on it may sign.
        promotable_at: OffsetDateTime,
    },
    /// Signs new tokens. At most one key of an algorithm is active.
    Active {
        /// Since when.
        promoted_at: OffsetDateTime,
    },
    /// Signs nothing more, is still published: tokens that it signed are alive.
    Retired {
        /// Since when it signed.
        promoted_at: OffsetDateTime,
        /// Until when it signed.
        retired_at: OffsetDateTime,
    },
}

/// A key cannot take this step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidStep {
    /// Not yet.
    #[error("it is too early: {wait} to go")]
    TooEarly {
        /// How long to wait.
        wait: Duration,
    },
    /// The step is for keys in another state.
    #[error("the key is {is}, and has to be {wanted}")]
    WrongState {
        /// What it is.
        is: &'static str,
        /// What it would have to be.
        wanted: &'static str,
    },
}

const ANNOUNCED: &str = "announced";
const ACTIVE: &str = "active";
const RETIRED: &str = "retired";

impl SigningKeyState {
    /// A key that is published now and may sign after `publication`.
    pub fn announced(now: OffsetDateTime, publication: Duration) -> Self {
        Self::Announced {
            promotable_at: now + publication,
        }
    }

    /// A key that signs from now on, known to nobody: the first of all, or the one that follows a
    /// key that leaked.
    pub const fn active(now: OffsetDateTime) -> Self {
        Self::Active { promoted_at: now }
    }

    /// The state's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Announced { .. } => ANNOUNCED,
            Self::Active { .. } => ACTIVE,
            Self::Retired { .. } => RETIRED,
        }
    }

    /// Whether the key signs.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }

    /// Whether the key is going to sign.
    pub const fn is_announced(&self) -> bool {
        matches!(self, Self::Announced { .. })
    }

    /// Makes an announced key sign.
    ///
    /// # Errors
    /// [`InvalidStep`] if it was not published for long enough, or is not announced.
    pub fn promote(self, now: OffsetDateTime) -> Result<Self, InvalidStep> {
        match self {
            Self::Announced { promotable_at } => {
                due(promotable_at, now)?;
                Ok(Self::active(now))
            }
            Self::Active { .. } | Self::Retired { .. } => Err(self.is_not(ANNOUNCED)),
        }
    }

    /// Keeps the active key from signing.
    ///
    /// # Errors
    /// [`InvalidStep::WrongState`] if it is not active.
    pub fn retire(self, now: OffsetDateTime) -> Result<Self, InvalidStep> {
        match self {
            Self::Active { promoted_at } => Ok(Self::Retired {
                promoted_at,
                retired_at: now,
            }),
            Self::Announced { .. } | Self::Retired { .. } => Err(self.is_not(ACTIVE)),
        }
    }

    /// Looks whether a retired key may go.
    ///
    /// # Errors
    /// [`InvalidStep`] if a token that it signed may be alive, or it is not retired.
    pub fn remove(self, now: OffsetDateTime) -> Result<(), InvalidStep> {
        match self.removable_at() {
            Some(at) => due(at, now),
            None => Err(self.is_not(RETIRED)),
        }
    }

    /// From when on a retired key may go.
    pub fn removable_at(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Retired { retired_at, .. } => Some(*retired_at + KEPT_RETIRED),
            Self::Announced { .. } | Self::Active { .. } => None,
        }
    }

    const fn is_not(&self, wanted: &'static str) -> InvalidStep {
        InvalidStep::WrongState {
            is: self.name(),
            wanted,
        }
    }
}

fn due(at: OffsetDateTime, now: OffsetDateTime) -> Result<(), InvalidStep> {
    if now >= at {
        Ok(())
    } else {
        Err(InvalidStep::TooEarly { wait: at - now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
    const TICK: Duration = Duration::microseconds(1);

    #[test]
    fn a_key_signs_after_its_publication_and_not_a_moment_before() {
        let announced = SigningKeyState::announced(NOW, Duration::MINUTE);
        let due = NOW + Duration::MINUTE;
        assert_eq!(
            announced.promote(due - TICK),
            Err(InvalidStep::TooEarly { wait: TICK })
        );
        assert_eq!(announced.promote(due), Ok(SigningKeyState::active(due)));
    }

    #[test]
    fn a_key_goes_when_no_token_of_its_is_alive_and_not_a_moment_before() {
        let retired = SigningKeyState::active(NOW).retire(NOW).unwrap();
        let due = retired.removable_at().unwrap();
        assert_eq!(due, NOW + KEPT_RETIRED);
        assert_eq!(
            retired.remove(due - TICK),
            Err(InvalidStep::TooEarly { wait: TICK })
        );
        assert_eq!(retired.remove(due), Ok(()));
    }

    #[test]
    fn no_step_is_left_out_or_taken_back() {
        let announced = SigningKeyState::announced(NOW, Duration::ZERO);
        let active = announced.promote(NOW).unwrap();
        let retired = active.retire(NOW).unwrap();
        let late = NOW + KEPT_RETIRED;
        for (step, is, wanted) in [
            (announced.retire(late), "announced", "active"),
            (active.promote(late), "active", "announced"),
            (retired.promote(late), "retired", "announced"),
            (retired.retire(late), "retired", "active"),
            (
                announced.remove(late).map(|()| announced),
                "announced",
                "retired",
            ),
            (active.remove(late).map(|()| active), "active", "retired"),
        ] {
            assert_eq!(step, Err(InvalidStep::WrongState { is, wanted }));
        }
    }

    #[test]
    fn debug_does_not_show_the_sealed_key() {
        let key = StoredSigningKey {
            kid: "k1".into(),
            algorithm: "EdDSA".into(),
            public_jwk: "{}".into(),
            sealed_private_key: vec![222; 4],
            sealing_key_id: "s1".into(),
            state: SigningKeyState::active(NOW),
            created_at: NOW,
        };
        assert!(!format!("{key:?}").contains("222"));
        let resealed = ResealedKey {
            kid: "k1".into(),
            from: "s1".into(),
            sealing_key_id: "s2".into(),
            sealed_private_key: vec![222; 4],
        };
        assert!(!format!("{resealed:?}").contains("222"));
    }
}
