//! `POST /token`: RFC 6749 section 3.2.

use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use passgate_auth::flows::{self, ClientGranted, ClientToken, Granted, LogIn, LoggedIn, Refresh};
use passgate_auth::jwt::Minted;
use passgate_auth::refresh::RefreshToken;
use passgate_domain::audit::Actor;
use passgate_domain::session::Device;
use passgate_domain::{Password, ScopeSet, Username};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::extract::{self, DeviceCookie, Form, Origin};
use crate::hashing;
use crate::request_log::OAuthProblem;
use crate::state::AppState;

/// The fields of all grants.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the form, for the documentation")]
pub struct TokenRequest {
    /// `password`, which may be left out, `refresh_token` or `client_credentials`.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// Who is logging in, with a password.
    #[schema(example = "matt")]
    username: Option<String>,
    /// What proves it; at most 1024 bytes.
    #[schema(format = Password)]
    password: Option<String>,
    /// What the last answer had, to get the next one.
    #[schema(format = Password)]
    refresh_token: Option<String>,
    /// What the token is for: words separated by spaces. Empty means the default.
    scope: Option<String>,
    /// The client, unless it says so by HTTP Basic. A name that is not registered is a label, which
    /// the token repeats.
    client_id: Option<String>,
    /// What proves a registered client. Of a label it is not looked at.
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
    /// What the next answer is asked for with, once. A client's own token has none.
    #[schema(format = Password)]
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// What the token may be used for; left out if for nothing in particular.
    #[schema(example = "profile")]
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

/// Logs in with a password, goes on with a refresh token, or gives a client a token of its own.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/token",
    tag = "tokens",
    summary = "Log in with a password, go on with a refresh token, or get a client's own token",
    security((), ("registered_client" = [])),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Logged in", body = TokenResponse),
        (status = 400, description = "The request breaks the rules of the grant", body = OAuthProblem),
        (status = 401, description = "Incorrect username or password, or the client does not prove itself", body = OAuthProblem),
        (status = 413, description = "The body is too long", body = OAuthProblem),
        (status = 415, description = "The body is no form", body = OAuthProblem),
        (status = 429, description = "Too many failed attempts, or tokens of a client's own: try again after the time in `Retry-After`", body = OAuthProblem),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = OAuthProblem),
    )
)]
pub async fn token(
    state: web::Data<AppState>,
    request: HttpRequest,
    origin: Origin,
    device: DeviceCookie,
    mut form: Form,
) -> Result<HttpResponse, ApiError> {
    let grant_type = form.take_text("grant_type");
    let granted = match grant_type.as_deref() {
        Some("password") | None => {
            let mut command = password_grant(form, &request, &origin, grant_type.is_none())?;
            command.device_token = device.0;
            return log_in(state, command, origin).await;
        }
        Some("refresh_token") => {
            let command = refresh_grant(form, &request, &origin)?;
            blocking::run(move || {
                let act = origin.act(&state, Actor::Anonymous);
                let AppState {
                    store,
                    tokens,
                    guessing,
                    ..
                } = &**state;
                flows::refresh(store, tokens, guessing, &command, &act)
            })
            .await?
        }
        Some("client_credentials") => {
            let command = client_credentials_grant(form, &request)?;
            let granted = blocking::run(move || {
                let act = origin.act(&state, Actor::Anonymous);
                let AppState {
                    store,
                    tokens,
                    guessing,
                    ..
                } = &**state;
                flows::client_token(store, tokens, guessing, &command, &act)
            })
            .await?;
            let ClientGranted {
                access_token,
                scope,
            } = granted;
            return Ok(render(&access_token, None, &scope));
        }
        Some(_) => return Err(ApiError::UnsupportedGrantType),
    };
    Ok(render_granted(&granted))
}

fn render_granted(granted: &Granted) -> HttpResponse {
    let refresh_token = granted.refresh_token.as_ref();
    render(&granted.access_token, refresh_token, &granted.scope)
}

