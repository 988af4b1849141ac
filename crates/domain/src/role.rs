//! Roles: what a user is, as embedding services read it from the `roles` claim.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest role, in bytes.
pub const MAX_BYTES: usize = 64;

/// The name of a role. Passgate itself knows only [`Role::ADMIN`]; the others are the business
/// of the services that read them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Role(String);

/// The text cannot name a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a role has 1 to {MAX_BYTES} characters of A-Z a-z 0-9 . _ : -")]
pub struct InvalidRole;

impl Role {
    /// The role that may ask for the scope `admin`.
    pub const ADMIN: &'static str = "admin";

    /// Checks a role's name.
    ///
    /// # Errors
    /// [`InvalidRole`] if it is empty, too long or has other characters than allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidRole> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
        if text.is_empty() || text.len() > MAX_BYTES || !text.chars().all(allowed) {
            return Err(InvalidRole);
        }
        Ok(Self(text.to_owned()))
    }

    /// The role of administrators.
    pub fn admin() -> Self {
        Self(Self::ADMIN.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Role {
    type Error = InvalidRole;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_cannot_break_out_of_a_header_or_a_list() {
        for bad in ["", "a b", "a,b", "a\nb", "é", &"a".repeat(65)] {
            assert_eq!(Role::parse(bad), Err(InvalidRole), "{bad:?}");
        }
        for good in ["admin", "billing:read", "Editor", "a.b-c_d"] {
            assert!(Role::parse(good).is_ok(), "{good}");
        }
    }
}
