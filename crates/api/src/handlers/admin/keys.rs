//! `/admin/keys`: the keys that sign and verify, for administrators.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use passgate_domain::ports::SigningKeyStore;
use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Bearer, Origin};
use crate::handlers::caller::Caller;
use crate::handlers::refusals::Guarded;
use crate::request_log::Problem;
use crate::state::AppState;

/// A signing key, and the times of its life.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyBody {
    /// Its name in the header of a token.
    pub kid: String,
    /// What it signs with.
    pub algorithm: String,
    /// `announced` (published, does not sign yet), `active` (signs) or `retired` (published,
    /// signs nothing more).
    pub state: &'static str,
    /// When it was made, and published.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// From when on an announced key may sign. It does some seconds later.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub signs_from: Option<OffsetDateTime>,
    /// Since when it signs, or signed.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub promoted_at: Option<OffsetDateTime>,
    /// Until when it signed.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub retired_at: Option<OffsetDateTime>,
    /// When a retired key goes: no token that it signed is alive then.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub removed_from: Option<OffsetDateTime>,
}

impl From<StoredSigningKey> for KeyBody {
    fn from(key: StoredSigningKey) -> Self {
        let (signs_from, promoted_at, retired_at) = match key.state {
            SigningKeyState::Announced { promotable_at } => (Some(promotable_at), None, None),
            SigningKeyState::Active { promoted_at } => (None, Some(promoted_at), None),
            SigningKeyState::Retired {
                promoted_at,
                retired_at,
            } => (None, Some(promoted_at), Some(retired_at)),
        };
        Self {
            kid: key.kid,
            algorithm: key.algorithm,
            state: key.state.name(),
            created_at: key.created_at,
            signs_from,
            promoted_at,
            retired_at,
            removed_from: key.state.removable_at(),
        }
    }
}

/// Lists the keys.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/keys",
    tag = "administration",
    summary = "Show the keys that sign and verify",
    security(("password" = ["admin"])),
    responses(
        (status = 200, description = "The keys, the active one first", body = [KeyBody]),
        Guarded,
    )
)]
pub async fn list(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
) -> Result<web::Json<Vec<KeyBody>>, ApiError> {
    let keys = blocking::run::<_, ApiError, _>(move || {
        Caller::administrator(&state, &token)?;
        Ok(state.store.signing_keys()?)
    })
    .await?;
    Ok(web::Json(keys.into_iter().map(KeyBody::from).collect()))
}

/// Announces the key that is to sign next.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/admin/keys",
    tag = "administration",
    summary = "Announce the key that is to sign next",
    security(("password" = ["admin"])),
    responses(
        (status = 201, description = "It is published, and signs from the time in `signs_from` on", body = KeyBody),
        (status = 409, description = "A key is announced already, or tokens are signed with a shared secret", body = Problem, content_type = "application/problem+json"),
        Guarded,
    )
)]
pub async fn announce(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
) -> Result<HttpResponse, ApiError> {
    let next = blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        let keys = state.keys.as_ref().ok_or(ApiError::NoSigningKeys)?;
        Ok(keys.announce(&state.store, &act)?)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, "/admin/keys"))
        .json(KeyBody::from(next)))
}
