//! `POST /introspect`: RFC 7662.

use std::collections::BTreeSet;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use passgate_auth::flows::{self, Introspection, Introspector, TokenKind};
use passgate_domain::audit::Actor;
use passgate_domain::{Role, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::blocking;
use crate::error::ApiError;
use crate::extract::{self, Bearer, Form, Origin};
use crate::request_log::OAuthProblem;
use crate::state::AppState;

/// The fields of an introspection.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the form, for the documentation")]
pub struct IntrospectRequest {
    /// A refresh token, or an access token.
    #[schema(format = Password, min_length = 1)]
    token: String,
    /// Which of them; taken and not looked at.
    token_type_hint: Option<String>,
    /// The client that asks, unless it says so by HTTP Basic or brings a token.
    client_id: Option<String>,
    /// What proves it.
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// What a token is worth now. One that is worth nothing is told by `active` alone.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct IntrospectResponse {
    /// Whether it is worth anything.
    active: bool,
    /// What it may be used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "profile")]
    scope: Option<String>,
    /// The client that it was given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// Its user; a client's own token has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// `bearer`, or `refresh_token`, which is not for services.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bearer")]
    token_type: Option<&'static str>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// When it began to be good.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// Its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// The number of its user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    user_id: Option<UserId>,
    /// The session that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    /// What its user is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<BTreeSet<Role>>,
}

impl From<Introspection> for IntrospectResponse {
    fn from(token: Introspection) -> Self {
        let seconds = |at: OffsetDateTime| at.unix_timestamp();
        let is_access = token.kind == TokenKind::Access;
        Self {
            active: true,
            scope: Some(token.scope.to_string()),
            client_id: token.client_id,
            username: token.username,
            token_type: Some(if is_access { "bearer" } else { "refresh_token" }),
            exp: Some(seconds(token.expires_at)),
            iat: token.issued_at.map(seconds),
            // Our tokens are good as soon as they are made.
            nbf: token.issued_at.map(seconds),
            sub: Some(token.subject),
            aud: token.audience,
            iss: Some(token.issuer),
            jti: token.token_id,
            user_id: token.user_id,
            sid: token
                .session
                .map(passgate_domain::session::SessionId::as_uuid),
            roles: is_access.then_some(token.roles),
        }
    }
}

/// Tells what a token is worth now.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/introspect",
    tag = "tokens",
    summary = "What a token is worth now (RFC 7662)",
    security(("registered_client" = []), ("password" = ["introspect"])),
    request_body(content = IntrospectRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is worth, or that it is worth nothing", body = IntrospectResponse),
        (status = 400, description = "The request is malformed", body = OAuthProblem),
        (status = 401, description = "Whoever asks does not prove who they are", body = OAuthProblem),
        (status = 403, description = "The token that asks lacks the scope", body = OAuthProblem),
        (status = 413, description = "The body is too long", body = OAuthProblem),
        (status = 415, description = "The body is no form", body = OAuthProblem),
        (status = 429, description = "Too many failed attempts: try again after the time in `Retry-After`", body = OAuthProblem),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = OAuthProblem),
    )
)]
pub async fn introspect(
    state: web::Data<AppState>,
    request: HttpRequest,
    origin: Origin,
    mut form: Form,
) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::InvalidRequest("The field token is missing".into());
    let asking = who(&mut form, &request)?;
    let token = form.take("token").ok_or_else(missing)?;
    let told = blocking::run(move || {
        let act = origin.act(&state, Actor::Anonymous);
        let AppState {
            store,
            tokens,
            verifier,
            guessing,
            ..
        } = &**state;
        flows::introspect(store, tokens, verifier, guessing, &asking, &token, &act)
    })
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(told.map(IntrospectResponse::from).unwrap_or_default()))
}

fn who(form: &mut Form, request: &HttpRequest) -> Result<Introspector, ApiError> {
    if !Bearer::is_given(request) {
        let client = extract::credentials(form, request)?;
        return client
            .map(Introspector::Client)
            .ok_or(ApiError::InvalidClient(
                "Whoever asks has to be a client, by HTTP Basic or with client_id and \
                 client_secret, or to bring a token with the scope introspect",
            ));
    }
    if form.take("client_secret").is_some() {
        return Err(ApiError::InvalidRequest(
            "There are a token and a client_secret: one of them is enough".into(),
        ));
    }
    let Bearer(token) = Bearer::read(request)?;
    Ok(Introspector::Bearer(Box::new(token)))
}
