//! `GET /health/live` and `GET /health/ready`.

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::request_log::Problem;
use crate::state::AppState;

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

/// Answers well as long as log-ins can succeed: the database answers, and there is a key to sign
/// with.
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
        (status = 503, description = "The database is away, or there is no key to sign with", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn ready(state: web::Data<AppState>) -> Result<web::Json<Health>, ApiError> {
    blocking::run::<_, ApiError, _>(move || {
        state.store.ping()?;
        Ok(state.tokens.ready()?)
    })
    .await?;
    Ok(web::Json(Health { status: "ok" }))
}
