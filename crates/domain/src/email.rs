//! Email addresses.

use std::fmt;

use thiserror::Error;
use validator::ValidateEmail;

/// The longest address that can be in an SMTP envelope, in bytes (RFC 5321, erratum 1690).
pub const MAX_BYTES: usize = 254;

/// An email address: kept as given, compared without regard to ASCII case.
///
/// RFC 5321 lets a mail server tell `Matt@` from `matt@`; none in use does, and two accounts
/// that differ by it are always a mistake or an attack.
#[derive(Debug, Clone)]
pub struct Email {
    address: String,
    key: String,
}

/// The text is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an email address looks like name@example.com and has at most {MAX_BYTES} bytes")]
pub struct InvalidEmail;

impl Email {
    /// Checks the form that HTML's `<input type=email>` sends, which is ASCII: a domain of other letters is in
    /// its `xn--` form. In other forms one mailbox would be several addresses (UTS #46 maps many).
    ///
    /// # Errors
    /// [`InvalidEmail`] if the text is not of that form or is too long.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        if !text.is_ascii() {
            return Err(InvalidEmail);
        }
        Self::stored(text)
    }

    /// Takes an address that was taken before, perhaps when other letters were.
    ///
    /// # Errors
    /// [`InvalidEmail`] if the text was never one.
    pub fn stored(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > MAX_BYTES || !text.validate_email() {
            return Err(InvalidEmail);
        }
        Ok(Self {
            address: text.to_owned(),
            key: Self::key_of(text),
        })
    }

    /// The key of an address that begins with this text begins with this.
    pub(crate) fn key_of(text: &str) -> String {
        text.to_lowercase()
    }

    /// The address as given.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The form to compare by and to keep unique.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Email {}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_by_case_are_one_address() {
        assert_eq!(
            Email::parse("Matt@Example.com"),
            Email::parse("matt@example.com")
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "matt",
            "matt@",
            "@example.com",
            "a b@example.com",
            "a@b\0.com",
            "matt@\u{ff45}xample.com",
            "matt@exam\u{ad}ple.com",
            "matt@example\u{3002}com",
            "\u{17f}@example.com",
        ] {
            assert_eq!(Email::parse(bad), Err(InvalidEmail), "{bad:?}");
        }
        assert!(Email::stored("matt@b\u{fc}cher.example").is_ok());
        let long = format!("{}@example.com", "a".repeat(250));
        assert_eq!(Email::parse(&long), Err(InvalidEmail));
    }
}
