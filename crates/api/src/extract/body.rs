use std::time::Duration;

use actix_web::http::header;
use actix_web::rt::time::timeout;
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use crate::error::ApiError;

/// The longest body taken, in bytes. A password of the longest kind, percent-encoded three to
/// one, fits with its username and a scope.
pub(super) const MAX_BODY: usize = 16 * 1024;

/// How long a body may take to arrive. Sixteen kilobytes over the slowest link still in use
/// take less; what takes longer holds a connection for its own sake.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a body of one content type, within the limits.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut dev::Payload,
    expected: &'static str,
) -> Result<Bytes, ApiError> {
    if !request.content_type().trim().eq_ignore_ascii_case(expected) {
        return Err(ApiError::UnsupportedMediaType { expected });
    }
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > MAX_BODY) {
        return Err(ApiError::BodyTooLarge { limit: MAX_BODY });
    }
    let payload = web::Payload::from_request(request, payload)
        .await
        .map_err(|error| ApiError::Internal(error.to_string().into()))?;
    match timeout(BODY_TIMEOUT, payload.to_bytes_limited(MAX_BODY)).await {
        Err(_) => Err(ApiError::BodyTimeout),
        Ok(Err(_)) => Err(ApiError::BodyTooLarge { limit: MAX_BODY }),
        Ok(Ok(Err(_))) => Err(ApiError::Malformed("The body broke off".to_owned())),
        Ok(Ok(Ok(bytes))) => Ok(bytes),
    }
}
