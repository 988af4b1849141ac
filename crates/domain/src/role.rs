//! Roles: what a user is, as embedding services read it from the `roles` claim.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest role, in bytes.
pub const MAX_BYTES: usize = 64;

/// The most that the roles of a user may take together, in bytes, three added to each for its place
/// in a token: tokens have 8 KiB at most.
pub const MAX_TOTAL_BYTES: usize = 2048;

/// The roles are too many for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("all roles together have at most {MAX_TOTAL_BYTES} bytes, with three added to each")]
pub struct TooManyRoles;

/// Checks the roles of one user: each token names all of them.
///
/// # Errors
/// [`TooManyRoles`].
pub fn check_roles(roles: &BTreeSet<Role>) -> Result<(), TooManyRoles> {
    let total: usize = roles.iter().map(|role| role.0.len() + 3).sum();
    if total > MAX_TOTAL_BYTES {
        return Err(TooManyRoles);
    }
    Ok(())
}

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
    fn the_roles_of_a_user_fit_into_a_token() {
        let roles = |count: usize| -> BTreeSet<Role> {
            let named = |i| Role::parse(&format!("{i:05}")).unwrap();
            (0..count).map(named).collect()
        };
        assert_eq!(check_roles(&roles(256)), Ok(()));
        assert_eq!(check_roles(&roles(257)), Err(TooManyRoles));
    }

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
