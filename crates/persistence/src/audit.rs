use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use passgate_domain::UserId;
use passgate_domain::audit::{Act, Deed, Event, EventFilter};
use passgate_domain::ports::{AuditStore, StoreError};
use time::OffsetDateTime;

use crate::PgStore;
use crate::error::corrupt;
use crate::schema::audit_events;

#[derive(Insertable)]
#[diesel(table_name = audit_events)]
struct NewEventRow<'a> {
    at: OffsetDateTime,
    action: &'a str,
    actor: String,
    user_id: Option<i64>,
    target: Option<&'a str>,
    detail: Option<&'a str>,
    address: Option<&'a str>,
    request_id: Option<&'a str>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct EventRow {
    id: i64,
    at: OffsetDateTime,
    action: String,
    actor: String,
    user_id: Option<i64>,
    target: Option<String>,
    detail: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
}

impl EventRow {
    fn into_event(self) -> Result<Event, StoreError> {
        let user = self.user_id.map(UserId::try_new).transpose();
        Ok(Event {
            id: self.id,
            at: self.at,
            action: self.action,
            actor: self.actor,
            user: user
                .map_err(|cause| corrupt("audit_events", "user_id", &self.id, cause.into()))?,
            target: self.target,
            detail: self.detail,
            address: self.address,
            request_id: self.request_id,
        })
    }
}

/// Writes a deed down in its caller's transaction.
pub(crate) fn write(connection: &mut PgConnection, deed: &Deed, act: &Act) -> QueryResult<()> {
    diesel::insert_into(audit_events::table)
        .values(NewEventRow {
            at: act.at,
            action: deed.action.as_str(),
            actor: act.actor.to_string(),
            user_id: deed.user.map(UserId::get),
            target: deed.target.as_deref(),
            detail: deed.detail.as_deref(),
            address: act.address.as_deref(),
            request_id: act.request_id.as_deref(),
        })
        .execute(connection)?;
    Ok(())
}

/// Looks at the batch with the lowest numbers only: they are the oldest, and where they are not old
/// enough, no other is looked at. Whoever comes while another is at it does nothing.
const REMOVE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($3) AS is_ours),
    oldest AS MATERIALIZED (
        SELECT id, at FROM audit_events
        WHERE (SELECT is_ours FROM turn)
        ORDER BY id LIMIT $2)
    DELETE FROM audit_events WHERE id IN (SELECT id FROM oldest WHERE at < $1)";

/// The advisory lock of the one who removes: "passgate", and what for.
const REMOVING: i64 = 0x7061_7373_6175_6469;

impl AuditStore for PgStore {
    fn record(&self, deed: &Deed, act: &Act) -> Result<(), StoreError> {
        Ok(self.with(|connection| Ok(write(connection, deed, act)?))?)
    }

    fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<EventRow> = self.read(|connection| {
            let mut events = audit_events::table
                .order(audit_events::id.desc())
                .limit(filter.limit.into())
                .select(EventRow::as_select())
                .into_boxed();
            if let Some(before) = filter.before {
                events = events.filter(audit_events::id.lt(before));
            }
            if let Some(user) = filter.user {
                events = events.filter(audit_events::user_id.eq(user.get()));
            }
            if let Some(actor) = &filter.actor {
                events = events.filter(audit_events::actor.eq(actor.as_str()));
            }
            if let Some(action) = filter.action {
                events = events.filter(audit_events::action.eq(action.as_str()));
            }
            if let Some(since) = filter.since {
                events = events.filter(audit_events::at.ge(since));
            }
            if let Some(until) = filter.until {
                events = events.filter(audit_events::at.lt(until));
            }
            Ok(events.load(connection)?)
        })?;
        rows.into_iter().map(EventRow::into_event).collect()
    }

    fn remove_events(&self, before: OffsetDateTime, limit: u32) -> Result<usize, StoreError> {
        let removed = self.with(|connection| {
            let removed = connection.transaction(|connection| {
                connection.batch_execute("SET LOCAL passgate.audit_retention = 'on'")?;
                diesel::sql_query(REMOVE)
                    .bind::<Timestamptz, _>(before)
                    .bind::<BigInt, _>(i64::from(limit))
                    .bind::<BigInt, _>(REMOVING)
                    .execute(connection)
            })?;
            Ok(removed)
        });
        Ok(removed?)
    }
}
