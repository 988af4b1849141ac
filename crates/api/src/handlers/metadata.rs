//! `GET /.well-known/oauth-authorization-server`: RFC 8414.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use passgate_domain::Scope;
use passgate_domain::client::Grant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::AppState;

/// How long the description may be kept without asking, in seconds.
const MAX_AGE: u32 = 300;

/// HTTP Basic.
const BASIC: &str = "client_secret_basic";

/// In the form.
const POST: &str = "client_secret_post";

/// How clients prove who they are, where they need not all.
const CLIENT_AUTH: [&str; 3] = ["none", BASIC, POST];

/// What clients find out by themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metadata {
    /// The `iss` of every token.
    issuer: String,
    /// Where tokens are got.
    token_endpoint: String,
    /// Where sessions are ended.
    revocation_endpoint: String,
    /// Where it is told what a token is worth.
    introspection_endpoint: String,
    /// Where the keys are.
    jwks_uri: String,
    /// What can be asked for at most.
    scopes_supported: [&'static str; 3],
    /// None: there is no page to log in on.
    response_types_supported: [&'static str; 0],
    /// How tokens are got.
    grant_types_supported: [&'static str; 3],
    /// How registered clients prove who they are; others need not.
    token_endpoint_auth_methods_supported: [&'static str; 3],
    /// Here it is the same.
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    /// Here everybody has to, if not by a token.
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
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
        introspection_endpoint: format!("{base}/introspect"),
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        scopes_supported: [Scope::PROFILE, Scope::ADMIN, Scope::INTROSPECT],
        response_types_supported: [],
        grant_types_supported: Grant::ALL.map(Grant::as_str),
        token_endpoint_auth_methods_supported: CLIENT_AUTH,
        revocation_endpoint_auth_methods_supported: CLIENT_AUTH,
        introspection_endpoint_auth_methods_supported: [BASIC, POST, "Bearer"],
        issuer,
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, format!("public, max-age={MAX_AGE}")))
        .json(metadata)
}
