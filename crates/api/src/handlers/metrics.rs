//! `GET /metrics`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::ApiError;
use crate::extract::{address_of, is_in, is_private};
use crate::metrics::CONTENT_TYPE;
use crate::request_log::Problem;
use crate::state::AppState;

/// Shows what was counted and measured.
///
/// # Errors
/// [`ApiError::FromElsewhere`] to whoever is in none of the networks that may ask.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    summary = "What was counted and measured, for Prometheus",
    responses(
        (status = 200, description = "In the text format of OpenMetrics", body = String, content_type = "application/openmetrics-text"),
        (status = 403, description = "The request comes from a network that may not ask", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn metrics(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let address = address_of(&request, &state.trusted_proxies);
    if !address.is_some_and(|address| match &state.metrics_from {
        None => is_private(address),
        Some(networks) => is_in(address, networks),
    }) {
        return Err(ApiError::FromElsewhere);
    }
    let text = state.metrics.encode();
    let text = text.map_err(|error| ApiError::Internal(error.into()))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
