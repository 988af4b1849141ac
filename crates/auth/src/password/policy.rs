mod common;
mod similar;

use std::fmt;
use std::io;
#[cfg(feature = "breached")]
use std::sync::Arc;

use passgate_domain::{Email, Password, User, Username};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// What a new password has to be, after NIST SP 800-63B-4 section 3.1.1: long, not one that many
/// people use, and not what everybody knows of its owner. Nothing is said about digits and
/// punctuation, which make passwords worse.
///
/// Begins with [`Policy::default`]: its fields are read, and set by the methods of their names.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Policy {
    /// The fewest characters (Unicode scalar values).
    pub min_chars: usize,
    /// Those that are known from breaches, if there is a file of them.
    #[cfg(feature = "breached")]
    pub breached: Option<Arc<super::BreachedPasswords>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min_chars: 12,
            #[cfg(feature = "breached")]
            breached: None,
        }
    }
}

/// What is known of the owner of a password, which the password must not be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Personal<'a> {
    /// The name to log in with.
    pub username: Option<&'a Username>,
    /// Where mail reaches the user.
    pub email: Option<&'a Email>,
    /// What people call the user.
    pub display_name: Option<&'a str>,
}

impl<'a> From<Option<&'a Username>> for Personal<'a> {
    fn from(username: Option<&'a Username>) -> Self {
        Self {
            username,
            ..Self::default()
        }
    }
}

impl<'a> From<&'a User> for Personal<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            username: Some(&user.username),
            email: user.email.as_ref(),
            display_name: user.display_name.as_deref(),
        }
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
    /// It is one of those that are tried first, or hardly more.
    #[error("must not be a password that many people use")]
    TooCommon,
    /// Somebody had it, and it is known to whoever guesses.
    #[error("must not be a password that is known from a data breach")]
    Breached,
    /// It is the username, or hardly more.
    #[error("must not be the username")]
    IsUsername,
    /// It is the email address, or hardly more.
    #[error("must not be the email address")]
    IsEmail,
    /// It is the display name, or hardly more.
    #[error("must not be the display name")]
    IsDisplayName,
}

impl PolicyViolation {
    /// A name for programs, which stays.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooCommon => "too_common",
            Self::Breached => "breached",
            Self::IsUsername => "is_username",
            Self::IsEmail => "is_email",
            Self::IsDisplayName => "is_display_name",
        }
    }
}

/// Everything that is wrong with a new password; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct PolicyViolations(Vec<PolicyViolation>);

impl PolicyViolations {
    /// One after another.
    pub fn iter(&self) -> impl Iterator<Item = PolicyViolation> {
        self.0.iter().copied()
    }
}

impl fmt::Display for PolicyViolations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the password ")?;
        for (at, violation) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { ", and " };
            write!(f, "{before}{violation}")?;
        }
        Ok(())
    }
}

