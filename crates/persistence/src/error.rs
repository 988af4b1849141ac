//! Errors of Diesel and r2d2, as the domain knows them.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use passgate_domain::ports::{Cause, CreateUserError, ImportUsersError, StoreError, UniqueField};
use thiserror::Error;

/// What goes wrong between a pool and a row; the `?` of this crate leads here.
#[derive(Debug, Error)]
pub(crate) enum PgError {
    #[error(transparent)]
    Diesel(#[from] DieselError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PgError {
    /// Whether the server's disk is full.
    pub(crate) fn is_of_full_disk(&self) -> bool {
        matches!(
            self,
            Self::Diesel(DieselError::DatabaseError(_, information))
                if information.message().contains(NO_SPACE)
        )
    }

    /// Whether the server takes no writes.
    pub(crate) fn is_of_read_only_server(&self) -> bool {
        matches!(
            self,
            Self::Diesel(DieselError::DatabaseError(
                DatabaseErrorKind::ReadOnlyTransaction,
                _
            ))
        )
    }

    /// Whether the connection is of no more use.
    pub(crate) fn is_of_connection(&self) -> bool {
        match self {
            Self::Diesel(DieselError::DatabaseError(kind, information)) => {
                is_closed(*kind, information.message())
            }
            Self::Diesel(DieselError::BrokenTransactionManager) => true,
            _ => false,
        }
    }
}

fn is_closed(kind: DatabaseErrorKind, message: &str) -> bool {
    match kind {
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => true,
        _ => [
            "terminating connection",
            "server closed the connection",
            "no connection to the server",
            "SSL connection has been closed",
            "could not receive data from server",
            "could not send data to server",
        ]
        .iter()
        .any(|part| message.contains(part)),
    }
}

/// What an operating system calls a full disk.
const NO_SPACE: &str = "No space left";

/// Whether trying later may help: the server is not what it has to be just now.
fn is_unavailable(kind: DatabaseErrorKind, message: &str) -> bool {
    is_closed(kind, message)
        || matches!(
            kind,
            DatabaseErrorKind::ReadOnlyTransaction | DatabaseErrorKind::SerializationFailure
        )
        || [
            "canceling statement",
            "the database system is",
            NO_SPACE,
            "deadlock detected",
        ]
        .iter()
        .any(|part| message.contains(part))
}

impl From<PgError> for StoreError {
    fn from(error: PgError) -> Self {
        match error {
            PgError::Store(error) => error,
            PgError::Diesel(DieselError::DatabaseError(kind, information))
                if is_unavailable(kind, information.message()) =>
            {
                Self::Unavailable(DieselError::DatabaseError(kind, information).into())
            }
            PgError::Diesel(DieselError::BrokenTransactionManager) => {
                Self::Unavailable(DieselError::BrokenTransactionManager.into())
            }
            PgError::Diesel(error) => Self::Internal(error.into()),
        }
    }
}

impl From<PgError> for CreateUserError {
    fn from(error: PgError) -> Self {
        match &error {
            PgError::Diesel(DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation,
                information,
            )) => match taken(information.constraint_name()) {
                Some(field) => Self::Taken(field),
                None => Self::Store(error.into()),
            },
            _ => Self::Store(error.into()),
        }
    }
}

impl From<PgError> for ImportUsersError {
    fn from(error: PgError) -> Self {
        Self::Store(error.into())
    }
}

/// What is stored breaks a rule of the domain.
pub(crate) fn corrupt(
    table: &'static str,
    column: &'static str,
    row: &dyn fmt::Display,
    cause: Cause,
) -> StoreError {
    StoreError::Corrupt {
        table,
        column,
        row: row.to_string(),
        cause,
    }
}

/// Constraints whose breach is the caller's business, by the names that the migrations give them.
fn taken(constraint: Option<&str>) -> Option<UniqueField> {
    match constraint? {
        "users_username_key_unique" => Some(UniqueField::Username),
        "users_email_key_unique" => Some(UniqueField::Email),
        "users_pkey" => Some(UniqueField::Id),
        _ => None,
    }
}
