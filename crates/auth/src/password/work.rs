use std::sync::Arc;

use passgate_domain::Password;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::arena::Arena;
use super::engine::{Done, Work};
use super::pepper::Pepper;
use super::stored::{Argon2Hash, Stored};
use super::{Cost, PasswordError};

/// What [`Passwords`](super::Passwords) has done in an arena.
pub(super) enum Job {
    /// A new hash.
    Hash {
        password: Zeroizing<String>,
        cost: Cost,
        pepper: Option<Pepper>,
    },
    /// A comparison with a stored one.
    Check {
        stored: Arc<Stored>,
        normal: Zeroizing<String>,
        /// The password as it came, if that is not its normal form.
        typed: Option<Password>,
    },
}

impl Job {
    pub(super) fn hash(password: &Password, cost: Cost, pepper: Option<&Pepper>) -> Self {
        Self::Hash {
            password: nfc(password),
            cost,
            pepper: pepper.cloned(),
        }
    }

    pub(super) fn check(password: &Password, stored: Arc<Stored>) -> Self {
        let normal = nfc(password);
        let typed = (*normal != password.expose()).then(|| password.clone());
        Self::Check {
            stored,
            normal,
            typed,
        }
    }
}

impl Work for Job {
    fn run(self, arena: &mut Arena) -> Result<Done, PasswordError> {
        match self {
            Self::Hash {
                password,
                cost,
                pepper,
            } => {
                let hash = Argon2Hash::make(password.as_bytes(), cost, pepper, arena)?;
                hash.to_phc().map(Done::Hashed)
            }
            Self::Check {
                stored,
                normal,
                typed,
            } => Ok(Done::Checked {
                as_normal: stored.matches(normal.as_bytes(), arena)?,
                as_typed: match typed {
                    Some(typed) => stored.matches(typed.expose().as_bytes(), arena)?,
                    None => false,
                },
            }),
        }
    }
}

fn nfc(password: &Password) -> Zeroizing<String> {
    // Room for the whole, so that growing leaves no copies behind: NFC is at most three times
    // as long (Unicode Standard Annex 15, table 6).
    let mut normal = Zeroizing::new(String::with_capacity(3 * password.expose().len()));
    normal.extend(password.expose().nfc());
    normal
}
