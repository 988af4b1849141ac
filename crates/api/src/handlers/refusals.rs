//! What many paths refuse in the same way, for the OpenAPI description.

#![expect(dead_code, reason = "the variants are read by their derive only")]

use utoipa::IntoResponses;

use crate::request_log::Problem;

/// Of every path for bearers of a token.
#[derive(IntoResponses)]
pub(super) enum Guarded {
    /// No token, or none that is good
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The token lacks the scope
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// Busy: try again after the time in `Retry-After`
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(Problem),
}

/// Of every path that takes guesses.
#[derive(IntoResponses)]
pub(super) enum TooManyGuesses {
    /// Too many failed attempts, or changes: try again after the time in `Retry-After`
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
}

/// Of every path that takes a JSON body.
#[derive(IntoResponses)]
pub(super) enum JsonBody {
    /// The body is malformed
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// The body is too long
    #[response(status = 413, content_type = "application/problem+json")]
    TooLong(Problem),
    /// The body is no JSON
    #[response(status = 415, content_type = "application/problem+json")]
    NoJson(Problem),
    /// Some fields cannot be taken
    #[response(status = 422, content_type = "application/problem+json")]
    Fields(Problem),
}

/// Of every list that is asked for with a query.
#[derive(IntoResponses)]
pub(super) enum Queried {
    /// The query is malformed
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
}

/// Of every path that names a client.
#[derive(IntoResponses)]
pub(super) enum OfClient {
    /// There is no such client
    #[response(status = 404, content_type = "application/problem+json")]
    NoSuchClient(Problem),
}

/// Of every path that names a user.
#[derive(IntoResponses)]
pub(super) enum OfUser {
    /// There is no such user
    #[response(status = 404, content_type = "application/problem+json")]
    NoSuchUser(Problem),
}
