//! Every error that leaves over HTTP, and the one place where its status is chosen.
//!
//! No `match` here or in `from` has a wildcard arm: a new variant anywhere below does not compile until
//! somebody decides its status. Causes are logged once, with the request id, and never sent.

mod clients;
mod from;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use passgate_auth::flows::TooManyGuesses;
use passgate_auth::jwt::{Forbidden, VerifyError};
use passgate_auth::password::PolicyViolations;
use passgate_domain::client::Grant;
use passgate_domain::ports::{Cause, UniqueField};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a token is good for nothing that has not expired.
const SESSION_ENDED: &str =
    "The token's session has ended, or its user or client is disabled or gone";

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

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

/// An error in the parts that both body formats are made of.
pub(crate) struct Parts {
    pub(crate) status: StatusCode,
    /// RFC 6749's `error`, where the path is an OAuth endpoint.
    pub(crate) oauth: &'static str,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Parts {
    fn new(status: StatusCode, oauth: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            oauth,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl ApiError {
    /// The status and everything else that the caller gets to see.
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one arm an error, all in one place"
    )]
    pub(crate) fn parts(&self) -> Parts {
        use StatusCode as S;
        match self {
            Self::IncorrectUsernameOrPassword => Parts::new(
                S::UNAUTHORIZED,
                "invalid_grant",
                "Incorrect username or password",
            )
            .with(header::WWW_AUTHENTICATE, "Bearer"),
            Self::InvalidRefreshToken => Parts::new(
                S::BAD_REQUEST,
                "invalid_grant",
                "The refresh token is invalid, expired, revoked, or another client's",
            ),
            Self::InvalidRequest(detail) => {
                Parts::new(S::BAD_REQUEST, "invalid_request", detail.clone())
            }
            Self::UnsupportedGrantType => Parts::new(
                S::BAD_REQUEST,
                "unsupported_grant_type",
                "The grant_type must be one of: password, refresh_token, client_credentials",
            ),
            Self::InvalidScope(detail) => {
                Parts::new(S::BAD_REQUEST, "invalid_scope", detail.clone())
            }
            Self::InvalidClient(detail) => Parts::new(S::UNAUTHORIZED, "invalid_client", *detail)
                .with(header::WWW_AUTHENTICATE, "Basic realm=\"passgate\""),
            Self::UnauthorizedClient(grant) => Parts::new(
                S::BAD_REQUEST,
                "unauthorized_client",
                format!("The client may not use the grant {grant}"),
            ),
            Self::OtherClientsToken => Parts::new(
                S::BAD_REQUEST,
                "invalid_grant",
                "The token was given to another client",
            ),
            Self::UnsupportedTokenType => Parts::new(
                S::BAD_REQUEST,
                "unsupported_token_type",
                "A client's own token cannot be revoked: it ends when it expires, and when its \
                 client is disabled",
            ),
            Self::Malformed(detail) => {
                Parts::new(S::BAD_REQUEST, "invalid_request", detail.clone())
            }
            Self::Validation(errors) => Parts {
                errors: errors.clone(),
                ..Parts::new(
                    S::UNPROCESSABLE_ENTITY,
                    "invalid_request",
                    "Some fields cannot be taken; each is named in `errors`",
                )
            },
            Self::Taken(field) => Parts {
                errors: vec![FieldError {
                    field: field.name(),
                    code: "taken",
                    message: format!("this {field} is already taken"),
                }],
                ..Parts::new(
                    S::CONFLICT,
                    "invalid_request",
                    format!("The {field} is already taken"),
                )
            },
            Self::RegistrationClosed => Parts::new(
                S::FORBIDDEN,
                "access_denied",
                "Registration is closed: ask an administrator for an account",
            ),
            Self::NotAuthenticated => {
                Parts::new(S::UNAUTHORIZED, "invalid_request", "Not authenticated")
                    .with(header::WWW_AUTHENTICATE, "Bearer")
            }
            Self::Token(error) => token_parts(error),
            Self::Forbidden(error) => {
                Parts::new(S::FORBIDDEN, "insufficient_scope", error.to_string()).with(
                    header::WWW_AUTHENTICATE,
                    &error.www_authenticate("passgate"),
                )
            }
            Self::SessionEnded => Parts::new(S::UNAUTHORIZED, "invalid_token", SESSION_ENDED).with(
                header::WWW_AUTHENTICATE,
                &format!("Bearer error=\"invalid_token\", error_description=\"{SESSION_ENDED}\""),
            ),
            Self::NoAccount => Parts::new(
                S::FORBIDDEN,
                "access_denied",
                "The token is a client's own, and a client has no account",
            ),
            Self::NoSuchSession => {
                Parts::new(S::NOT_FOUND, "invalid_request", "You have no such session")
            }
            Self::NoSuchUser => {
                Parts::new(S::NOT_FOUND, "invalid_request", "There is no such user")
            }
            Self::NoSuchClient => {
                Parts::new(S::NOT_FOUND, "invalid_request", "There is no such client")
            }
            Self::NoSuchSecret => Parts::new(
                S::NOT_FOUND,
                "invalid_request",
                "There is no such client, or it has no secret in this slot",
            ),
            Self::ClientTaken => Parts {
                errors: vec![FieldError {
                    field: "id",
                    code: "taken",
                    message: "there is a client of this id already".to_owned(),
                }],
                ..Parts::new(
                    S::CONFLICT,
                    "invalid_request",
                    "There is a client of this id already",
                )
            },
            Self::TwoSecrets => Parts::new(
                S::CONFLICT,
                "invalid_request",
                "The client has two secrets: remove one of them first",
            ),
            Self::OwnAccount => Parts::new(
                S::CONFLICT,
                "invalid_request",
                "This is your own account: another administrator, or the command line, can do that",
            ),
            Self::KeyAnnounced(detail) => {
                Parts::new(S::CONFLICT, "invalid_request", detail.clone())
            }
            Self::NoSigningKeys => Parts::new(
                S::CONFLICT,
                "invalid_request",
                "Tokens are signed with a shared secret (HS256): there are no keys to rotate",
            ),
            Self::NotFound => Parts::new(
                S::NOT_FOUND,
                "invalid_request",
                "There is nothing at this path",
            ),
            Self::MethodNotAllowed { allow } => Parts::new(
                S::METHOD_NOT_ALLOWED,
                "invalid_request",
                format!("This path takes the methods: {allow}"),
            )
            .with(header::ALLOW, allow),
            Self::UnsupportedMediaType { expected } => Parts::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request",
                format!("The Content-Type must be {expected}"),
            ),
            Self::BodyTooLarge { limit } => Parts::new(
                S::PAYLOAD_TOO_LARGE,
                "invalid_request",
                format!("The body has more than {limit} bytes"),
            ),
            Self::HeadersTooLarge { limit } => Parts::new(
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "invalid_request",
                format!("The header fields have more than {limit} bytes"),
            ),
            Self::BodyTimeout => Parts::new(
                S::REQUEST_TIMEOUT,
                "invalid_request",
                "The body did not arrive in time",
            ),
            Self::TooManyGuesses(error) => too_many_parts(error),
            Self::Unavailable {
                what,
                retry_after,
                cause: _,
            } => Parts::new(
                S::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                format!("{what}: try again later"),
            )
            .with(
                header::RETRY_AFTER,
                &retry_after.as_secs().max(1).to_string(),
            ),
            Self::Internal(_) => Parts::new(
                S::INTERNAL_SERVER_ERROR,
                "server_error",
                "Something went wrong on our side; the request id finds it in the log",
            ),
        }
    }

    /// What the log is told and the caller is not.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Unavailable { cause, .. } => cause.as_ref(),
            Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }
}

