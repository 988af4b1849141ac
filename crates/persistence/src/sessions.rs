use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::ports::{SessionStore, StoreError};
use passgate_domain::session::{EndReason, NewSession, Rotate, Rotation, Session, SessionId};
use passgate_domain::{PasswordHash, User, UserId};
use time::OffsetDateTime;

use crate::PgStore;
use crate::audit;
use crate::error::PgError;
use crate::rows::{SessionRow, UserRow};
use crate::schema::{sessions, users};

/// Writes nothing unless the user may log in with the hash that was checked. The lock on the
/// user's row makes a change of password, or a disabling, come before or after and not between.
const OPEN: &str = "
    WITH opened AS (
        INSERT INTO sessions (id, user_id, client_id, scope, generation, rotated_at, user_agent,
                              address, created_at, last_used_at, idle_until, expires_at)
        SELECT $1, id, $3, $4, 1, $7, $5, $6, $7, $7, least($8, $9), $9
        FROM users
        WHERE id = $2 AND disabled_at IS NULL AND password_hash = $10
        FOR SHARE
        RETURNING id, user_id, client_id)
    INSERT INTO audit_events (at, action, actor, user_id, target, detail, address, request_id)
    SELECT $7, 'logged_in', 'user:' || user_id, user_id, id, client_id, $11, $12
    FROM opened";

/// The newest generation, or the one before it within the grace.
macro_rules! good {
    () => {
        "(generation = $2 OR (generation = $2 + 1 AND rotated_at > $3))"
    };
}

/// One statement: of refreshes at the same moment each sees what the one before it made of the
/// row, because PostgreSQL evaluates it again on the row's newest version.
const ROTATE: &str = concat!(
    "
    WITH rotated AS (
    UPDATE sessions SET
        generation   = CASE WHEN generation = $2 THEN generation + 1 ELSE generation END,
        rotated_at   = CASE WHEN generation = $2 THEN $4 ELSE rotated_at END,
        last_used_at = CASE WHEN ",
    good!(),
    " THEN $4 ELSE last_used_at END,
        idle_until   = CASE WHEN ",
    good!(),
    " THEN least($5, expires_at) ELSE idle_until END,
        user_agent   = CASE WHEN ",
    good!(),
    " THEN $6 ELSE user_agent END,
        address      = CASE WHEN ",
    good!(),
    " THEN $7 ELSE address END,
        ended_at     = CASE WHEN ",
    good!(),
    " THEN NULL ELSE $4 END,
        end_reason   = CASE WHEN ",
    good!(),
    " THEN NULL ELSE 'reuse' END
    WHERE id = $1 AND ended_at IS NULL AND idle_until > $4 AND expires_at > $4
      AND client_id = coalesce($8, client_id)
      AND string_to_array($9, ' ') <@ string_to_array(scope, ' ')
      AND EXISTS (SELECT FROM users WHERE users.id = sessions.user_id AND disabled_at IS NULL)
    RETURNING *),
    written AS (
        INSERT INTO audit_events (at, action, actor, user_id, target, address, request_id)
        SELECT $4, 'refresh_token_reused', $10, user_id, id, $11, $12
        FROM rotated WHERE ended_at IS NOT NULL)
    SELECT * FROM rotated"
);

