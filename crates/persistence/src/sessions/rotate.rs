use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use passgate_domain::UserId;
use passgate_domain::audit::Act;
use passgate_domain::ports::StoreError;
use passgate_domain::session::{Rotate, Rotation, Session};
use time::OffsetDateTime;

use super::lives;
use crate::error::PgError;
use crate::rows::{SessionRow, UserRow};
use crate::schema::{sessions, users};

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
      AND client_id = coalesce($8, client_id) AND (NOT of_client OR $13)
      AND ",
    client_allows!(),
    "
      AND string_to_array($9, ' ') <@ string_to_array(scope, ' ')
      AND EXISTS (SELECT FROM users WHERE users.id = sessions.user_id AND disabled_at IS NULL)
    RETURNING *),
    written AS (
        INSERT INTO audit_events (at, action, actor, user_id, target, address, request_id)
        SELECT $4, 'refresh_token_reused', $10, user_id, id, $11, $12
        FROM rotated WHERE ended_at IS NOT NULL)
    SELECT * FROM rotated"
);

/// Answers an authentic refresh token.
pub(super) fn rotate(
    connection: &mut PgConnection,
    rotate: &Rotate,
    act: &Act,
) -> Result<Rotation, PgError> {
    let session: Option<SessionRow> = diesel::sql_query(ROTATE)
        .bind::<SqlUuid, _>(rotate.id.as_uuid())
        .bind::<BigInt, _>(i64::from(rotate.generation.get()))
        .bind::<Timestamptz, _>(rotate.grace_since)
        .bind::<Timestamptz, _>(act.at)
        .bind::<Timestamptz, _>(rotate.idle_until)
        .bind::<Nullable<Text>, _>(&rotate.device.user_agent)
        .bind::<Nullable<Text>, _>(&rotate.device.address)
        .bind::<Nullable<Text>, _>(rotate.presenter.name())
        .bind::<Text, _>(rotate.scope.to_string())
        .bind::<Text, _>(act.actor.to_string())
        .bind::<Nullable<Text>, _>(&act.address)
        .bind::<Nullable<Text>, _>(&act.request_id)
        .bind::<Bool, _>(rotate.presenter.client().is_some())
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
}

/// A session that lives and was not touched does not fit what was asked.
fn why_not(
    connection: &mut PgConnection,
    rotate: &Rotate,
    now: OffsetDateTime,
) -> Result<Rotation, PgError> {
    let row: Option<(SessionRow, bool)> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(rotate.id.as_uuid()))
        .filter(lives(now))
        .filter(users::disabled_at.is_null())
        .select((SessionRow::as_select(), sql::<Bool>(client_allows!())))
        .first(connection)
        .optional()?;
    let Some((session, client_allows)) = row else {
        return Ok(Rotation::Ended);
    };
    let session = session.into_session()?;
    let presenter = &rotate.presenter;
    let is_named = presenter
        .name()
        .is_none_or(|name| name == session.client_id);
    let is_proved = !session.of_client || presenter.client().is_some();
    Ok(Rotation::Mismatch {
        allowed: (client_allows && is_named && is_proved).then_some(session.scope),
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
