//! `POST /revoke`: RFC 7009.

use actix_web::{HttpRequest, HttpResponse, web};
use passgate_auth::flows::{self, Revoke, Revoked};
use passgate_domain::audit::Actor;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::extract::{self, Bearer, Form, Origin};
use crate::request_log::OAuthProblem;
use crate::state::AppState;

/// The fields of a revocation.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the form, for the documentation")]
pub struct RevokeRequest {
    /// A refresh token, or an access token.
    #[schema(format = Password, min_length = 1)]
    token: String,
    /// Which of them; taken and not looked at.
    token_type_hint: Option<String>,
    /// The client, unless it says so by HTTP Basic.
    client_id: Option<String>,
    /// What proves a registered client.
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// Ends the session that a token belongs to.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/revoke",
    tag = "tokens",
    summary = "End the session of a token (RFC 7009)",
    security((), ("registered_client" = [])),
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is good for nothing now, if it was before"),
        (status = 400, description = "There is no token in the form, or it is another client's, or a client's own", body = OAuthProblem),
        (status = 401, description = "The token belongs to a client that does not prove itself", body = OAuthProblem),
        (status = 413, description = "The body is too long", body = OAuthProblem),
        (status = 415, description = "The body is no form", body = OAuthProblem),
        (status = 429, description = "Too many failed attempts: try again after the time in `Retry-After`", body = OAuthProblem),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = OAuthProblem),
    )
)]
pub async fn revoke(
    state: web::Data<AppState>,
    request: HttpRequest,
    origin: Origin,
    mut form: Form,
) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::InvalidRequest("The field token is missing".into());
    let token = form.take("token").ok_or_else(missing)?;
    // Some clients send the access token with whatever they ask.
    let client = if Bearer::is_given(&request) {
        None
    } else {
        extract::credentials(&mut form, &request)?
    };
    let command = Revoke { token, client };
    let revoked = blocking::run(move || {
        let act = origin.act(&state, Actor::Anonymous);
        let AppState {
            store,
            tokens,
            verifier,
            guessing,
            ..
        } = &**state;
        flows::revoke(store, tokens, verifier, guessing, &command, &act)
    })
    .await?;
    if let Revoked::Session(session) = revoked {
        tracing::info!(%session, "revoked");
    }
    Ok(HttpResponse::Ok().finish())
}