async fn log_in(
    state: web::Data<AppState>,
    command: LogIn,
    origin: Origin,
) -> Result<HttpResponse, ApiError> {
    let begun = Instant::now();
    let (passwords, _present) = hashing::on_behalf_of(&state, &origin, command.username.as_ref())?;
    let asked = state.clone();
    let outcome = blocking::run(move || {
        let AppState {
            store,
            tokens,
            guessing,
            ..
        } = &**asked;
        let act = origin.act(&asked, Actor::Anonymous);
        flows::log_in(store, &passwords, tokens, guessing, &command, &act)
    })
    .await;
    if matches!(outcome, Err(ApiError::TooManyGuesses(_))) {
        rt::time::sleep(until_the_next_step(begun.elapsed())).await;
    }
    let LoggedIn {
        granted,
        upgraded,
        device_token,
    } = outcome?;
    tracing::info!(user_id = %granted.user.id, session = %granted.session, upgraded, "logged in");
    let mut response = render_granted(&granted);
    if let Some(cookie) = extract::keep_device(&device_token, state.is_https()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// No hash hides how long it took to refuse a guess that is not looked at: it is told at steps of
/// this, whether there is such an account or not.
const STEP: Duration = Duration::from_millis(20);

fn until_the_next_step(elapsed: Duration) -> Duration {
    let step = STEP.as_micros();
    let over = elapsed.as_micros() % step;
    Duration::from_micros(u64::try_from(step - over).unwrap_or_default())
}

fn password_grant(
    mut form: Form,
    request: &HttpRequest,
    origin: &Origin,
    is_guessed: bool,
) -> Result<LogIn, ApiError> {
    let username = form.take_text("username");
    let password = form.take("password");
    if is_guessed && (username.is_none() || password.is_none()) {
        return Err(missing("grant_type"));
    }
    let username = username.ok_or_else(|| missing("username"))?;
    let password = password.ok_or_else(|| missing("password"))?;
    let password = Password::parse(password).map_err(|error| {
        ApiError::InvalidRequest(format!("The password cannot be taken: {error}").into())
    })?;
    let scope = scope(&mut form)?;
    let client = extract::credentials(&mut form, request)?;
    // What cannot be a username is nobody's: the same answer, after the same work.
    Ok(LogIn {
        username: Username::parse(&username).ok(),
        password,
        scope,
        client,
        device: device(request, origin),
        device_token: None,
    })
}

fn refresh_grant(
    mut form: Form,
    request: &HttpRequest,
    origin: &Origin,
) -> Result<Refresh, ApiError> {
    Ok(Refresh {
        refresh_token: form
            .take("refresh_token")
            .ok_or_else(|| missing("refresh_token"))?,
        scope: scope(&mut form)?,
        client: extract::credentials(&mut form, request)?,
        device: device(request, origin),
    })
}

fn client_credentials_grant(
    mut form: Form,
    request: &HttpRequest,
) -> Result<ClientToken, ApiError> {
    let client = extract::credentials(&mut form, request)?.ok_or(ApiError::InvalidClient(
        "The client has to prove itself, by HTTP Basic or with client_id and client_secret",
    ))?;
    Ok(ClientToken {
        client,
        scope: scope(&mut form)?,
    })
}

fn scope(form: &mut Form) -> Result<ScopeSet, ApiError> {
    let scope = form.take_text("scope").unwrap_or_default();
    ScopeSet::parse(&scope)
        .map_err(|error| ApiError::InvalidScope(format!("The scope is malformed: {error}")))
}

/// Who is asking, as far as the request tells.
fn device(request: &HttpRequest, origin: &Origin) -> Device {
    let user_agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    Device::new(user_agent, origin.address().map(str::to_owned))
}

fn missing(field: &str) -> ApiError {
    ApiError::InvalidRequest(format!("The field {field} is missing").into())
}

fn render(
    access_token: &Minted,
    refresh_token: Option<&RefreshToken>,
    scope: &ScopeSet,
) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(TokenResponse {
            access_token: access_token.as_str().to_owned(),
            token_type: "bearer",
            expires_in: access_token.expires_in().as_secs(),
            refresh_token: refresh_token.map(|token| token.expose().to_owned()),
            scope: scope.to_string(),
        })
}
