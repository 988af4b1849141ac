//! Names that people log in with.

use std::fmt;
use std::hash::{Hash, Hasher};

use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};
use thiserror::Error;

use crate::client::SUBJECT_PREFIX;

/// The longest username, in bytes of UTF-8: what fits the `sub` claim of common verifiers.
pub const MAX_BYTES: usize = 255;

/// A username in two forms: the one to show, and the one to compare.
///
/// Both are enforced by PRECIS (RFC 8265): the display form by `UsernameCasePreserved`, the
/// key by `UsernameCaseMapped`, so `Matt`, `matt` and full-width `ｍａｔｔ` are one name.
/// Equality, order and hash use the key. No username begins with `client:`, as the subjects of
/// clients do. As the RFC allows, a username is one or more parts
/// with single spaces between them.
///
/// ```
/// use passgate_domain::Username;
///
/// let name = Username::parse("Matt").unwrap();
/// assert_eq!(name.as_str(), "Matt");
/// assert_eq!(name.key(), "matt");
/// assert_eq!(name, Username::parse("ｍａｔｔ").unwrap());
/// ```
#[derive(Debug, Clone)]
pub struct Username {
    display: String,
    key: String,
}

/// Why a text is not a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUsername {
    /// Nothing was given.
    #[error("a username cannot be empty")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("a username is at most {MAX_BYTES} bytes of UTF-8, this one has {bytes}")]
    TooLong {
        /// What was given, in bytes.
        bytes: usize,
    },
    /// It starts or ends with a space, or has two in a row.
    #[error("a username has single spaces between its parts and none at its ends")]
    Spaces,
    /// A character that PRECIS does not allow in an identifier.
    #[error(
        "a username has letters, digits and ASCII punctuation; control characters, symbols and \
         mixed right-to-left text are not allowed (RFC 8265)"
    )]
    Character,
    /// It begins as the subject of a client does.
    #[error("a username does not begin with {SUBJECT_PREFIX}, which names clients")]
    Client,
}

impl Username {
    /// Brings a text to its display form and its key.
    ///
    /// # Errors
    /// [`InvalidUsername`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidUsername> {
        if text.is_empty() {
            return Err(InvalidUsername::Empty);
        }
        check_length(text)?;
        if text.split(' ').any(str::is_empty) {
            return Err(InvalidUsername::Spaces);
        }
        let display = enforce_until_stable(text, |part| {
            UsernameCasePreserved::enforce(part).ok().map(String::from)
        })?;
        let key = enforce_until_stable(&display, |part| {
            let mapped = UsernameCaseMapped::enforce(part).ok()?;
            UsernameCasePreserved::enforce(mapped)
                .ok()
                .map(String::from)
        })?;
        // Case mapping can lengthen a text: both forms have to fit.
        check_length(&display)?;
        check_length(&key)?;
        if key.starts_with(SUBJECT_PREFIX) {
            return Err(InvalidUsername::Client);
        }
        Ok(Self { display, key })
    }

    /// The form to show, and the `sub` claim.
    pub fn as_str(&self) -> &str {
        &self.display
    }

    /// The form to compare by and to keep unique.
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn check_length(text: &str) -> Result<(), InvalidUsername> {
    if text.len() > MAX_BYTES {
        return Err(InvalidUsername::TooLong { bytes: text.len() });
    }
    Ok(())
}

/// Applies a profile's rules until they change nothing more, as RFC 8264 section 7 asks: a few
/// characters take a second round, and a text that three rounds do not settle is refused.
fn enforce_until_stable(
    text: &str,
    enforce: impl Fn(&str) -> Option<String>,
) -> Result<String, InvalidUsername> {
    let mut current = text.to_owned();
    for _ in 0..=3 {
        let parts: Option<Vec<String>> = current.split(' ').map(&enforce).collect();
        let next = parts.ok_or(InvalidUsername::Character)?.join(" ");
        if next == current {
            return Ok(next);
        }
        current = next;
    }
    Err(InvalidUsername::Character)
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Username {}

impl Hash for Username {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> String {
        Username::parse(text).unwrap().key().to_owned()
    }

    #[test]
    fn names_that_differ_by_case_or_width_are_one_name() {
        for variant in ["matt", "Matt", "MATT", "ｍａｔｔ", "ＭＡＴＴ"] {
            assert_eq!(key(variant), "matt", "{variant}");
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_name() {
        assert_eq!(key("rene\u{301}"), key("ren\u{e9}"));
    }

    #[test]
    fn the_display_form_keeps_its_case() {
        let name = Username::parse("Ada Lovelace").unwrap();
        assert_eq!(name.as_str(), "Ada Lovelace");
        assert_eq!(name.key(), "ada lovelace");
    }

    #[test]
    fn names_of_existing_apps_are_accepted() {
        for name in [
            "matt",
            "matt@example.com",
            "a.b-c_d+e",
            "Юзер",
            "用户",
            "user 1",
        ] {
            assert!(Username::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        assert_eq!(Username::parse("").unwrap_err(), InvalidUsername::Empty);
        for spaced in [" matt", "matt ", "a  b", " "] {
            assert_eq!(
                Username::parse(spaced).unwrap_err(),
                InvalidUsername::Spaces
            );
        }
        for bad in ["a\0b", "a\tb", "a\nb", "😀", "a\u{200b}b", "a\u{a0}b"] {
            assert_eq!(
                Username::parse(bad).unwrap_err(),
                InvalidUsername::Character,
                "{bad:?}"
            );
        }
        assert_eq!(
            Username::parse(&"a".repeat(256)).unwrap_err(),
            InvalidUsername::TooLong { bytes: 256 }
        );
        assert!(Username::parse(&"a".repeat(255)).is_ok());
    }

    #[test]
    fn no_user_can_be_taken_for_a_client() {
        for name in ["client:billing", "Client:x", "CLIENT:", "ｃｌｉｅｎｔ：ａ"] {
            assert_eq!(
                Username::parse(name).unwrap_err(),
                InvalidUsername::Client,
                "{name}"
            );
        }
        for name in ["client", "clients:billing", "a client:b"] {
            assert!(Username::parse(name).is_ok(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn both_forms_are_stable(text in "\\PC{1,24}") {
            if let Ok(name) = Username::parse(&text) {
                let again = Username::parse(name.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), name.as_str());
                prop_assert_eq!(again.key(), name.key());
                let from_key = Username::parse(name.key()).unwrap();
                prop_assert_eq!(from_key.key(), name.key());
            }
        }
    }
}
