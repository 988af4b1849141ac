/// A session that no registered client opened, or one whose client is still the one that did, and
/// enabled.
macro_rules! client_allows {
    () => {
        "(NOT sessions.of_client OR EXISTS (
            SELECT FROM clients
            WHERE clients.id = sessions.client_id AND clients.disabled_at IS NULL
              AND clients.created_at <= sessions.created_at))"
    };
}

pub(crate) mod open;
pub(crate) mod rotate;

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::ports::{SessionStore, StoreError};
use passgate_domain::session::{
    EndReason, LiveSession, MAX_SESSIONS, NewSession, Revocation, Rotate, Rotation, Session,
    SessionId,
};
use passgate_domain::{ClientId, PasswordHash, User, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PgStore;
use crate::audit;
use crate::error::PgError;
use crate::rows::{SessionRow, UserRow};
use crate::schema::{sessions, users};

/// A batch of the sessions of a user that were not ended, in the order of their ids. How many there are
/// has a bound by now, and has none in what releases without it left.
const END_BATCH: &str = "
    WITH batch AS MATERIALIZED (
        SELECT id FROM sessions
        WHERE user_id = $1 AND ended_at IS NULL AND id > $2 ORDER BY id LIMIT $3),
    ended AS (
        UPDATE sessions SET ended_at = $4, end_reason = $5
        WHERE id = ANY (ARRAY (SELECT id FROM batch)) AND id <> $6
          AND ended_at IS NULL AND idle_until > $4 AND expires_at > $4
        RETURNING id)
    SELECT (SELECT count(*) FROM ended) AS ended,
           (SELECT id FROM batch ORDER BY id OFFSET $3 - 1) AS last";

/// How many sessions are in a batch: a statement of some hundred milliseconds.
const END_AT_ONCE: i64 = 10_000;

#[derive(QueryableByName)]
struct EndedBatch {
    #[diesel(sql_type = BigInt)]
    ended: i64,
    /// Where there may be more behind it.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    last: Option<Uuid>,
}

/// Ends every session of a user that lives, but for one, in its caller's transaction.
pub(crate) fn end_all(
    connection: &mut PgConnection,
    user: UserId,
    keep: Option<SessionId>,
    reason: EndReason,
    now: OffsetDateTime,
) -> QueryResult<usize> {
    // No session has the nil UUID: they are random.
    let keep = keep.map_or_else(Uuid::nil, SessionId::as_uuid);
    let mut after = Some(Uuid::nil());
    let mut ended = 0;
    while let Some(id) = after {
        let batch: EndedBatch = diesel::sql_query(END_BATCH)
            .bind::<BigInt, _>(user.get())
            .bind::<SqlUuid, _>(id)
            .bind::<BigInt, _>(END_AT_ONCE)
            .bind::<Timestamptz, _>(now)
            .bind::<Text, _>(reason.as_str())
            .bind::<SqlUuid, _>(keep)
            .get_result(connection)?;
        ended += usize::try_from(batch.ended).unwrap_or_default();
        after = batch.last;
    }
    Ok(ended)
}

/// Who ends a session.
#[derive(Clone, Copy)]
enum By<'a> {
    /// Somebody who may end any.
    Anybody,
    /// Somebody who may end their own.
    User(UserId),
    /// Whoever holds its token, which is for nobody else if a registered client opened it.
    Client(Option<&'a ClientId>),
}

/// Ends one session that lives, in its caller's transaction.
fn end_one(
    connection: &mut PgConnection,
    id: SessionId,
    by: By<'_>,
    reason: EndReason,
    act: &Act,
) -> Result<bool, PgError> {
    let one = diesel::update(sessions::table.find(id.as_uuid()))
        .filter(lives(act.at))
        .set((
            sessions::ended_at.eq(act.at),
            sessions::end_reason.eq(reason.as_str()),
        ))
        .into_boxed();
    let one = match by {
        By::Anybody => one,
        By::User(user) => one.filter(sessions::user_id.eq(user.get())),
        // No client has the empty id.
        By::Client(client) => one.filter(
            sessions::of_client
                .eq(false)
                .or(sessions::client_id.eq(client.map_or("", ClientId::as_str))),
        ),
    };
    let of: Option<i64> = one
        .returning(sessions::user_id)
        .get_result(connection)
        .optional()?;
    let Some(of) = of else { return Ok(false) };
    let mut deed = Deed::new(Action::SessionEnded).target(&id);
    deed.user = UserId::try_new(of).ok();
    audit::write(connection, &deed.detail(reason.as_str()), act)?;
    Ok(true)
}

/// Removes by primary key, so that a batch locks as many rows as it removes. Those that ended or
/// whose life is over are found by index. When a session was last used is in none, as it changes
/// with each refresh: of those that nobody used, a stretch from a random id on is looked through, which
/// is the whole table while it is small. Whoever comes while another is at it does nothing: the lock
/// is the transaction's.
const REMOVE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($3) AS is_ours),
    stretch AS MATERIALIZED (
        (SELECT id, idle_until FROM sessions
         WHERE (SELECT is_ours FROM turn) AND id >= $4 ORDER BY id LIMIT $5)
        UNION ALL
        (SELECT id, idle_until FROM sessions
         WHERE (SELECT is_ours FROM turn) AND id < $4 ORDER BY id LIMIT $5)),
    over AS MATERIALIZED (
        (SELECT id FROM sessions
         WHERE (SELECT is_ours FROM turn) AND ended_at < $1 LIMIT $2)
        UNION
        (SELECT id FROM sessions
         WHERE (SELECT is_ours FROM turn) AND expires_at <= $1 LIMIT $2)
        UNION
        SELECT id FROM stretch WHERE idle_until <= $1
        LIMIT $2)
    DELETE FROM sessions WHERE id IN (SELECT id FROM over)";