/// A new password is not to be taken for what the file of breached ones says, or does not.
#[derive(Debug, Error)]
pub enum BreachCheckError {
    /// It is in the file.
    #[error(transparent)]
    Breached(#[from] PolicyViolations),
    /// The file cannot be read any more.
    #[error("the breached passwords cannot be read")]
    Unreadable(#[source] io::Error),
}

impl Policy {
    /// The fewest characters that a new password has; twelve unless set.
    #[must_use]
    pub fn min_chars(mut self, min_chars: usize) -> Self {
        self.min_chars = min_chars;
        self
    }

    /// Takes no new password that is in this file.
    #[cfg(feature = "breached")]
    #[must_use]
    pub fn breached(mut self, file: impl Into<Arc<super::BreachedPasswords>>) -> Self {
        self.breached = Some(file.into());
        self
    }

    /// Holds a new password against the file of breached ones, if there is one. Reads from it, which
    /// may take a while: [`Policy::check`], which does not, comes first.
    ///
    /// # Errors
    /// [`BreachCheckError`].
    pub fn check_breached(&self, password: &Password) -> Result<(), BreachCheckError> {
        #[cfg(feature = "breached")]
        let is_breached = match &self.breached {
            Some(file) => file
                .contains(password)
                .map_err(BreachCheckError::Unreadable)?,
            None => false,
        };
        #[cfg(not(feature = "breached"))]
        let is_breached = {
            let _ = password;
            false
        };
        if is_breached {
            return Err(PolicyViolations(vec![PolicyViolation::Breached]).into());
        }
        Ok(())
    }

    /// Holds a new password against the policy, and against what is known of its owner: a
    /// [`Personal`], or the username alone.
    ///
    /// # Errors
    /// [`PolicyViolations`], all that apply.
    pub fn check<'a>(
        &self,
        password: &Password,
        owner: impl Into<Personal<'a>>,
    ) -> Result<(), PolicyViolations> {
        let owner = owner.into();
        let text = password.expose();
        let min_chars = self.min_chars;
        let words = |words: Vec<String>| similar::is_hardly_more_than(&words, text);
        let violations: Vec<PolicyViolation> = [
            // Of the form that is hashed.
            (text.nfc().count() < min_chars).then_some(PolicyViolation::TooShort { min_chars }),
            owner
                .username
                .is_some_and(|name| words(similar::of_username(name.key())))
                .then_some(PolicyViolation::IsUsername),
            owner
                .email
                .is_some_and(|email| words(similar::of_email(email.key())))
                .then_some(PolicyViolation::IsEmail),
            owner
                .display_name
                .is_some_and(|name| words(similar::of_display_name(name)))
                .then_some(PolicyViolation::IsDisplayName),
            common::is_common(text).then_some(PolicyViolation::TooCommon),
        ]
        .into_iter()
        .flatten()
        .collect();
        if violations.is_empty() {
            Ok(())
        } else {
            Err(PolicyViolations(violations))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use passgate_domain::{UserId, UserStatus};
    use std::collections::BTreeSet;
    use time::OffsetDateTime;

    fn codes(password: &str, owner: Personal) -> Vec<&'static str> {
        let password = Password::parse(password).unwrap();
        match Policy::default().check(&password, owner) {
            Ok(()) => Vec::new(),
            Err(violations) => violations
                .iter()
                .map(|violation| violation.code())
                .collect(),
        }
    }

    fn check(password: &str, username: &str) -> Vec<&'static str> {
        codes(password, Some(&Username::parse(username).unwrap()).into())
    }

    const FINE: [&str; 0] = [];

    #[test]
    fn length_counts_characters_and_not_bytes() {
        assert_eq!(check("twelve chars", "matt"), FINE);
        assert_eq!(check("eleven char", "matt"), ["too_short"]);
        assert_eq!(check("éèéèéèéèéèéè", "matt"), FINE);
        assert_eq!(check("éèéèéèéèéèé", "matt"), ["too_short"]);
        assert_eq!(check(&"e\u{301}o\u{301}".repeat(3), "matt"), ["too_short"]);
    }

    #[test]
    fn how_long_is_long_enough_can_be_set() {
        let policy = Policy::default().min_chars(15);
        assert_eq!(policy.min_chars, 15);
        let check = |text: &str| policy.check(&Password::parse(text).unwrap(), None);
        assert!(check("fifteen letters").is_ok());
        let refused = check("fourteen chars").unwrap_err();
        let min_chars = 15;
        let violations: Vec<_> = refused.iter().collect();
        assert_eq!(violations, [PolicyViolation::TooShort { min_chars }]);
    }

    #[test]
    fn composition_is_free() {
        assert_eq!(check("lowercaseonly", "matt"), FINE);
        assert_eq!(check("correct horse battery staple", "matt"), FINE);
        assert_eq!(check("vier kleine häuser", "matt"), FINE);
        assert_eq!(check("8421 7730 9921", "matt"), FINE);
    }

    #[test]
    fn the_username_is_no_password() {
        for bad in [
            "matthew.smith",
            "Matthew.Smith",
            "matthew.smith1!",
            "matthew.smithmatthew.smith",
            "matthewsmith1984",
            "M4tthew_$mith!",
            "htims.wehttam",
        ] {
            assert_eq!(check(bad, "matthew.smith"), ["is_username"], "{bad}");
        }
        assert_eq!(check("matthew.smith likes tea", "matthew.smith"), FINE);
        assert_eq!(check("the mattress is blue", "matt"), FINE);
    }

    #[test]
    fn nor_are_the_email_address_and_the_display_name() {
        let email = Email::parse("Ada.Lovelace@analytical.example").unwrap();
        let owner = Personal {
            username: None,
            email: Some(&email),
            display_name: Some("Augusta Ada King"),
        };
        for bad in [
            "ada.lovelace@analytical.example",
            "AdaLovelace1815",
            "lovelaceanalytical",
            "analytical-2026",
        ] {
            assert_eq!(codes(bad, owner), ["is_email"], "{bad}");
        }
        for bad in ["AugustaAdaKing", "king augusta 12", "AUGUSTA-KING!"] {
            assert_eq!(codes(bad, owner), ["is_display_name"], "{bad}");
        }
        assert_eq!(codes("augusta paints engines", owner), FINE);
        assert_eq!(codes("analytical engines paint", owner), FINE);
    }

    #[test]
    fn all_that_is_known_of_a_user_counts() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let user = User {
            id: UserId::try_new(1).unwrap(),
            username: Username::parse("lady.byron").unwrap(),
            email: Some(Email::parse("Ada.Lovelace@analytical.example").unwrap()),
            display_name: Some("Augusta King".to_owned()),
            roles: BTreeSet::new(),
            status: UserStatus::Active,
            created_at: now,
            updated_at: now,
        };
        for (bad, code) in [
            ("lady.byron1815", "is_username"),
            ("ada.lovelace1815", "is_email"),
            ("augusta king 1815", "is_display_name"),
        ] {
            assert_eq!(codes(bad, (&user).into()), [code], "{bad}");
        }
    }

