//! `GET /metrics`.

use actix_web::{HttpResponse, web};

use crate::error::ApiError;
use crate::metrics::CONTENT_TYPE;
use crate::state::AppState;

/// Shows what was counted and measured.
///
/// # Errors
/// None that the caller could do anything about.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    summary = "What was counted and measured, for Prometheus",
    responses((status = 200, description = "In the text format of OpenMetrics", body = String, content_type = "application/openmetrics-text"))
)]
pub async fn metrics(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let text = state.metrics.encode();
    let text = text.map_err(|error| ApiError::Internal(error.into()))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
