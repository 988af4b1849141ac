//! Identifiers.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A user's number, as it stands in the `user_id` claim. Always positive, never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct UserId(i64);

/// The number cannot name a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a user id is a whole number from 1 to {max}, not {0}", max = UserId::MAX)]
pub struct InvalidUserId(pub i64);

impl UserId {
    /// The greatest number that every JSON parser reads as it was written: 2^53 - 1 (RFC 8259
    /// section 6).
    pub const MAX: i64 = 9_007_199_254_740_991;

    /// Wraps a number.
    ///
    /// # Errors
    /// [`InvalidUserId`] if it is not positive, or above [`UserId::MAX`].
    pub const fn try_new(id: i64) -> Result<Self, InvalidUserId> {
        if id > 0 && id <= Self::MAX {
            Ok(Self(id))
        } else {
            Err(InvalidUserId(id))
        }
    }

    /// The number itself.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<i64> for UserId {
    type Error = InvalidUserId;

    fn try_from(id: i64) -> Result<Self, Self::Error> {
        Self::try_new(id)
    }
}

impl From<UserId> for i64 {
    fn from(id: UserId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_negative_numbers_name_nobody() {
        assert_eq!(UserId::try_new(0), Err(InvalidUserId(0)));
        assert_eq!(UserId::try_new(-7), Err(InvalidUserId(-7)));
        let above = UserId::MAX + 1;
        assert_eq!(UserId::try_new(above), Err(InvalidUserId(above)));
        assert!(serde_json::from_str::<UserId>("-7").is_err());
        assert_eq!(UserId::try_new(1).map(UserId::get), Ok(1));
    }
}
