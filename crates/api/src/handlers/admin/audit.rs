//! `/admin/audit`: the audit log.

use actix_web::web;
use passgate_domain::audit::{Action, Event, EventFilter};
use passgate_domain::ports::AuditStore;
use passgate_domain::{UserId, ids::InvalidUserId};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};
use utoipa::{IntoParams, ToSchema};

use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Bearer, Query};
use crate::handlers::caller::Caller;
use crate::handlers::page::{Page, PageQuery};
use crate::handlers::refusals::{Guarded, Queried};
use crate::state::AppState;

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventBody {
    /// Its number: of two, the later has the greater.
    id: i64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// What was done.
    #[schema(example = "user_disabled")]
    action: String,
    /// Who did it: `user:` or `client:` and its name, `operator` (the command line), `passgate`
    /// (itself) or `anonymous`.
    #[schema(example = "user:1")]
    actor: String,
    /// The user whom it concerns.
    user_id: Option<i64>,
    /// What else it concerns: a session, a client, a key.
    target: Option<String>,
    /// What else there is to say.
    detail: Option<String>,
    /// The network address of the request.
    address: Option<String>,
    /// The id of the request, which the log has too.
    request_id: Option<String>,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            at: event.at,
            action: event.action,
            actor: event.actor,
            user_id: event.user.map(UserId::get),
            target: event.target,
            detail: event.detail,
            address: event.address,
            request_id: event.request_id,
        }
    }
}

/// Which events are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only those that concern this user.
    user_id: Option<i64>,
    /// Only those by this actor.
    #[param(example = "user:1")]
    actor: Option<String>,
    /// Only of this action.
    #[param(example = "log_in_refused")]
    action: Option<String>,
    /// Only from this time on.
    #[serde(default, with = "time::serde::rfc3339::option")]
    since: Option<OffsetDateTime>,
    /// Only from before this time.
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
    /// At most so many, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next` of the part before.
    after: Option<String>,
}

/// The list's kind, in its cursors.
const KIND: char = 'a';

impl Wanted {
    fn filter(self) -> Result<(EventFilter, u32), ApiError> {
        let page = PageQuery {
            limit: self.limit,
            after: self.after,
        };
        let limit = page.limit()?;
        let user = self.user_id.map(UserId::try_new).transpose();
        let action = self.action.as_deref().map(parse_action).transpose()?;
        let filter = EventFilter {
            before: page.after_number(KIND)?,
            user: user.map_err(|error: InvalidUserId| ApiError::Malformed(error.to_string()))?,
            actor: self.actor,
            action,
            since: self.since.map(|at| in_utc("since", at)).transpose()?,
            until: self.until.map(|at| in_utc("until", at)).transpose()?,
            limit: limit + 1,
        };
        Ok((filter, limit))
    }
}

fn parse_action(name: &str) -> Result<Action, ApiError> {
    Action::parse(name).map_err(|error| ApiError::Malformed(error.to_string()))
}

/// The same moment in UTC, where the store reads it; behind a time zone the last hours there are may be
/// beyond the last year.
fn in_utc(parameter: &str, at: OffsetDateTime) -> Result<OffsetDateTime, ApiError> {
    at.checked_to_offset(UtcOffset::UTC).ok_or_else(|| {
        ApiError::Malformed(format!(
            "The time {parameter} is after the year 9999 in UTC"
        ))
    })
}

/// Shows the audit log, the newest events first.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/audit",
    tag = "administration",
    summary = "Show who did what, the newest first",
    security(("password" = ["admin"])),
    params(Wanted),
    responses(
        (status = 200, description = "A part of the log", body = Page<EventBody>),
        Guarded,
        Queried,
    )
)]
pub async fn list(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    Query(wanted): Query<Wanted>,
) -> Result<web::Json<Page<EventBody>>, ApiError> {
    let (filter, limit) = wanted.filter()?;
    let events = blocking::run::<_, ApiError, _>(move || {
        Caller::administrator(&state, &token)?;
        Ok(state.store.events(&filter)?)
    })
    .await?;
    let page = Page::of(events, limit, KIND, |event| event.id.to_string());
    Ok(web::Json(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_in_utc_is_refused_by_its_name() {
        let wanted = |query: &str| {
            let wanted = web::Query::<Wanted>::from_query(query).unwrap();
            wanted.into_inner().filter().map(|(filter, _)| filter)
        };
        for parameter in ["since", "until"] {
            let query = format!("{parameter}=9999-12-31T23:59:59-01:00");
            let refused = wanted(&query).err().unwrap().to_string();
            assert!(refused.contains(parameter), "{refused}");
        }
        for good in [
            "since=9999-12-31T23:59:59Z",
            "until=9999-12-31T23:59:59%2B01:00",
            "since=0000-01-01T00:00:00%2B23:59",
        ] {
            assert!(wanted(good).is_ok(), "{good}");
        }
    }
}
