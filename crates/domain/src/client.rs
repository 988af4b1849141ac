//! Clients: programs that get tokens, for their users or for themselves.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest client id, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// The name of a registered client, which stands in HTTP Basic, in URLs and in `client_id`
/// without being encoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text cannot name a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a client id has 1 to {MAX_ID_BYTES} characters of A-Z a-z 0-9 . _ ~ -")]
pub struct InvalidClientId;

impl ClientId {
    /// Checks a client's name: RFC 3986's unreserved characters.
    ///
    /// # Errors
    /// [`InvalidClientId`] if it is empty, too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '~' | '-');
        if text.is_empty() || text.len() > MAX_ID_BYTES || !text.chars().all(allowed) {
            return Err(InvalidClientId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidClientId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_needs_no_encoding_anywhere() {
        for bad in ["", "a b", "a:b", "a/b", "a%b", "é", "a\n", &"a".repeat(129)] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId), "{bad:?}");
        }
        for good in ["billing", "https~example.com", "a.b_c-d", "0"] {
            assert!(ClientId::parse(good).is_ok(), "{good}");
        }
    }
}