/// How many sessions are looked at on each side of the random id.
const STRETCH: i64 = 5000;

/// The advisory lock of the one who removes: "passgate", and what for.
const REMOVING: i64 = 0x7061_7373_7265_6d76;

/// Sessions that were not ended and whose time is not over.
#[diesel::dsl::auto_type(no_type_alias)]
fn lives(now: OffsetDateTime) -> _ {
    sessions::ended_at
        .is_null()
        .and(sessions::idle_until.gt(now))
        .and(sessions::expires_at.gt(now))
}

impl SessionStore for PgStore {
    fn open_session(
        &self,
        session: &NewSession,
        credential: &PasswordHash,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let opened =
            self.with(|connection| Ok(open::open(connection, session, credential, &[], act)?));
        Ok(self.noted(opened?))
    }

    fn rotate_session(&self, rotate: &Rotate, act: &Act) -> Result<Rotation, StoreError> {
        let rotation = self.with(|connection| rotate::rotate(connection, rotate, act));
        if matches!(rotation, Ok(Rotation::Reused { .. })) {
            self.note_withdrawal();
        }
        Ok(rotation?)
    }

    fn end_session(&self, id: SessionId, reason: EndReason, act: &Act) -> Result<bool, StoreError> {
        let ended = self.withdraw(bool::clone, |connection| {
            connection.transaction(|connection| end_one(connection, id, By::Anybody, reason, act))
        });
        Ok(ended?)
    }

    fn end_session_of(
        &self,
        user: UserId,
        id: SessionId,
        reason: EndReason,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let ended = self.withdraw(bool::clone, |connection| {
            connection
                .transaction(|connection| end_one(connection, id, By::User(user), reason, act))
        });
        Ok(ended?)
    }

    fn revoke_session(
        &self,
        id: SessionId,
        client: Option<&ClientId>,
        act: &Act,
    ) -> Result<Revocation, StoreError> {
        let is_ended = |revocation: &Revocation| *revocation == Revocation::Ended;
        let revocation = self.withdraw(is_ended, |connection| {
            connection.transaction(|connection| {
                let reason = EndReason::Revoked;
                if end_one(connection, id, By::Client(client), reason, act)? {
                    return Ok(Revocation::Ended);
                }
                let living = sessions::table.find(id.as_uuid()).filter(lives(act.at));
                let is_anothers = diesel::select(exists(living)).get_result(connection)?;
                Ok(if is_anothers {
                    Revocation::OtherClient
                } else {
                    Revocation::NotAlive
                })
            })
        });
        Ok(revocation?)
    }

    fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        act: &Act,
    ) -> Result<usize, StoreError> {
        let is_any = |ended: &usize| *ended > 0;
        let ended = self.withdraw(is_any, |connection| {
            connection.transaction(|connection| {
                let ended = end_all(connection, user, keep, reason, act.at)?;
                if ended > 0 {
                    let deed = Deed::new(Action::SessionsEnded).on(user);
                    audit::write(connection, &deed.detail(format!("{ended} {reason}")), act)?;
                }
                Ok(ended)
            })
        });
        Ok(ended?)
    }

    fn remove_ended_sessions(
        &self,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let removed = self.with(|connection| {
            let removed = diesel::sql_query(REMOVE)
                .bind::<Timestamptz, _>(before)
                .bind::<BigInt, _>(i64::from(limit))
                .bind::<BigInt, _>(REMOVING)
                .bind::<SqlUuid, _>(SessionId::random().as_uuid())
                .bind::<BigInt, _>(STRETCH)
                .execute(connection)?;
            Ok(removed)
        });
        Ok(removed?)
    }

    fn sessions_of(&self, user: UserId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<SessionRow> = self.read(|connection| {
            let rows = sessions::table
                .filter(sessions::user_id.eq(user.get()))
                .filter(lives(now))
                .order((sessions::last_used_at.desc(), sessions::id))
                .limit(MAX_SESSIONS.into())
                .select(SessionRow::as_select())
                .load(connection)?;
            Ok(rows)
        })?;
        rows.into_iter().map(SessionRow::into_session).collect()
    }

    fn find_session_users(
        &self,
        ids: &[SessionId],
        now: OffsetDateTime,
    ) -> Result<Vec<(SessionId, User)>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let rows: Vec<(Uuid, UserRow)> = self.read(|connection| {
            let rows = sessions::table
                .inner_join(users::table)
                .filter(sessions::id.eq_any(&ids))
                .filter(lives(now))
                .filter(users::disabled_at.is_null())
                .filter(sql::<Bool>(client_allows!()))
                .select((sessions::id, UserRow::as_select()))
                .load(connection)?;
            Ok(rows)
        })?;
        rows.into_iter()
            .map(|(id, row)| Ok((SessionId::from_uuid(id), row.into_user()?)))
            .collect()
    }

    fn find_live_session(
        &self,
        id: SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<LiveSession>, StoreError> {
        type Row = (SessionRow, OffsetDateTime, UserRow);
        let row: Option<Row> = self.read(|connection| {
            let row = sessions::table
                .inner_join(users::table)
                .filter(sessions::id.eq(id.as_uuid()))
                .filter(lives(now))
                .filter(users::disabled_at.is_null())
                .filter(sql::<Bool>(client_allows!()))
                .select((
                    SessionRow::as_select(),
                    sessions::rotated_at,
                    UserRow::as_select(),
                ))
                .first(connection)
                .optional()?;
            Ok(row)
        })?;
        let Some((session, rotated_at, user)) = row else {
            return Ok(None);
        };
        Ok(Some(LiveSession {
            session: session.into_session()?,
            rotated_at,
            user: user.into_user()?,
        }))
    }

    fn end_reason(&self, id: SessionId) -> Result<Option<EndReason>, StoreError> {
        let name: Option<Option<String>> = self.read(|connection| {
            let name = sessions::table
                .find(id.as_uuid())
                .select(sessions::end_reason)
                .first(connection)
                .optional()?;
            Ok(name)
        })?;
        // The database knows no other names.
        let known = |name: String| {
            EndReason::ALL
                .into_iter()
                .find(|known| known.as_str() == name)
        };
        Ok(name.flatten().and_then(known))
    }
}

#[cfg(all(test, feature = "testing"))]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests;
