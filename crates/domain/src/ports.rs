//! What Passgate needs of a database, as traits.
//!
//! Every method is one atomic change or one consistent read, named for the use it serves: no
//! caller ever holds a transaction. Methods block; callers on an async runtime move them to a
//! thread where that is fine. "Not found" is `Ok(None)`, never an error.
//!
//! A method that takes an [`Act`](crate::audit::Act) writes down what it did in the same change: the deed that its
//! documentation names, and none if it changed nothing. Its present is [`Act::at`](crate::audit::Act::at).
//!
//! The words MUST and MUST NOT are the contract; `testing::contract` checks each of them
//! against any implementation.

mod audit;
mod clients;
mod guesses;
mod keys;
mod sessions;
mod users;

use std::error::Error as StdError;
use std::fmt;

use thiserror::Error;

pub use audit::AuditStore;
pub use clients::{AddedSecret, ClientStore, CreateClientError};
pub use guesses::{Guess, GuessStore, Opening, Prospect};
pub use keys::SigningKeyStore;
pub use sessions::SessionStore;
pub use users::{
    CreateUserError, ImportConflict, ImportSummary, ImportUsersError, UserQuery, UserStore,
};

/// Any error of a library below, for the log only.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// The store could not answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached, or has no connection free in time. Trying again later
    /// may work; whether a write that failed like this happened is unknown.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// What is stored breaks a rule of the domain: somebody else wrote there.
    #[error("table {table} holds an invalid {column} in row {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key, as text.
        row: String,
        /// The rule it breaks.
        #[source]
        cause: Cause,
    },
    /// The database refused the statement: a fault of ours.
    #[error("the database refused a statement")]
    Internal(#[source] Cause),
}

/// A field whose value must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UniqueField {
    /// The number of a user.
    Id,
    /// The key form of the username.
    Username,
    /// The key form of the email address.
    Email,
}

impl UniqueField {
    /// The field's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Username => "username",
            Self::Email => "email",
        }
    }
}

impl fmt::Display for UniqueField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
