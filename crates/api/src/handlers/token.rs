//! `POST /token`: RFC 6749 section 3.2.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use passgate_auth::flows::{self, LogIn, LoggedIn};
use passgate_domain::{Password, ScopeSet, Username};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::extract::Form;
use crate::request_log::OAuthProblem;
use crate::state::AppState;

mod client;

/// The fields of a password grant.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the form, for the documentation")]
pub struct PasswordGrant {
    /// `password`, or left out.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// Who is logging in.
    #[schema(example = "matt")]
    username: String,
    /// What proves it; at most 1024 bytes.
    #[schema(format = Password)]
    password: String,
    /// What the token is for: words separated by spaces. Empty means the default.
    scope: Option<String>,
    /// A label for the client, which the token repeats.
    client_id: Option<String>,
    /// Taken and not looked at, as no client is registered.
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// A token, in the form of RFC 6749 section 5.1.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenResponse {
    /// A JSON Web Token (RFC 9068).
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// How long the token lives, in seconds.
    #[schema(example = 1500)]
    expires_in: u64,
    /// What the token may be used for.
    #[schema(example = "profile")]
    scope: String,
}

/// Logs in with a password.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/token",
    tag = "tokens",
    summary = "Log in with a password and get an access token",
    request_body(content = PasswordGrant, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Logged in", body = TokenResponse),
        (status = 400, description = "The request breaks the rules of the grant", body = OAuthProblem),
        (status = 401, description = "Incorrect username or password", body = OAuthProblem),
        (status = 413, description = "The body is too long", body = OAuthProblem),
        (status = 415, description = "The body is no form", body = OAuthProblem),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = OAuthProblem),
    )
)]
pub async fn token(
    state: web::Data<AppState>,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, ApiError> {
    let command = password_grant(form, &request)?;
    let logged_in = blocking::run(move || {
        let AppState {
            store,
            passwords,
            issuer,
            audience,
            ..
        } = &**state;
        flows::log_in(store, passwords, issuer, audience, command)
    })
    .await?;
    tracing::info!(user_id = %logged_in.user.id, upgraded = logged_in.upgraded, "logged in");
    Ok(render(&logged_in))
}

fn password_grant(mut form: Form, request: &HttpRequest) -> Result<LogIn, ApiError> {
    let grant_type = form.take_text("grant_type");
    let username = form.take_text("username");
    let password = form.take("password");
    match grant_type.as_deref() {
        Some("password") => {}
        None if username.is_some() && password.is_some() => {}
        None => return Err(missing("grant_type")),
        Some(_) => return Err(ApiError::UnsupportedGrantType),
    }
    let username = username.ok_or_else(|| missing("username"))?;
    let password = password.ok_or_else(|| missing("password"))?;
    let password = Password::parse(password).map_err(|error| {
        ApiError::InvalidRequest(format!("The password cannot be taken: {error}").into())
    })?;
    let scope = form.take_text("scope").unwrap_or_default();
    let scope = ScopeSet::parse(&scope)
        .map_err(|error| ApiError::InvalidScope(format!("The scope is malformed: {error}")))?;
    let client_id = client::label(&mut form, request)?;
    // What cannot be a username is nobody's: the same answer, after the same work.
    Ok(LogIn {
        username: Username::parse(&username).ok(),
        password,
        scope,
        client_id,
    })
}

fn missing(field: &str) -> ApiError {
    ApiError::InvalidRequest(format!("The field {field} is missing").into())
}

fn render(logged_in: &LoggedIn) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(TokenResponse {
            access_token: logged_in.access_token.as_str().to_owned(),
            token_type: "bearer",
            expires_in: logged_in.access_token.expires_in().as_secs(),
            scope: logged_in.scope.to_string(),
        })
}
