use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::token::FIRST_PARTY_CLIENT;

/// The longest client id, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// What the subject of a client's own token begins with. No username does, so that no user can
/// be taken for a client, nor a client for a user (RFC 9068 section 5).
pub const SUBJECT_PREFIX: &str = "client:";

/// The name of a registered client, which stands in HTTP Basic, in URLs and in `client_id`
/// without being encoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text cannot name a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a client id has 1 to {MAX_ID_BYTES} characters of A-Z a-z 0-9 . _ ~ - and is not \
     {FIRST_PARTY_CLIENT}, which stands for no client"
)]
pub struct InvalidClientId;

impl ClientId {
    /// Checks a client's name: RFC 3986's unreserved characters.
    ///
    /// # Errors
    /// [`InvalidClientId`] if it is empty, too long, has other characters, or stands for no client.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '~' | '-');
        if text.is_empty() || text.len() > MAX_ID_BYTES || !text.chars().all(allowed) {
            return Err(InvalidClientId);
        }
        if text == FIRST_PARTY_CLIENT {
            return Err(InvalidClientId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The subject of the client's own tokens.
    pub fn subject(&self) -> String {
        format!("{SUBJECT_PREFIX}{self}")
    }

    /// The client whose own token has this subject.
    pub fn of_subject(subject: &str) -> Option<Self> {
        Self::parse(subject.strip_prefix(SUBJECT_PREFIX)?).ok()
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
        for bad in [
            "",
            "passgate",
            "a b",
            "a:b",
            "a/b",
            "a%b",
            "é",
            "a\n",
            &"a".repeat(129),
        ] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId), "{bad:?}");
        }
        for good in ["billing", "https~example.com", "a.b_c-d", "0"] {
            assert!(ClientId::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_subject_names_its_client_and_no_user() {
        let id = ClientId::parse("billing").unwrap();
        assert_eq!(id.subject(), "client:billing");
        assert_eq!(ClientId::of_subject(&id.subject()), Some(id));
        for other in ["billing", "client:", "client:a b", "Client:billing"] {
            assert_eq!(ClientId::of_subject(other), None, "{other}");
        }
    }
}
