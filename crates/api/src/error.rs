//! Every error that leaves over HTTP.
//!
//! No `match` here, in `from` or in `parts` has a wildcard arm: a new variant anywhere below does not compile until
//! somebody decides its status. Causes are logged once, with the request id, and never sent.

mod clients;
mod from;
mod parts;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use passgate_auth::flows::TooManyGuesses;
use passgate_auth::jwt::{Forbidden, VerifyError};
use passgate_auth::password::PolicyViolations;
use passgate_domain::client::Grant;
use passgate_domain::ports::{Cause, UniqueField};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use parts::Parts;

/// A field of a request that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people. Never repeats the value.
    pub message: String,
}

impl FieldError {
    /// Everything that is wrong with a new password.
    pub fn of_password(field: &'static str, violations: &PolicyViolations) -> Vec<Self> {
        let errors = violations.iter().map(|violation| Self {
            field,
            code: violation.code(),
            message: violation.to_string(),
        });
        errors.collect()
    }
}

/// An error as the caller sees it.
#[derive(Debug)]
pub enum ApiError {
    /// The log-in failed, and nobody is told why.
    IncorrectUsernameOrPassword,
    /// The refresh token is good for nothing (any more).
    InvalidRefreshToken,
    /// The request breaks the rules of its OAuth grant.
    InvalidRequest(Cow<'static, str>),
    /// The `grant_type` is none of ours.
    UnsupportedGrantType,
    /// The scope is malformed, unknown, or not the user's to have.
    InvalidScope(String),
    /// The client does not prove who it is.
    InvalidClient(&'static str),
    /// The client may not get tokens this way.
    UnauthorizedClient(Grant),
    /// The token was given to another client.
    OtherClientsToken,
    /// Tokens of this kind cannot be revoked.
    UnsupportedTokenType,
    /// The body is not what its content type says, or lacks something.
    Malformed(String),
    /// Fields that cannot be taken; all of them at once.
    Validation(Vec<FieldError>),
    /// Somebody else has it.
    Taken(UniqueField),
    /// Accounts are made by administrators only.
    RegistrationClosed,
    /// There is no token where one is needed.
    NotAuthenticated,
    /// The token is not good (any more).
    Token(VerifyError),
    /// The token is good, and not for this.
    Forbidden(Forbidden),
    /// The token's session has ended, or its user or client is gone or disabled.
    SessionEnded,
    /// The token is a client's own, and the path is for users.
    NoAccount,
    /// The caller has no such session.
    NoSuchSession,
    /// There is no such user, or none any more.
    NoSuchUser,
    /// An administrator would lock themselves out.
    OwnAccount,
    /// There is no such client.
    NoSuchClient,
    /// The client has no secret in this slot.
    NoSuchSecret,
    /// There is a client of this id already.
    ClientTaken,
    /// The client has two secrets already.
    TwoSecrets,
    /// A key is announced already, and does not sign yet.
    KeyAnnounced(String),
    /// Tokens are signed with a shared secret, which has no keys.
    NoSigningKeys,
    /// The log belongs to the program that the server is a part of.
    LogOfOthers,
    /// Only some networks may ask, and the request comes from none of them.
    FromElsewhere,
    /// There is nothing at this path.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed {
        /// The methods it has, as an `Allow` header lists them.
        allow: &'static str,
    },
    /// The body is of another type.
    UnsupportedMediaType {
        /// The type that the path takes.
        expected: &'static str,
    },
    /// The body is too long.
    BodyTooLarge {
        /// How long it may be, in bytes.
        limit: usize,
    },
    /// The header fields are too long.
    HeadersTooLarge {
        /// How long they may be together, in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    BodyTimeout,
    /// Too many guesses were wrong: this one was not looked at.
    TooManyGuesses(TooManyGuesses),
    /// Not now: try again later.
    Unavailable {
        /// What is missing, for the caller.
        what: &'static str,
        /// When to try again.
        retry_after: Duration,
        /// Why, for the log.
        cause: Option<Cause>,
    },
    /// A fault of ours.
    Internal(Cause),
}

impl ApiError {
    /// What the log is told and the caller is not.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Unavailable { cause, .. } => cause.as_ref(),
            Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().detail)
    }
}

impl std::error::Error for ApiError {}

/// The body is written by [`crate::request_log`], which knows the request's id and path.
impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.parts().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{self, HeaderValue};
    use passgate_auth::password::PasswordError;

    #[test]
    fn what_keeps_us_from_checking_a_token_is_not_blamed_on_it() {
        let error = VerifyError::KeysUnavailable;
        let parts = ApiError::Token(error).parts();
        assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(parts.oauth, "temporarily_unavailable");
        let wait = error.retry_after().unwrap().to_string();
        assert_eq!(
            parts.headers,
            [(header::RETRY_AFTER, HeaderValue::from_str(&wait).unwrap())]
        );
    }

    #[test]
    fn causes_stay_inside() {
        let error = ApiError::Internal("password authentication failed for user x".into());
        let parts = error.parts();
        assert_eq!(parts.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!parts.detail.contains("user x"));
        assert!(error.cause().unwrap().to_string().contains("user x"));
    }

    #[test]
    fn whoever_is_told_to_come_back_is_told_when() {
        let error = ApiError::from(PasswordError::Busy {
            retry_after: Duration::from_millis(20),
        });
        let parts = error.parts();
        assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            parts.headers,
            [(header::RETRY_AFTER, HeaderValue::from_static("1"))]
        );
    }
}
