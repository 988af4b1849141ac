//! The one way from an asynchronous handler to code that blocks.

use actix_web::web;
use tracing::Span;

use crate::error::ApiError;

/// Runs `work` on a thread where blocking is fine, inside the caller's tracing span.
///
/// # Errors
/// [`ApiError::Internal`] if `work` panics; otherwise what `work` returns.
pub async fn run<T, E, F>(work: F) -> Result<T, ApiError>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    let span = Span::current();
    match web::block(move || span.in_scope(work)).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(cancelled) => Err(ApiError::Internal(cancelled.into())),
    }
}
