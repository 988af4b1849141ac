use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

/// The longest issuer, audience, subject or key id, in bytes.
const MAX_BYTES: usize = 255;

/// The text cannot be such a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it has to have 1 to {MAX_BYTES} bytes and no control characters")]
pub struct InvalidName;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// [`InvalidName`] if it is empty, too long or has control characters.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                if text.is_empty() || text.len() > MAX_BYTES || text.chars().any(char::is_control) {
                    return Err(InvalidName);
                }
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&&*self.0).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// Who makes tokens: the claim `iss`, compared character by character.
    IssuerId
    /// Whom tokens are for: the claim `aud`, compared character by character.
    Audience
    /// Whom a token is about: the claim `sub`.
    Subject
    /// A key's name: the header's `kid`.
    Kid
}

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(Duration);

/// The duration is no life for an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a token lives for whole seconds, from 1s to 24h")]
pub struct InvalidTtl;

impl Ttl {
    /// The longest life: what is alive longer than a day wants to be a session.
    pub const MAX: Duration = Duration::from_hours(24);

    /// Checks a duration.
    ///
    /// # Errors
    /// [`InvalidTtl`] outside 1 s to [`Ttl::MAX`], or with a fraction of a second.
    pub fn try_new(duration: Duration) -> Result<Self, InvalidTtl> {
        let whole = duration.subsec_nanos() == 0;
        if whole && (Duration::from_secs(1)..=Self::MAX).contains(&duration) {
            Ok(Self(duration))
        } else {
            Err(InvalidTtl)
        }
    }

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_neither_empty_nor_endless_nor_invisible() {
        for bad in ["", "a\nb", "a\0", &"a".repeat(256)] {
            assert_eq!(IssuerId::parse(bad), Err(InvalidName), "{bad:?}");
        }
        assert!(Subject::parse(&"a".repeat(255)).is_ok());
    }

    #[test]
    fn a_life_is_one_second_to_one_day() {
        for bad in [
            Duration::ZERO,
            Duration::from_millis(1500),
            Duration::from_secs(86_401),
        ] {
            assert_eq!(Ttl::try_new(bad), Err(InvalidTtl), "{bad:?}");
        }
        assert!(Ttl::try_new(Duration::from_hours(24)).is_ok());
    }
}
