//! Keys that sign tokens, as they are kept: the public half in the open, the private half sealed.

use std::fmt;

use time::OffsetDateTime;

/// A signing key at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// The key's name in a token's header: its RFC 7638 thumbprint.
    pub kid: String,
    /// The one algorithm that it signs with, by its JWA name.
    pub algorithm: String,
    /// The public half, as a JSON Web Key.
    pub public_jwk: String,
    /// The private half, encrypted. Useless without the secret that sealed it.
    pub sealed_private_key: Vec<u8>,
    /// Which secret sealed it (a fingerprint, not the secret).
    pub sealing_key_id: String,
    /// Whether it signs, or only verifies what it signed before.
    pub state: SigningKeyState,
    /// When it was made.
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

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// Signs new tokens. At most one key of an algorithm is active.
    Active,
    /// Signs nothing more, is still published: tokens that it signed are alive.
    Retired,
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn debug_does_not_show_the_sealed_key() {
        let key = StoredSigningKey {
            kid: "k1".into(),
            algorithm: "EdDSA".into(),
            public_jwk: "{}".into(),
            sealed_private_key: vec![222; 4],
            sealing_key_id: "s1".into(),
            state: SigningKeyState::Active,
            created_at: datetime!(2026-11-01 12:00 UTC),
        };
        assert!(!format!("{key:?}").contains("222"));
    }
}
