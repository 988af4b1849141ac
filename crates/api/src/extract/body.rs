use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{self, ServiceRequest};
use actix_web::http::header;
use actix_web::rt::time::timeout;
use actix_web::web::{self, Bytes, BytesMut};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_core::Stream;

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

/// A body in chunks that nobody reads any more.
pub(crate) struct Unread(
    #[expect(
        dead_code,
        reason = "held, for as long as the server has to know of it"
    )]
    dev::Payload,
);

/// Reads a body that comes in chunks, whether somebody wants it or not. What does not end in time is
/// handed back with the reason.
///
/// When a handler is done with a body in chunks before that has ended, the server would read on for as
/// long as the client sends, and keep the connection.
pub(crate) async fn arrive(request: &mut ServiceRequest) -> Result<(), (ApiError, Unread)> {
    if !request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Ok(());
    }
    let mut payload = request.take_payload();
    let outcome = timeout(BODY_TIMEOUT, read_all(&mut payload)).await;
    match outcome.unwrap_or(Err(ApiError::BodyTimeout)) {
        Ok(bytes) => {
            request.set_payload(bytes.into());
            Ok(())
        }
        Err(error) => Err((error, Unread(payload))),
    }
}

async fn read_all(payload: &mut dev::Payload) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = poll_fn(|context| Pin::new(&mut *payload).poll_next(context)).await {
        let chunk = chunk.map_err(|_| ApiError::Malformed("The body broke off".to_owned()))?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(ApiError::BodyTooLarge { limit: MAX_BODY });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The body of an answer to a request whose own was not read to its end: while that is held the server
/// closes the connection after the answer.
pub(crate) struct Closing {
    body: BoxBody,
    _unread: Unread,
}

impl Unread {
    /// Has the connection closed after an answer.
    pub(crate) fn closing(self, body: BoxBody) -> BoxBody {
        BoxBody::new(Closing {
            body,
            _unread: self,
        })
    }
}

impl MessageBody for Closing {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}
