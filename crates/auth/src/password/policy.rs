use passgate_domain::{Password, Username};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// What a new password has to be, after NIST SP 800-63B-4 section 3.1.1: long, and not the
/// username. Nothing is said about digits and punctuation, which make passwords worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The fewest characters (Unicode scalar values).
    pub min_chars: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { min_chars: 12 }
    }
}

/// What is wrong with a new password, in words for a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyViolation {
    /// It is too short.
    #[error("must have at least {min_chars} characters")]
    TooShort {
        /// The fewest characters.
        min_chars: usize,
    },
    /// It is the username, or hardly more.
    #[error("must not be the username")]
    IsUsername,
}

impl PolicyViolation {
    /// A name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::IsUsername => "is_username",
        }
    }
}

impl Policy {
    /// Holds a new password against the policy, and against the name that goes with it if there
    /// is one.
    ///
    /// # Errors
    /// [`PolicyViolation`], the first that applies.
    pub fn check(
        &self,
        password: &Password,
        username: Option<&Username>,
    ) -> Result<(), PolicyViolation> {
        let text = password.expose();
        // Of the form that is hashed.
        if text.nfc().count() < self.min_chars {
            return Err(PolicyViolation::TooShort {
                min_chars: self.min_chars,
            });
        }
        match username {
            Some(username) if is_hardly_more_than(username.key(), text) => {
                Err(PolicyViolation::IsUsername)
            }
            _ => Ok(()),
        }
    }
}

/// The name written several times, or with a mark at its end, is no better than the name.
fn is_hardly_more_than(name: &str, password: &str) -> bool {
    let rest = password.to_lowercase().replace(name, "");
    rest.len() < password.len() && rest.chars().filter(|c| c.is_alphanumeric()).count() < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str, username: &str) -> Result<(), PolicyViolation> {
        let password = Password::parse(password).unwrap();
        Policy::default().check(&password, Some(&Username::parse(username).unwrap()))
    }

    #[test]
    fn length_counts_characters_and_not_bytes() {
        assert!(check("twelve chars", "matt").is_ok());
        assert_eq!(
            check("eleven char", "matt"),
            Err(PolicyViolation::TooShort { min_chars: 12 })
        );
        assert!(check("éééééééééééé", "matt").is_ok());
        assert!(check("ééééééééééé", "matt").is_err());
        assert!(check(&"e\u{301}".repeat(6), "matt").is_err());
    }

    #[test]
    fn composition_is_free() {
        assert!(check("abcabcabcabc", "matt").is_ok());
        assert!(check("correct horse battery staple", "matt").is_ok());
    }

    #[test]
    fn the_username_is_no_password() {
        for bad in [
            "matthew.smith",
            "Matthew.Smith",
            "matthew.smith1!",
            "matthew.smithmatthew.smith",
        ] {
            assert_eq!(
                check(bad, "matthew.smith"),
                Err(PolicyViolation::IsUsername),
                "{bad}"
            );
        }
        assert!(check("matthew.smith likes tea", "matthew.smith").is_ok());
    }
}
