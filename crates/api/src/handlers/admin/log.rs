//! `/admin/log`: what this process logs, for administrators.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpResponse, rt, web};
use passgate_domain::audit::{Action, Deed};
use passgate_domain::ports::AuditStore;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::runtime::Handle;
use utoipa::ToSchema;

use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Bearer, Json, Origin};
use crate::handlers::caller::Caller;
use crate::handlers::fields::Fields;
use crate::handlers::refusals::{Guarded, JsonBody};
use crate::request_log::Problem;
use crate::state::AppState;
use crate::telemetry::{Change, Checked};

/// How long another filter counts unless the request says so, in seconds.
const SECONDS: u32 = 15 * 60;

/// How long it may count, in seconds.
const MAX_SECONDS: u32 = 24 * 60 * 60;

/// What is logged.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogBody {
    /// The filter that counts.
    #[schema(example = "info,passgate_api=debug")]
    pub filter: String,
    /// Until when, if it is not the configured one.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<OffsetDateTime>,
    /// The filter of the settings, which counts otherwise.
    pub configured: String,
}

impl LogBody {
    fn of(state: &AppState) -> Self {
        let configured = state.log.configured().to_owned();
        match state.log.other() {
            Some(other) => Self {
                filter: other.filter,
                until: Some(other.until),
                configured,
            },
            None => Self {
                filter: configured.clone(),
                until: None,
                configured,
            },
        }
    }
}

/// A wish for another filter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// A level, or levels by module.
    #[schema(example = "info,passgate_api=debug", min_length = 1, max_length = 1024)]
    filter: String,
    /// How long it is to count, in seconds.
    #[serde(default = "default_seconds")]
    #[schema(minimum = 1, maximum = 86_400, default = 900)]
    seconds: u32,
}

fn default_seconds() -> u32 {
    SECONDS
}

impl ChangeBody {
    fn check(&self) -> Result<(Checked, Duration), ApiError> {
        let mut fields = Fields::default();
        let filter = fields.checked("filter", Checked::parse(&self.filter));
        if !(1..=MAX_SECONDS).contains(&self.seconds) {
            let message = format!("is from 1 to {MAX_SECONDS}");
            fields.refuse("seconds", "invalid", message);
        }
        let filter = fields.finish(filter)?;
        Ok((filter, Duration::from_secs(self.seconds.into())))
    }
}

/// Shows what is logged.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/log",
    tag = "administration",
    summary = "Show what the replica that answers logs",
    security(("password" = ["admin"])),
    responses(
        (status = 200, description = "The filter that counts", body = LogBody),
        Guarded,
    )
)]
pub async fn show(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
) -> Result<web::Json<LogBody>, ApiError> {
    let body = blocking::run::<_, ApiError, _>(move || {
        Caller::administrator(&state, &token)?;
        Ok(LogBody::of(&state))
    })
    .await?;
    Ok(web::Json(body))
}

/// Makes another filter count for a while.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    put,
    path = "/admin/log",
    tag = "administration",
    summary = "Have the replica that answers log something else for a while",
    security(("password" = ["admin"])),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "The filter that counts from now on", body = LogBody),
        (status = 409, description = "The log is that of another program", body = Problem, content_type = "application/problem+json"),
        Guarded,
        JsonBody,
    )
)]
pub async fn change(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    Json(body): Json<ChangeBody>,
) -> Result<web::Json<LogBody>, ApiError> {
    let (filter, time) = body.check()?;
    let body = blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        state.log.must_be_ours()?;
        let deed = Deed::new(Action::LogFilterChanged).detail(format!(
            "{} for {} s",
            filter.as_str(),
            time.as_secs()
        ));
        // What nobody can look up later is not done, and what counted goes on.
        state.store.record(&deed, &act)?;
        let change = state.log.change(&filter, act.at + time)?;
        // Here, and not when all is done: whoever asked may have been given up by then.
        Handle::current().spawn(end(state.clone().into_inner(), change, time));
        tracing::warn!(filter = filter.as_str(), "the log has another filter");
        Ok(LogBody::of(&state))
    })
    .await?;
    Ok(web::Json(body))
}

/// Has the configured filter count again after a time.
async fn end(state: Arc<AppState>, change: Change, after: Duration) {
    rt::time::sleep(after).await;
    if state.log.end(change) {
        tracing::warn!("{RESTORED}");
    }
}

/// What is told at the end of another filter.
const RESTORED: &str = "the log has its configured filter again";

/// Goes back to the configured filter.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/admin/log",
    tag = "administration",
    summary = "Have the replica that answers log what is configured",
    security(("password" = ["admin"])),
    responses(
        (status = 204, description = "The configured filter counts"),
        (status = 409, description = "The log is that of another program", body = Problem, content_type = "application/problem+json"),
        Guarded,
    )
)]
pub async fn restore(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
) -> Result<HttpResponse, ApiError> {
    blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        state.log.must_be_ours()?;
        if state.log.other().is_none() {
            return Ok(());
        }
        let deed = Deed::new(Action::LogFilterChanged).detail("the configured one");
        state.store.record(&deed, &act)?;
        if state.log.restore()? {
            tracing::warn!("{RESTORED}");
        }
        Ok(())
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
