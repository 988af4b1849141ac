//! Scopes: what a token may be used for (RFC 6749 section 3.3).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest scope that a client may have, in bytes: tokens have 8 KiB at most.
pub const MAX_TOTAL_BYTES: usize = 2048;

/// The scope is too long for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a scope has at most {MAX_TOTAL_BYTES} bytes")]
pub struct TooMuchScope;

/// Checks the scope of a client: its own tokens may have all of it.
///
/// # Errors
/// [`TooMuchScope`].
pub fn check_scope(scope: &ScopeSet) -> Result<(), TooMuchScope> {
    if scope.to_string().len() > MAX_TOTAL_BYTES {
        return Err(TooMuchScope);
    }
    Ok(())
}

/// One scope token: visible ASCII without `"` and `\`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

/// The text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a scope is a list of words of visible ASCII without quotes and backslashes, each separated by one space"
)]
pub struct InvalidScope;

impl Scope {
    /// Read and change one's own account.
    pub const PROFILE: &'static str = "profile";
    /// Administer users, clients and keys. Only for holders of the role `admin`.
    pub const ADMIN: &'static str = "admin";
    /// Ask what any token is worth (RFC 7662). Only for holders of the role `admin`, and clients.
    pub const INTROSPECT: &'static str = "introspect";

    /// Checks one scope token.
    ///
    /// # Errors
    /// [`InvalidScope`] if it is empty or has a character outside RFC 6749's `scope-token`.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(InvalidScope);
        }
        Ok(Self(text.to_owned()))
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of scopes; on the wire, words separated by single spaces, in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Reads a `scope` parameter or claim. The empty text is the empty set.
    ///
    /// # Errors
    /// [`InvalidScope`] if a word is not a scope token or the spacing is off.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(' ')
            .map(Scope::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the set has this scope.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held.as_str() == scope)
    }

    /// Whether every scope of this set is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ScopeSet {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ScopeSet> for String {
    fn from(scopes: ScopeSet) -> Self {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_what_it_shows() {
        let scopes = ScopeSet::parse("profile admin profile").unwrap();
        assert_eq!(scopes.to_string(), "admin profile");
        assert_eq!(ScopeSet::parse(&scopes.to_string()), Ok(scopes));
        assert!(ScopeSet::parse("").unwrap().is_empty());
    }

    #[test]
    fn the_scope_of_a_client_fits_into_a_token() {
        let long = |bytes| ScopeSet::parse(&"a".repeat(bytes)).unwrap();
        assert_eq!(check_scope(&long(MAX_TOTAL_BYTES)), Ok(()));
        assert_eq!(check_scope(&long(MAX_TOTAL_BYTES + 1)), Err(TooMuchScope));
    }

    #[test]
    fn malformed_scopes_are_refused() {
        for bad in [" ", " a", "a ", "a  b", "a\"b", "a\\b", "é", "a\tb", "a\0"] {
            assert_eq!(ScopeSet::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }

    #[test]
    fn a_scope_is_held_whole_or_not_at_all() {
        let scopes = ScopeSet::parse("admin:read").unwrap();
        assert!(!scopes.contains("admin"));
        assert!(scopes.contains("admin:read"));
    }
}