/// The fields of draft-ietf-httpapi-ratelimit-headers-10, of the budget that is used up.
fn too_many_parts(error: &TooManyGuesses) -> Parts {
    let TooManyGuesses {
        guesser, budget, ..
    } = error;
    let (seconds, quota) = (error.seconds(), budget.burst());
    let window = budget.window().as_secs().max(1);
    Parts::new(
        StatusCode::TOO_MANY_REQUESTS,
        "slow_down",
        format!("Too many failed attempts: try again in {seconds} s"),
    )
    .with(header::RETRY_AFTER, &seconds.to_string())
    .with(
        RATE_LIMIT_POLICY,
        &format!("\"{guesser}\";q={quota};w={window}"),
    )
    .with(RATE_LIMIT, &format!("\"{guesser}\";r=0;t={seconds}"))
}

fn token_parts(error: &VerifyError) -> Parts {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // As the guards of passgate-auth answer: not every refusal is the token's fault.
    match error.retry_after() {
        Some(seconds) => Parts::new(status, "temporarily_unavailable", error.to_string())
            .with(header::RETRY_AFTER, &seconds.to_string()),
        None => Parts::new(status, "invalid_token", error.to_string()).with(
            header::WWW_AUTHENTICATE,
            &error.www_authenticate("passgate"),
        ),
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
