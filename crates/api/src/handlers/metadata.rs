//! `GET /.well-known/oauth-authorization-server`: RFC 8414.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::jwks::MAX_AGE;
use crate::state::AppState;

/// What clients find out by themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metadata {
    /// The `iss` of every token.
    issuer: String,
    /// Where tokens are got.
    token_endpoint: String,
    /// Where sessions are ended.
    revocation_endpoint: String,
    /// Where the keys are.
    jwks_uri: String,
    /// What can be asked for at most.
    scopes_supported: [&'static str; 2],
    /// None: there is no page to log in on.
    response_types_supported: [&'static str; 0],
    /// How tokens are got.
    grant_types_supported: [&'static str; 2],
    /// Clients need not prove who they are.
    token_endpoint_auth_methods_supported: [&'static str; 1],
    /// Here neither.
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
}

/// Describes the server.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    tag = "tokens",
    summary = "What clients find out by themselves (RFC 8414)",
    responses((status = 200, description = "The description", body = Metadata))
)]
pub async fn metadata(state: web::Data<AppState>) -> HttpResponse {
    let issuer = state.tokens.issuer_id().as_str().to_owned();
    let base = issuer.trim_end_matches('/');
    let metadata = Metadata {
        token_endpoint: format!("{base}/token"),
        revocation_endpoint: format!("{base}/revoke"),
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        scopes_supported: ["profile", "admin"],
        response_types_supported: [],
        grant_types_supported: ["password", "refresh_token"],
        token_endpoint_auth_methods_supported: ["none"],
        revocation_endpoint_auth_methods_supported: ["none"],
        issuer,
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, format!("public, max-age={MAX_AGE}")))
        .json(metadata)
}
