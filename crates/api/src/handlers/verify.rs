//! `GET /verify`: forward authentication, for proxies that ask before they pass a request on.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use passgate_auth::flows::Holder;
use passgate_auth::jwt::Verified;
use passgate_domain::Role;
use passgate_domain::token::TokenClaims;
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::holder_of_late;
use super::refusals::Queried;
use crate::error::ApiError;
use crate::extract::{Bearer, Query};
use crate::request_log::Problem;
use crate::state::AppState;

const USER: HeaderName = HeaderName::from_static("x-auth-user");
const USER_ID: HeaderName = HeaderName::from_static("x-auth-user-id");
const ROLES: HeaderName = HeaderName::from_static("x-auth-roles");
const SCOPE: HeaderName = HeaderName::from_static("x-auth-scope");
const CLIENT: HeaderName = HeaderName::from_static("x-auth-client");

/// What the token has to have.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Scopes, separated by spaces; all of them.
    scope: Option<String>,
    /// Roles, separated by spaces; all of them.
    role: Option<String>,
}

/// Answers whether the request's token is good, and whose it is.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/verify",
    tag = "tokens",
    summary = "Whether a token is good, for a proxy",
    security(("password" = [])),
    params(Wanted),
    responses(
        (status = 200, description = "It is; `X-Auth-User`, `X-Auth-User-Id`, `X-Auth-Roles`, `X-Auth-Scope` and `X-Auth-Client` say whose it is"),
        (status = 401, description = "No token, or none that is good", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks a scope, or its user a role", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = Problem, content_type = "application/problem+json"),
        Queried,
    )
)]
pub async fn verify(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse, ApiError> {
    for scope in wanted
        .scope
        .iter()
        .flat_map(|scopes| scopes.split_whitespace())
    {
        token.require_scope(scope).map_err(ApiError::Forbidden)?;
    }
    for role in wanted
        .role
        .iter()
        .flat_map(|roles| roles.split_whitespace())
    {
        token.require_role(role).map_err(ApiError::Forbidden)?;
    }
    let (token, holder) = holder_of_late(&state, token).await?;
    render(&token, &holder)
}

/// Every header is there, empty or not, and the user's is never empty: what is left out, a proxy may
/// pass on as its client sent it. No user is called as a client is.
fn render(token: &Verified<TokenClaims>, holder: &Holder) -> Result<HttpResponse, ApiError> {
    let (name, number, client) = match holder {
        Holder::User { user, .. } => {
            let name = user.username.as_str().to_owned();
            (name, user.id.to_string(), String::new())
        }
        Holder::Client(client) => (client.id.subject(), String::new(), client.id.to_string()),
    };
    let roles: Vec<&str> = token.roles().iter().map(Role::as_str).collect();
    let mut response = HttpResponse::Ok();
    for (name, value) in [
        // In UTF-8, as proxies pass it on.
        (USER, &name),
        (USER_ID, &number),
        (ROLES, &roles.join(" ")),
        (SCOPE, &token.scopes().to_string()),
        (CLIENT, &client),
    ] {
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|error| ApiError::Internal(error.into()))?;
        response.insert_header((name, value));
    }
    Ok(response.finish())
}
