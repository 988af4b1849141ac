//! `/users/me`: the caller's own account.

use actix_web::{HttpResponse, web};
use passgate_auth::flows::{self, ChangePassword, RegisterError};
use passgate_domain::ports::UserStore;
use passgate_domain::{Patch, UserChange};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::fields::{self, Fields};
use super::refusals::{Guarded, JsonBody, TooManyGuesses};
use super::users::UserBody;
use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Bearer, Json, Origin};
use crate::hashing;
use crate::request_log::Problem;
use crate::state::AppState;

/// A wish for another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// The password so far.
    #[schema(value_type = String, format = Password, min_length = 1)]
    current_password: SecretString,
    /// The password from now on: at least 12 characters unless configured otherwise.
    #[schema(value_type = String, format = Password, min_length = 1)]
    new_password: SecretString,
}

/// What is to be changed. What is left out stays, what is `null` is taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileBody {
    /// Where mail reaches the user.
    #[serde(default, deserialize_with = "fields::patch")]
    #[schema(value_type = Option<String>, example = "ada@example.com")]
    email: Patch<String>,
    /// What people call the user.
    #[serde(default, deserialize_with = "fields::patch")]
    #[schema(value_type = Option<String>, example = "Ada Lovelace")]
    display_name: Patch<String>,
}

impl ProfileBody {
    fn check(self) -> Result<UserChange, ApiError> {
        let mut fields = Fields::default();
        let change = UserChange {
            email: fields.patch(self.email, |fields, email| fields.email(&email)),
            display_name: fields.patch(self.display_name, Fields::display_name),
            ..UserChange::default()
        };
        fields.finish(Some(change))
    }
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
        Guarded,
    )
)]
pub async fn me(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
) -> Result<web::Json<UserBody>, ApiError> {
    let caller = Caller::of_late(&state, token).await?;
    Ok(web::Json(caller.user.into()))
}

/// Changes what the caller says of themselves.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    patch,
    path = "/users/me",
    tag = "users",
    summary = "Change the caller's email address or display name",
    security(("password" = ["profile"])),
    request_body = ProfileBody,
    responses(
        (status = 200, description = "The account as it is now", body = UserBody),
        (status = 409, description = "The email address is taken", body = Problem, content_type = "application/problem+json"),
        Guarded,
        JsonBody,
        TooManyGuesses,
    )
)]
pub async fn change_profile(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    Json(body): Json<ProfileBody>,
) -> Result<web::Json<UserBody>, ApiError> {
    let change = body.check()?;
    let user = blocking::run::<_, ApiError, _>(move || {
        let caller = Caller::of(&state, &token)?;
        let act = caller.act(&state, &origin);
        let Caller { user, session } = caller;
        let change = change.differing(&user);
        if change == UserChange::default() {
            return Ok(user);
        }
        let AppState {
            store, guessing, ..
        } = &**state;
        if matches!(change.email, Patch::Set(_)) {
            guessing.count_email(store, user.id, &act)?;
        } else {
            guessing.count_change(store, user.id, &act)?;
        }
        let changed = store.update_user(user.id, &change, &act);
        // What people call somebody voids no copies but the caller's own.
        state.live.forget(session);
        changed
            .map_err(RegisterError::from)?
            .ok_or(ApiError::SessionEnded)
    })
    .await?;
    Ok(web::Json(user.into()))
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
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "One of the passwords cannot be taken", body = Problem, content_type = "application/problem+json"),
        TooManyGuesses,
        Guarded,
    )
)]
pub async fn change_password(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    Json(body): Json<PasswordBody>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = Fields::default();
    let current = fields.password("current_password", body.current_password);
    let new = fields.password("new_password", body.new_password);
    let (current, new) = fields.finish(current.zip(new))?;
    let (passwords, _present) = hashing::on_behalf_of(&state, &origin, None)?;
    let user_id = blocking::run::<_, ApiError, _>(move || {
        let caller = Caller::of(&state, &token)?;
        let act = caller.act(&state, &origin);
        let Caller { user, session } = caller;
        let command = ChangePassword {
            user_id: user.id,
            username: user.username,
            session,
            current,
            new,
        };
        let AppState {
            store,
            policy,
            guessing,
            ..
        } = &**state;
        flows::change_password(store, &passwords, policy, guessing, &command, &act)?;
        Ok(user.id)
    })
    .await?;
    tracing::info!(%user_id, "password changed");
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes the caller's account.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/users/me",
    tag = "users",
    summary = "Delete the caller's account",
    description = "The account is gone with its sessions, address and names. Its username stays taken for ever: nobody can be mistaken for the one who had it.",
    security(("password" = ["profile"])),
    responses(
        (status = 204, description = "Deleted"),
        Guarded,
    )
)]
pub async fn delete(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
) -> Result<HttpResponse, ApiError> {
    let user_id = blocking::run::<_, ApiError, _>(move || {
        let caller = Caller::of(&state, &token)?;
        let act = caller.act(&state, &origin);
        if state.store.delete_user(caller.user.id, &act)? {
            Ok(caller.user.id)
        } else {
            Err(ApiError::SessionEnded)
        }
    })
    .await?;
    tracing::info!(%user_id, "deleted the account");
    Ok(HttpResponse::NoContent().finish())
}
