//! Errors of the crates below, as the caller sees them.

use std::time::Duration;

use passgate_auth::flows::{
    AnnounceError, ChangePasswordError, LogInError, RefreshError, RegisterError, SigningKeysError,
    TooManyGuesses,
};
use passgate_auth::jwt::IssueError;
use passgate_auth::password::PasswordError;
use passgate_domain::ports::StoreError;

use super::{ApiError, FieldError};
use crate::telemetry::NotOurs;

/// How long clients are told to wait when the database is away, in seconds.
const STORE_RETRY_AFTER: Duration = Duration::from_secs(2);

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable {
                what: "The database cannot be reached",
                retry_after: STORE_RETRY_AFTER,
                cause: Some(error.into()),
            },
            StoreError::Corrupt { .. } | StoreError::Internal(_) => Self::Internal(error.into()),
        }
    }
}

impl From<NotOurs> for ApiError {
    fn from(NotOurs: NotOurs) -> Self {
        Self::LogOfOthers
    }
}

impl From<TooManyGuesses> for ApiError {
    fn from(error: TooManyGuesses) -> Self {
        Self::TooManyGuesses(error)
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy { retry_after } => Self::Unavailable {
                what: "Too many passwords are being checked",
                retry_after,
                cause: None,
            },
            // Nobody is there to read it.
            PasswordError::Abandoned => Self::Unavailable {
                what: "The client went away",
                retry_after: Duration::from_secs(1),
                cause: None,
            },
            error => Self::Internal(error.into()),
        }
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::KeysUnavailable => Self::Unavailable {
                what: "There is no key to sign with",
                retry_after: STORE_RETRY_AFTER,
                cause: Some(error.into()),
            },
            error => Self::Internal(error.into()),
        }
    }
}

impl From<SigningKeysError> for ApiError {
    fn from(error: SigningKeysError) -> Self {
        match error {
            SigningKeysError::Store(error) => error.into(),
            SigningKeysError::OtherSecret { .. }
            | SigningKeysError::Damaged { .. }
            | SigningKeysError::Key(_)
            | SigningKeysError::Seal(_) => Self::Internal(error.into()),
        }
    }
}

impl From<AnnounceError> for ApiError {
    fn from(error: AnnounceError) -> Self {
        match error {
            AnnounceError::Announced { .. } => Self::KeyAnnounced(capitalised(&error.to_string())),
            AnnounceError::NoKey(_) => Self::Internal(error.into()),
            AnnounceError::Keys(error) => error.into(),
        }
    }
}

impl From<LogInError> for ApiError {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::Refused => Self::IncorrectUsernameOrPassword,
            LogInError::TooMany(error) => error.into(),
            LogInError::Client(error) => error.into(),
            LogInError::Scope { .. } => Self::InvalidScope(capitalised(&error.to_string())),
            LogInError::Password(error) => error.into(),
            LogInError::Issue(error) => error.into(),
            LogInError::Store(error) => error.into(),
        }
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Invalid => Self::InvalidRefreshToken,
            RefreshError::Client(error) => error.into(),
            RefreshError::Reused { session, user_id } => {
                tracing::warn!(%session, %user_id, "a used refresh token came back: session ended");
                Self::InvalidRefreshToken
            }
            RefreshError::Scope { .. } => Self::InvalidScope(capitalised(&error.to_string())),
            RefreshError::Issue(error) => error.into(),
            RefreshError::Store(error) => error.into(),
        }
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Incorrect => Self::Validation(vec![FieldError {
                field: "current_password",
                code: "incorrect",
                message: error.to_string(),
            }]),
            ChangePasswordError::Policy(violations) => {
                Self::Validation(FieldError::of_password("new_password", &violations))
            }
            ChangePasswordError::Breached(_) => Self::Internal(error.into()),
            ChangePasswordError::TooMany(error) => error.into(),
            ChangePasswordError::Password(error) => error.into(),
            ChangePasswordError::Store(error) => error.into(),
        }
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Policy(violations) => {
                Self::Validation(FieldError::of_password("password", &violations))
            }
            RegisterError::Breached(_) => Self::Internal(error.into()),
            RegisterError::Taken(field) => Self::Taken(field),
            RegisterError::Password(error) => error.into(),
            RegisterError::Store(error) => error.into(),
        }
    }
}

pub(super) fn capitalised(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
