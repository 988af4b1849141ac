//! `/users/me/sessions`: where the caller is logged in.

use actix_web::{HttpResponse, web};
use passgate_domain::ports::SessionStore;
use passgate_domain::session::{EndReason, Session, SessionId};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::refusals::Guarded;
use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Bearer, Origin};
use crate::request_log::Problem;
use crate::state::AppState;

/// A session, as its owner recognises it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    /// Its name, the `sid` of its access tokens.
    id: Uuid,
    /// Whether this request belongs to it.
    current: bool,
    /// The client that logged in.
    client_id: String,
    /// What its access tokens may be used for at most.
    scope: String,
    /// What the device that used it last calls itself.
    user_agent: Option<String>,
    /// The network address it was last used from.
    address: Option<String>,
    /// When somebody logged in.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it was last refreshed.
    #[serde(with = "time::serde::rfc3339")]
    last_used_at: OffsetDateTime,
    /// When it ends if it is not refreshed before.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl SessionBody {
    pub(super) fn of(session: Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.as_uuid(),
            current: Some(session.id) == current,
            client_id: session.client_id,
            scope: session.scope.to_string(),
            user_agent: session.device.user_agent,
            address: session.device.address,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.idle_until,
        }
    }
}

/// Lists the caller's sessions, the one used last first.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/users/me/sessions",
    tag = "sessions",
    summary = "Show where the caller is logged in",
    security(("password" = ["profile"])),
    responses(
        (status = 200, description = "The sessions that live, the one used last first", body = [SessionBody]),
        Guarded,
    )
)]
pub async fn list(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
) -> Result<web::Json<Vec<SessionBody>>, ApiError> {
    let (sessions, current) = blocking::run::<_, ApiError, _>(move || {
        let caller = Caller::of(&state, &token)?;
        let sessions = state.store.sessions_of(caller.user.id, state.clock.now())?;
        Ok((sessions, caller.session))
    })
    .await?;
    let bodies = sessions
        .into_iter()
        .map(|session| SessionBody::of(session, Some(current)));
    Ok(web::Json(bodies.collect()))
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/users/me/sessions/{id}",
    tag = "sessions",
    summary = "Log the caller out of one session",
    security(("password" = ["profile"])),
    params(("id" = Uuid, Path, description = "The session")),
    responses(
        (status = 204, description = "Ended"),
        (status = 404, description = "The caller has no such session", body = Problem, content_type = "application/problem+json"),
        Guarded,
    )
)]
pub async fn end(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let wanted = id
        .parse()
        .map(SessionId::from_uuid)
        .map_err(|_| ApiError::NoSuchSession)?;
    blocking::run(move || {
        let caller = Caller::of(&state, &token)?;
        let act = caller.act(&state, &origin);
        let (user, revoked) = (caller.user.id, EndReason::Revoked);
        if state.store.end_session_of(user, wanted, revoked, &act)? {
            Ok(())
        } else {
            Err(ApiError::NoSuchSession)
        }
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends all of the caller's sessions but the current one.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/users/me/sessions",
    tag = "sessions",
    summary = "Log the caller out everywhere else",
    security(("password" = ["profile"])),
    responses(
        (status = 204, description = "Every other session has ended"),
        Guarded,
    )
)]
pub async fn end_others(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
) -> Result<HttpResponse, ApiError> {
    blocking::run::<_, ApiError, _>(move || {
        let caller = Caller::of(&state, &token)?;
        let act = caller.act(&state, &origin);
        let (user, keep) = (caller.user.id, Some(caller.session));
        let revoked = EndReason::Revoked;
        Ok(state.store.end_sessions(user, keep, revoked, &act)?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
