use std::time::Duration;

use thiserror::Error;

use crate::jwt::Skipped;

/// Why there are no keys from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwksError {
    /// The address cannot be used.
    #[error("the address of a JWK Set is https, or http on a loopback address: {0}")]
    Url(String),
    /// It has to run in the background of something.
    #[error("keys are fetched in the background of a tokio runtime, and there is none here")]
    NoRuntime,
    /// The client could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
    /// It took too long.
    #[error("the JWK Set was not there within {0:?}")]
    Timeout(Duration),
    /// The connection failed.
    #[error("the JWK Set cannot be reached: {0}")]
    Transport(String),
    /// Another status than 200.
    #[error("the JWK Set is answered with the status {0}, and not with 200")]
    Status(u16),
    /// A redirect to another host, or one too many.
    #[error("the JWK Set is redirected to another host, or too often")]
    Redirect,
    /// The body is longer than any JWK Set.
    #[error("the JWK Set is longer than {0} bytes")]
    TooLarge(usize),
    /// The body is no JWK Set.
    #[error("the body is not a JWK Set (RFC 7517 section 5)")]
    NotJwks,
    /// Nothing could be verified with it.
    #[error("the JWK Set has no key that can be used; {} were left out", .0.len())]
    NoKeys(Vec<Skipped>),
}