/// Ends every session of a user that lives, but for one, in its caller's transaction.
pub(crate) fn end_all(
    connection: &mut PgConnection,
    user: UserId,
    keep: Option<SessionId>,
    reason: EndReason,
    now: OffsetDateTime,
) -> QueryResult<usize> {
    // No session has the nil UUID: they are random.
    let keep = keep.map_or_else(uuid::Uuid::nil, SessionId::as_uuid);
    let others = sessions::table
        .filter(sessions::user_id.eq(user.get()))
        .filter(sessions::id.ne(keep))
        .filter(lives(now));
    diesel::update(others)
        .set((
            sessions::ended_at.eq(now),
            sessions::end_reason.eq(reason.as_str()),
        ))
        .execute(connection)
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
        let opened = self.with(|connection| {
            let opened = diesel::sql_query(OPEN)
                .bind::<SqlUuid, _>(session.id.as_uuid())
                .bind::<BigInt, _>(session.user_id.get())
                .bind::<Text, _>(&session.client_id)
                .bind::<Text, _>(session.scope.to_string())
                .bind::<Nullable<Text>, _>(&session.device.user_agent)
                .bind::<Nullable<Text>, _>(&session.device.address)
                .bind::<Timestamptz, _>(act.at)
                .bind::<Timestamptz, _>(session.idle_until)
                .bind::<Timestamptz, _>(session.expires_at)
                .bind::<Text, _>(credential.expose())
                .bind::<Nullable<Text>, _>(&act.address)
                .bind::<Nullable<Text>, _>(&act.request_id)
                .execute(connection)?;
            Ok(opened)
        });
        Ok(opened? == 1)
    }

    fn rotate_session(&self, rotate: &Rotate, act: &Act) -> Result<Rotation, StoreError> {
        let rotation = self.with(|connection| {
            let session: Option<SessionRow> = diesel::sql_query(ROTATE)
                .bind::<SqlUuid, _>(rotate.id.as_uuid())
                .bind::<BigInt, _>(i64::from(rotate.generation.get()))
                .bind::<Timestamptz, _>(rotate.grace_since)
                .bind::<Timestamptz, _>(act.at)
                .bind::<Timestamptz, _>(rotate.idle_until)
                .bind::<Nullable<Text>, _>(&rotate.device.user_agent)
                .bind::<Nullable<Text>, _>(&rotate.device.address)
                .bind::<Nullable<Text>, _>(&rotate.client_id)
                .bind::<Text, _>(rotate.scope.to_string())
                .bind::<Text, _>(act.actor.to_string())
                .bind::<Nullable<Text>, _>(&act.address)
                .bind::<Nullable<Text>, _>(&act.request_id)
                .get_result(connection)
                .optional()?;
            let Some(session) = session else {
                return why_not(connection, rotate, act.at);
            };
            let session = session.into_ended_or_session()?;
            let EndedOr::Session(session) = session else {
                return Ok(Rotation::Reused {
                    user_id: session.user_id(),
                });
            };
            let user: Option<UserRow> = users::table
                .find(session.user_id.get())
                .select(UserRow::as_select())
                .first(connection)
                .optional()?;
            Ok(match user {
                Some(user) => Rotation::Rotated {
                    session,
                    user: user.into_user()?,
                },
                None => Rotation::Ended,
            })
        });
        if matches!(rotation, Ok(Rotation::Reused { .. })) {
            self.note_withdrawal();
        }
        Ok(rotation?)
    }

    fn end_session(&self, id: SessionId, reason: EndReason, act: &Act) -> Result<bool, StoreError> {
        let ended = self.withdraw(|connection| {
            connection.transaction(|connection| {
                let living = sessions::table.find(id.as_uuid()).filter(lives(act.at));
                let of: Option<i64> = diesel::update(living)
                    .set((
                        sessions::ended_at.eq(act.at),
                        sessions::end_reason.eq(reason.as_str()),
                    ))
                    .returning(sessions::user_id)
                    .get_result(connection)
                    .optional()?;
                let Some(of) = of else { return Ok(false) };
                let mut deed = Deed::new(Action::SessionEnded).target(&id);
                deed.user = UserId::try_new(of).ok();
                audit::write(connection, &deed.detail(reason.as_str()), act)?;
                Ok(true)
            })
        });
        Ok(ended?)
    }

    fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        act: &Act,
    ) -> Result<usize, StoreError> {
        let ended = self.withdraw(|connection| {
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
                .select(SessionRow::as_select())
                .load(connection)?;
            Ok(rows)
        })?;
        rows.into_iter().map(SessionRow::into_session).collect()
    }

    fn find_session_user(
        &self,
        id: SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = self.read(|connection| {
            let row = sessions::table
                .inner_join(users::table)
                .filter(sessions::id.eq(id.as_uuid()))
                .filter(lives(now))
                .filter(users::disabled_at.is_null())
                .select(UserRow::as_select())
                .first(connection)
                .optional()?;
            Ok(row)
        })?;
        row.map(UserRow::into_user).transpose()
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

/// A session that lives and was not touched does not fit what was asked.
fn why_not(
    connection: &mut PgConnection,
    rotate: &Rotate,
    now: OffsetDateTime,
) -> Result<Rotation, PgError> {
    let row: Option<SessionRow> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(rotate.id.as_uuid()))
        .filter(lives(now))
        .filter(users::disabled_at.is_null())
        .select(SessionRow::as_select())
        .first(connection)
        .optional()?;
    let Some(session) = row.map(SessionRow::into_session).transpose()? else {
        return Ok(Rotation::Ended);
    };
    let is_the_client = rotate
        .client_id
        .as_ref()
        .is_none_or(|client_id| *client_id == session.client_id);
    Ok(Rotation::Mismatch {
        allowed: is_the_client.then_some(session.scope),
    })
}

/// What a rotation left of a session.
enum EndedOr {
    Ended(UserId),
    Session(Box<Session>),
}

impl EndedOr {
    fn user_id(&self) -> UserId {
        match self {
            Self::Ended(user_id) => *user_id,
            Self::Session(session) => session.user_id,
        }
    }
}

impl SessionRow {
    fn into_ended_or_session(self) -> Result<EndedOr, StoreError> {
        let is_ended = self.is_ended();
        let session = self.into_session()?;
        if is_ended {
            return Ok(EndedOr::Ended(session.user_id));
        }
        Ok(EndedOr::Session(Box::new(session)))
    }
}
