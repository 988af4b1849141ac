//! `GET /verify`: forward authentication, for proxies that ask before they pass a request on.

use std::collections::BTreeSet;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use passgate_auth::flows::Holder;
use passgate_auth::jwt::{Forbidden, Verified};
use passgate_domain::token::TokenClaims;
use passgate_domain::{Role, ScopeSet};
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
    /// Roles, separated by spaces; all of them, as they are now.
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
        (status = 403, description = "The token lacks a scope, or whoever holds it may not have it any more, or the user lacks a role", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = Problem, content_type = "application/problem+json"),
        Queried,
    )
)]
pub async fn verify(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse, ApiError> {
    let (token, holder) = holder_of_late(&state, token).await?;
    let (scope, roles) = worth(&token, &holder);
    for wanted in words(wanted.scope.as_deref()) {
        if !scope.contains(wanted) {
            let lacking = Forbidden::Scope(wanted.to_owned());
            return Err(ApiError::Forbidden(lacking));
        }
    }
    for wanted in words(wanted.role.as_deref()) {
        if !roles.iter().any(|role| role.as_str() == wanted) {
            let lacking = Forbidden::Role(wanted.to_owned());
            return Err(ApiError::Forbidden(lacking));
        }
    }
    render(&holder, &scope, roles)
}

fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.into_iter().flat_map(str::split_whitespace)
}

/// The scope and roles that the token is worth now: whoever holds it may have lost some, or got other
/// roles, since it was made.
fn worth<'a>(
    token: &'a Verified<TokenClaims>,
    holder: &'a Holder,
) -> (ScopeSet, &'a BTreeSet<Role>) {
    let (allowed, roles) = match holder {
        Holder::User { user, .. } => (user.allowed_scopes(), &user.roles),
        Holder::Client(client) => (client.own_scope(), token.roles()),
    };
    let scope = token.scopes().iter();
    let scope = scope.filter(|scope| allowed.contains(scope.as_str()));
    (scope.cloned().collect(), roles)
}

/// Every header is there, empty or not, and the user's is never empty: what is left out, a proxy may
/// pass on as its client sent it. No user is called as a client is.
fn render(
    holder: &Holder,
    scope: &ScopeSet,
    roles: &BTreeSet<Role>,
) -> Result<HttpResponse, ApiError> {
    let (name, number, client) = match holder {
        Holder::User { user, .. } => {
            let name = user.username.as_str().to_owned();
            (name, user.id.to_string(), String::new())
        }
        Holder::Client(client) => (client.id.subject(), String::new(), client.id.to_string()),
    };
    let roles: Vec<&str> = roles.iter().map(Role::as_str).collect();
    let mut response = HttpResponse::Ok();
    for (name, value) in [
        // In UTF-8, as proxies pass it on.
        (USER, &name),
        (USER_ID, &number),
        (ROLES, &roles.join(" ")),
        (SCOPE, &scope.to_string()),
        (CLIENT, &client),
    ] {
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|error| ApiError::Internal(error.into()))?;
        response.insert_header((name, value));
    }
    Ok(response.finish())
}