    #[cfg(feature = "breached")]
    #[test]
    fn what_is_in_the_file_of_breached_passwords_is_refused() {
        let path = std::env::temp_dir().join(format!("passgate-policy-{}", std::process::id()));
        // The SHA-1 of `correct horse battery staple`.
        std::fs::write(&path, "ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42:3\n").unwrap();
        let file = crate::password::BreachedPasswords::open(&path).unwrap();
        let (known, unknown) = ("correct horse battery staple", "wrong horse battery staple");
        let [known, unknown] = [known, unknown].map(|text| Password::parse(text).unwrap());
        let with_file = Policy::default().breached(file);
        assert!(with_file.check_breached(&unknown).is_ok());
        let refused = with_file.check_breached(&known).unwrap_err();
        assert!(refused.to_string().contains("data breach"), "{refused}");
        assert!(Policy::default().check_breached(&known).is_ok());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn common_passwords_are_found_in_their_disguises() {
        for bad in [
            "administrator",
            "Administrator",
            "ＡＤＭＩＮＩＳＴＲＡＴＯＲ",
            "1q2w3e4r5t6y",
            "123456789012",
            "password1234",
            "Password2026!",
            "!!P@ssw0rd!!",
            "$ummer202626",
            "passwordpassword",
            "Password123456789",
            "aaaaaaaaaaaa",
            "abcdefghijklmnop",
            "987654321098",
            " iloveyou 2026 ",
        ] {
            assert_eq!(check(bad, "matt"), ["too_common"], "{bad}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        assert_eq!(
            check("dragon", "dragon"),
            ["too_short", "is_username", "too_common"]
        );
        let password = Password::parse("dragon").unwrap();
        let name = Username::parse("dragon").unwrap();
        let violations = Policy::default().check(&password, Some(&name)).unwrap_err();
        assert_eq!(
            violations.to_string(),
            "the password must have at least 12 characters, and must not be the username, and must \
             not be a password that many people use"
        );
    }
}
