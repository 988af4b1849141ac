use std::fmt;
use std::sync::Arc;

use passgate_domain::signing_key::SigningKeyState;
use time::OffsetDateTime;

use super::super::{Kid, SigningKey, VerifyingKey};

/// A key in a ring: what it verifies with, where it stands in its life, and, if it signs or is
/// going to, its private half.
#[derive(Clone)]
pub struct HeldKey {
    pub(super) verifying: VerifyingKey,
    pub(super) signing: Option<Arc<SigningKey>>,
    pub(super) state: SigningKeyState,
}

impl HeldKey {
    /// A key with its private half.
    pub fn signing(key: Arc<SigningKey>, state: SigningKeyState) -> Self {
        Self {
            verifying: key.verifying_key(),
            signing: Some(key),
            state,
        }
    }

    /// A key that is published only.
    pub fn verifying(key: VerifyingKey, state: SigningKeyState) -> Self {
        Self {
            verifying: key,
            signing: None,
            state,
        }
    }

    /// Its name.
    pub fn kid(&self) -> &Kid {
        self.verifying.kid()
    }

    /// Where it stands in its life.
    pub fn state(&self) -> SigningKeyState {
        self.state
    }

    /// Its private half.
    #[cfg(feature = "flows")]
    pub(crate) fn private(&self) -> Option<&Arc<SigningKey>> {
        self.signing.as_ref()
    }

    /// The private half, if the key signs.
    pub(super) fn signer(&self) -> Option<&Arc<SigningKey>> {
        self.signing.as_ref().filter(|_| self.state.is_active())
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.verifying.is(&other.verifying)
            && self.state == other.state
            && self.signing.is_some() == other.signing.is_some()
    }
}

impl fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldKey")
            .field("kid", self.kid())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// For how long a copy of keys that are kept elsewhere is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Until when others may cache the published keys. After that, the store may have announced a
    /// key that the copy lacks.
    pub cached_until: OffsetDateTime,
    /// Until when the ring signs. After that, the store may have removed the key that it signs
    /// with. It verifies on.
    pub signs_until: OffsetDateTime,
}
