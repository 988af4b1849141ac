//! `GET /health/live` and `GET /health/ready`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::request_log::Problem;
use crate::state::AppState;

/// How long the database may take to answer: a log-in asks it twice, within [`blocking::ANSWER`].
const LOOK: Duration = Duration::from_secs(1);

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Answers as long as the process does.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "operations",
    summary = "Whether the process answers",
    responses((status = 200, description = "It does", body = Health))
)]
pub async fn live() -> web::Json<Health> {
    web::Json(Health { status: "ok" })
}

/// Answers well as long as log-ins can succeed and the server goes on: the database takes writes, there is
/// a key to sign with, and nobody has asked for the end.
///
/// # Errors
/// [`ApiError::Unavailable`] otherwise.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "operations",
    summary = "Whether requests should be sent here",
    responses(
        (status = 200, description = "They should", body = Health),
        (status = 503, description = "The database is away, there is no key to sign with, or the server is stopping", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn ready(state: web::Data<AppState>) -> Result<web::Json<Health>, ApiError> {
    if state.draining.load(Ordering::Relaxed) {
        return Err(ApiError::Unavailable {
            what: "The server is stopping",
            retry_after: Duration::from_secs(1),
            cause: None,
        });
    }
    blocking::within::<_, ApiError, _>(LOOK, move || {
        state.store.ping()?;
        Ok(state.tokens.ready()?)
    })
    .await?;
    Ok(web::Json(Health { status: "ok" }))
}
