//! The one place where an error's status is chosen.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use passgate_auth::flows::TooManyGuesses;
use passgate_auth::jwt::VerifyError;

use super::{ApiError, FieldError};

/// Why a token is good for nothing that has not expired.
const SESSION_ENDED: &str =
    "The token's session has ended, or its user or client is disabled or gone";

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

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
            Self::LogOfOthers => Parts::new(
                S::CONFLICT,
                "invalid_request",
                "The log belongs to the program that this server is a part of",
            ),
            Self::FromElsewhere => Parts::new(
                S::FORBIDDEN,
                "access_denied",
                "Only some networks may ask for this, and this is none of them (--metrics-from)",
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
        format!("Too many {}: try again in {seconds} s", error.what()),
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
    match (error.retry_after(), error.www_authenticate("passgate")) {
        (Some(seconds), _) => Parts::new(status, "temporarily_unavailable", error.to_string())
            .with(header::RETRY_AFTER, &seconds.to_string()),
        (None, Some(challenge)) => Parts::new(status, "invalid_token", error.to_string())
            .with(header::WWW_AUTHENTICATE, &challenge),
        (None, None) => Parts::new(status, "invalid_token", error.to_string()),
    }
}
