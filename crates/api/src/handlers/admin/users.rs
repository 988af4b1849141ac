//! `/admin/users`: everybody's accounts, for administrators.

mod bodies;
mod wanted;

use std::collections::BTreeSet;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use passgate_auth::flows::{self, RegisterError};
use passgate_auth::password::Personal;
use passgate_domain::audit::{Act, Actor};
use passgate_domain::ports::{SessionStore, UserStore};
use passgate_domain::session::EndReason;
use passgate_domain::{Role, UserId};

use self::bodies::{NewPasswordBody, NewUserBody, UserChangeBody};
use self::wanted::{Wanted, page_of};
use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Bearer, Json, Origin, Query};
use crate::handlers::caller::Caller;
use crate::handlers::fields::{self, Fields};
use crate::handlers::page::Page;
use crate::handlers::refusals::{Guarded, JsonBody, OfUser, Queried};
use crate::handlers::sessions::SessionBody;
use crate::handlers::users::UserBody;
use crate::request_log::Problem;
use crate::state::AppState;

/// Lists accounts.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/users",
    tag = "administration",
    summary = "List accounts, or search them by what their name or address begins with",
    security(("password" = ["admin"])),
    params(Wanted),
    responses(
        (status = 200, description = "A part of the list", body = Page<UserBody>),
        Guarded,
        Queried,
    )
)]
pub async fn list(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    Query(wanted): Query<Wanted>,
) -> Result<web::Json<Page<UserBody>>, ApiError> {
    let (query, page) = wanted.query()?;
    let limit = page.limit()?;
    let page = blocking::run::<_, ApiError, _>(move || {
        Caller::administrator(&state, &token)?;
        let found = state.store.list_users(&query, limit + 1)?;
        Ok(page_of(&query, found, limit))
    })
    .await?;
    Ok(web::Json(page))
}

/// Makes an account.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/admin/users",
    tag = "administration",
    summary = "Make an account, with roles",
    security(("password" = ["admin"])),
    request_body = NewUserBody,
    responses(
        (status = 201, description = "Made", body = UserBody),
        (status = 409, description = "The username or email address is taken", body = Problem, content_type = "application/problem+json"),
        Guarded,
        JsonBody,
    )
)]
pub async fn create(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    Json(body): Json<NewUserBody>,
) -> Result<HttpResponse, ApiError> {
    let command = body.check(&state.policy)?;
    let user = blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        let AppState {
            store,
            passwords,
            policy,
            ..
        } = &**state;
        Ok(flows::register(store, passwords, policy, command, &act)?)
    })
    .await?;
    let location = format!("/admin/users/{}", user.id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .json(UserBody::from(user)))
}

/// Shows an account.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/users/{id}",
    tag = "administration",
    summary = "Show an account",
    security(("password" = ["admin"])),
    params(("id" = i64, Path, description = "The user's number", example = 1)),
    responses(
        (status = 200, description = "The account", body = UserBody),
        Guarded,
        OfUser,
    )
)]
pub async fn show(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    id: web::Path<String>,
) -> Result<web::Json<UserBody>, ApiError> {
    let id = number(&id)?;
    let user = blocking::run::<_, ApiError, _>(move || {
        Caller::administrator(&state, &token)?;
        state.store.find_user(id)?.ok_or(ApiError::NoSuchUser)
    })
    .await?;
    Ok(web::Json(user.into()))
}

/// Changes an account.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    patch,
    path = "/admin/users/{id}",
    tag = "administration",
    summary = "Change an account, its roles, or whether it may be used",
    security(("password" = ["admin"])),
    params(("id" = i64, Path, description = "The user's number", example = 1)),
    request_body = UserChangeBody,
    responses(
        (status = 200, description = "The account as it is now; if it was disabled, its sessions have ended", body = UserBody),
        (status = 409, description = "The email address is taken, or the caller would lose the role of administrators", body = Problem, content_type = "application/problem+json"),
        Guarded,
        JsonBody,
        OfUser,
    )
)]
pub async fn change(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
    Json(body): Json<UserChangeBody>,
) -> Result<web::Json<UserBody>, ApiError> {
    let id = number(&id)?;
    let change = body.check()?;
    let user = blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        let is_demoted = |roles: &BTreeSet<Role>| !roles.contains(&Role::admin());
        if change.active == Some(false) || change.roles.as_ref().is_some_and(is_demoted) {
            insist_on_another(&act, id)?;
        }
        let changed = state.store.update_user(id, &change, &act);
        changed
            .map_err(RegisterError::from)?
            .ok_or(ApiError::NoSuchUser)
    })
    .await?;
    Ok(web::Json(user.into()))
}

