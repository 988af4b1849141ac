use diesel::connection::SimpleConnection;
use diesel::dsl::{AsSelect, SqlTypeOf, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Timestamptz};
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

/// By their times, and not by their numbers: those that were written while a clock was ahead would be in
/// the way. Whoever comes while another is at it does nothing.
const REMOVE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($3) AS is_ours),
    oldest AS MATERIALIZED (
        SELECT id FROM audit_events
        WHERE (SELECT is_ours FROM turn) AND at < $1
        ORDER BY at, id LIMIT $2)
    DELETE FROM audit_events WHERE id IN (SELECT id FROM oldest)";

/// The advisory lock of the one who removes: "passgate", and what for.
const REMOVING: i64 = 0x7061_7373_6175_6469;

/// Where they begin, and their order. By the times that are asked for an index finds them; by their
/// numbers all that are newer than the time would have to be read, or all that are older.
fn wanted(
    filter: &EventFilter,
) -> audit_events::BoxedQuery<'_, Pg, SqlTypeOf<AsSelect<EventRow, Pg>>> {
    let mut events = audit_events::table
        .limit(filter.limit.into())
        .select(EventRow::as_select())
        .into_boxed();
    if filter.is_by_time() {
        events = events.order((audit_events::at.desc(), audit_events::id.desc()));
    } else {
        events = events.order(audit_events::id.desc());
    }
    match filter.before {
        Some(before) if filter.is_by_time() => {
            events = events.filter(
                sql::<Bool>(
                    "(at, id) < (SELECT it.at, it.id FROM audit_events AS it WHERE it.id = ",
                )
                .bind::<BigInt, _>(before)
                .sql(")"),
            );
        }
        Some(before) => events = events.filter(audit_events::id.lt(before)),
        None => {}
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
    events
}

fn remove(connection: &mut PgConnection, before: OffsetDateTime, limit: u32) -> QueryResult<usize> {
    connection.batch_execute("SET LOCAL passgate.audit_retention = 'on'")?;
    diesel::sql_query(REMOVE)
        .bind::<Timestamptz, _>(before)
        .bind::<BigInt, _>(i64::from(limit))
        .bind::<BigInt, _>(REMOVING)
        .execute(connection)
}

impl AuditStore for PgStore {
    fn record(&self, deed: &Deed, act: &Act) -> Result<(), StoreError> {
        Ok(self.with(|connection| Ok(write(connection, deed, act)?))?)
    }

    fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<EventRow> = self.read(|connection| Ok(wanted(filter).load(connection)?))?;
        rows.into_iter().map(EventRow::into_event).collect()
    }

    fn remove_events(&self, before: OffsetDateTime, limit: u32) -> Result<usize, StoreError> {
        let removed = self.with(|connection| {
            Ok(connection.transaction(|connection| remove(connection, before, limit))?)
        });
        Ok(removed?)
    }
}

#[cfg(all(test, feature = "testing"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::reads::rows_read;
    use crate::testing::TestDatabase;
    use time::Duration;
    use time::macros::datetime;

    const FIRST: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
    const EVENTS: i64 = 20_000;

    /// An event a second.
    fn full() -> TestDatabase {
        let database = TestDatabase::new();
        database
            .connect()
            .batch_execute(&format!(
                "INSERT INTO audit_events (at, action, actor, user_id)
                 SELECT '2026-11-01 12:00Z'::timestamptz + make_interval(secs => n),
                        'logged_in', 'user:' || n % 100, n % 100
                 FROM generate_series(0, {EVENTS} - 1) AS n;
                 ANALYZE audit_events"
            ))
            .unwrap();
        database
    }

    #[test]
    fn whoever_asks_for_a_time_reads_what_is_shown() {
        let database = full();
        let mut connection = database.connect();
        let mut read = |since: Option<i64>, until: Option<i64>, before| {
            let at = |seconds| FIRST + Duration::seconds(seconds);
            let filter = EventFilter {
                since: since.map(at),
                until: until.map(at),
                before,
                limit: 50,
                ..EventFilter::default()
            };
            let mut shown = 0;
            let read = rows_read(&mut connection, "audit_events", |connection| {
                let rows: Vec<EventRow> = wanted(&filter).load(connection).unwrap();
                shown = i64::try_from(rows.len()).unwrap();
            });
            (shown, read)
        };
        for (since, until, before, expected) in [
            // Fewer than there is room for, and more.
            (Some(EVENTS - 10), None, None, 10),
            (Some(10), None, None, 50),
            (None, Some(10), None, 10),
            (None, Some(EVENTS / 2), None, 50),
            (Some(9_000), Some(10_000), None, 50),
            (None, Some(10_000), Some(5_000), 50),
        ] {
            let (shown, read) = read(since, until, before);
            let asked = format!("{since:?} {until:?} {before:?}");
            assert_eq!(shown, expected, "{asked}");
            assert!(read <= 200, "{asked}: {read}");
        }
    }

    #[test]
    fn retention_reads_what_it_removes() {
        let database = full();
        let read = rows_read(&mut database.connect(), "audit_events", |connection| {
            let before = FIRST + Duration::seconds(100);
            assert_eq!(remove(connection, before, 10).unwrap(), 10);
        });
        assert!(read <= 40, "{read}");
    }
}
