//! `GET /users/me` and `PUT /users/me/password`.

use actix_web::{HttpResponse, web};
use passgate_auth::flows::{self, ChangePassword};
use passgate_domain::Password;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::users::UserBody;
use crate::blocking;
use crate::error::{ApiError, FieldError};
use crate::extract::{Bearer, Json};
use crate::request_log::Problem;
use crate::state::AppState;

/// A wish for another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// The password so far.
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// The password from now on: at least 12 characters unless configured otherwise.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Shows the caller's account.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/users/me",
    tag = "users",
    summary = "Show the caller's account",
    security(("password" = ["profile"])),
    responses(
        (status = 200, description = "The account", body = UserBody),
        (status = 401, description = "No token, or none that is good", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn me(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
) -> Result<web::Json<UserBody>, ApiError> {
    let caller = blocking::run(move || Caller::of(&state, &token)).await?;
    Ok(web::Json(caller.user.into()))
}

/// Gives the caller another password and ends the caller's other sessions.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    put,
    path = "/users/me/password",
    tag = "users",
    summary = "Change the caller's password",
    security(("password" = ["profile"])),
    request_body = PasswordBody,
    responses(
        (status = 204, description = "Changed; every other session of the caller has ended"),
        (status = 400, description = "The body is malformed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or none that is good", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "One of the passwords cannot be taken", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn change_password(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    Json(body): Json<PasswordBody>,
) -> Result<HttpResponse, ApiError> {
    let current = parse("current_password", body.current_password)?;
    let new = parse("new_password", body.new_password)?;
    let user_id = blocking::run::<_, ApiError, _>(move || {
        let Caller { user, session } = Caller::of(&state, &token)?;
        let command = ChangePassword {
            user_id: user.id,
            username: user.username,
            session,
            current,
            new,
        };
        let AppState {
            store,
            passwords,
            policy,
            clock,
            ..
        } = &**state;
        flows::change_password(store, passwords, policy, clock.as_ref(), &command)?;
        Ok(user.id)
    })
    .await?;
    tracing::info!(%user_id, "password changed");
    Ok(HttpResponse::NoContent().finish())
}

fn parse(field: &'static str, text: SecretString) -> Result<Password, ApiError> {
    Password::parse(text).map_err(|error| {
        ApiError::Validation(vec![FieldError {
            field,
            code: "invalid",
            message: error.to_string(),
        }])
    })
}
