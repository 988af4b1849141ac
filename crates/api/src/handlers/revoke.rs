//! `POST /revoke`: RFC 7009.

use actix_web::{HttpResponse, web};
use passgate_auth::flows::{self, Revoked};
use passgate_domain::audit::Actor;
use passgate_domain::ports::StoreError;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Form, Origin};
use crate::request_log::OAuthProblem;
use crate::state::AppState;

/// The fields of a revocation.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the form, for the documentation")]
pub struct RevokeRequest {
    /// A refresh token, or an access token.
    #[schema(format = Password)]
    token: String,
    /// Which of them; taken and not looked at.
    token_type_hint: Option<String>,
}

/// Ends the session that a token belongs to.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/revoke",
    tag = "tokens",
    summary = "End the session of a token",
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is good for nothing now, if it was before"),
        (status = 400, description = "There is no token in the form", body = OAuthProblem),
        (status = 413, description = "The body is too long", body = OAuthProblem),
        (status = 415, description = "The body is no form", body = OAuthProblem),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = OAuthProblem),
    )
)]
pub async fn revoke(
    state: web::Data<AppState>,
    origin: Origin,
    mut form: Form,
) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::InvalidRequest("The field token is missing".into());
    let token = form.take("token").ok_or_else(missing)?;
    let revoked = blocking::run::<_, StoreError, _>(move || {
        let act = origin.act(&state, Actor::Anonymous);
        flows::revoke(&state.store, &state.tokens, &state.verifier, &token, &act)
    })
    .await?;
    if let Revoked::Session(session) = revoked {
        tracing::info!(%session, "revoked");
    }
    Ok(HttpResponse::Ok().finish())
}
