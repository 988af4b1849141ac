//! The one way from an asynchronous handler to code that blocks.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{error, rt, web};
use passgate_domain::ports::StoreError;
use passgate_persistence::Patience;
use tracing::Span;

use crate::error::ApiError;

/// How long a request waits for the database, and for a thread that asks it, before it is answered
/// without: with what else it takes, within three seconds.
pub const ANSWER: Duration = Duration::from_millis(2500);

/// Runs `work` on a thread where blocking is fine, inside the caller's tracing span. Once it has
/// waited [`ANSWER`] for the database nobody waits for it any more: what it has begun there may happen,
/// and it begins nothing else.
///
/// # Errors
/// [`ApiError::Unavailable`] if it was given up, [`ApiError::Internal`] if `work` panics; otherwise
/// what `work` returns.
pub async fn run<T, E, F>(work: F) -> Result<T, ApiError>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    within(ANSWER, work).await
}

/// The same with another patience.
///
/// # Errors
/// As [`run`].
pub async fn within<T, E, F>(limit: Duration, work: F) -> Result<T, ApiError>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    let span = Span::current();
    match patiently(limit, move || span.in_scope(work)).await {
        Some(Ok(outcome)) => outcome.map_err(Into::into),
        Some(Err(cancelled)) => Err(ApiError::Internal(cancelled.into())),
        None => Err(given_up().into()),
    }
}

/// Runs `work` on a thread where blocking is fine; `None` once it has waited so long for the database.
pub(crate) async fn patiently<T, F>(
    limit: Duration,
    work: F,
) -> Option<Result<T, error::BlockingError>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let patience = Patience::new(limit);
    let spent = Arc::clone(&patience);
    let mut outcome = pin!(web::block(move || spent.spend(work)));
    loop {
        let left = patience.left();
        if left.is_zero() {
            patience.give_up();
            return None;
        }
        // What works meanwhile, and does not wait, has as much left afterwards.
        match rt::time::timeout(left, outcome.as_mut()).await {
            Ok(Ok(outcome)) => return outcome.map(Ok),
            Ok(Err(cancelled)) => return Some(Err(cancelled)),
            Err(_elapsed) => {}
        }
    }
}

/// Why there is no outcome.
pub(crate) fn given_up() -> StoreError {
    StoreError::Unavailable("the database has not answered in time".into())
}