/// Deletes an account.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/admin/users/{id}",
    tag = "administration",
    summary = "Delete an account; its username stays taken for ever",
    security(("password" = ["admin"])),
    params(("id" = i64, Path, description = "The user's number", example = 1)),
    responses(
        (status = 204, description = "Deleted, with its sessions"),
        (status = 409, description = "It is the caller's own account", body = Problem, content_type = "application/problem+json"),
        Guarded,
        OfUser,
    )
)]
pub async fn delete(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = number(&id)?;
    blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        insist_on_another(&act, id)?;
        found(state.store.delete_user(id, &act)?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives somebody another password.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    put,
    path = "/admin/users/{id}/password",
    tag = "administration",
    summary = "Give somebody another password",
    security(("password" = ["admin"])),
    params(("id" = i64, Path, description = "The user's number", example = 1)),
    request_body = NewPasswordBody,
    responses(
        (status = 204, description = "Done; every session of the user has ended"),
        Guarded,
        JsonBody,
        OfUser,
    )
)]
pub async fn reset_password(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
    Json(body): Json<NewPasswordBody>,
) -> Result<HttpResponse, ApiError> {
    let id = number(&id)?;
    blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        let user = state.store.find_user(id)?.ok_or(ApiError::NoSuchUser)?;
        let mut fields = Fields::default();
        let (field, text) = ("new_password", body.new_password);
        let owner = Personal::from(&user);
        let password = fields.new_password(field, text, &state.policy, owner);
        let password = fields.finish(password)?;
        fields::check_breached(field, &password, &state.policy)?;
        let hash = state.passwords.hash_blocking(&password)?;
        found(state.store.set_password_hash(id, &hash, &act)?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lists somebody's sessions, the one used last first.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/users/{id}/sessions",
    tag = "administration",
    summary = "Show where somebody is logged in",
    security(("password" = ["admin"])),
    params(("id" = i64, Path, description = "The user's number", example = 1)),
    responses(
        (status = 200, description = "The sessions that live, the one used last first", body = [SessionBody]),
        Guarded,
        OfUser,
    )
)]
pub async fn sessions(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    id: web::Path<String>,
) -> Result<web::Json<Vec<SessionBody>>, ApiError> {
    let id = number(&id)?;
    let sessions = blocking::run::<_, ApiError, _>(move || {
        let caller = Caller::administrator(&state, &token)?;
        found(state.store.find_user(id)?.is_some())?;
        let sessions = state.store.sessions_of(id, state.clock.now())?;
        let bodies = sessions.into_iter();
        let bodies = bodies.map(|session| SessionBody::of(session, caller.session()));
        Ok(bodies.collect())
    })
    .await?;
    Ok(web::Json(sessions))
}

/// Logs somebody out everywhere.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/admin/users/{id}/sessions",
    tag = "administration",
    summary = "Log somebody out everywhere",
    security(("password" = ["admin"])),
    params(("id" = i64, Path, description = "The user's number", example = 1)),
    responses(
        (status = 204, description = "Every session of the user has ended"),
        Guarded,
        OfUser,
    )
)]
pub async fn end_sessions(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = number(&id)?;
    blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        found(state.store.find_user(id)?.is_some())?;
        state
            .store
            .end_sessions(id, None, EndReason::Revoked, &act)?;
        Ok(())
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is no number is nobody's.
fn number(text: &str) -> Result<UserId, ApiError> {
    let id = text.parse().ok().map(UserId::try_new);
    id.and_then(Result::ok).ok_or(ApiError::NoSuchUser)
}

fn found(is_there: bool) -> Result<(), ApiError> {
    if is_there {
        Ok(())
    } else {
        Err(ApiError::NoSuchUser)
    }
}

/// Nobody locks the last administrator out by mistake: whoever administers stays one.
fn insist_on_another(act: &Act, id: UserId) -> Result<(), ApiError> {
    if act.actor == Actor::User(id) {
        return Err(ApiError::OwnAccount);
    }
    Ok(())
}
