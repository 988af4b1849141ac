use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use passgate_domain::audit::Act;
use passgate_domain::session::{Rotate, Rotation};
use time::OffsetDateTime;

use super::lives;
use crate::error::PgError;
use crate::rows::{RotatedRow, SessionRow};
use crate::schema::{sessions, users};
use crate::statement::{Prepared, Statement, text};

/// The newest generation, or the one before it within the grace.
macro_rules! good {
    () => {
        "(generation = $2 OR (generation = $2 + 1 AND rotated_at > $3))"
    };
}

/// A session that is for a registered client alone: one that it opened, or one under a label that has
/// become its name. What proves nothing must not get the name into another token.
macro_rules! is_clients {
    () => {
        "(sessions.of_client OR EXISTS (SELECT FROM clients WHERE clients.id = sessions.client_id))"
    };
}

/// One statement: of refreshes at the same moment each sees what the one before it made of the
/// row, because PostgreSQL evaluates it again on the row's newest version. The columns are named: a
/// kept plan whose `*` means more after a migration would fail.
struct RotateOnce;

impl Statement for RotateOnce {
    const SQL: &'static str = concat!(
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
      AND client_id = coalesce($8, client_id) AND ($13 OR NOT ",
        is_clients!(),
        ")
      AND ",
        client_allows!(),
        "
      AND string_to_array($9, ' ') <@ string_to_array(scope, ' ')
      AND EXISTS (SELECT FROM users WHERE users.id = sessions.user_id AND disabled_at IS NULL)
    RETURNING id, user_id, client_id, scope, generation, user_agent, address, created_at,
              last_used_at, idle_until, expires_at, ended_at, of_client),
    written AS (
        INSERT INTO audit_events (at, action, actor, user_id, target, address, request_id)
        SELECT $4, 'refresh_token_reused', $10, user_id, id, $11, $12
        FROM rotated WHERE ended_at IS NOT NULL)
    SELECT rotated.*, users.username AS holder_username, users.email AS holder_email,
           users.display_name AS holder_display_name, users.roles AS holder_roles,
           users.created_at AS holder_created_at, users.updated_at AS holder_updated_at
    FROM rotated JOIN users ON users.id = rotated.user_id"
    );
}

/// The text, for who measures what the database makes of it alone.
#[cfg(feature = "testing")]
pub(crate) const STATEMENT: &str = RotateOnce::SQL;

/// Answers an authentic refresh token.
pub(super) fn rotate(
    connection: &mut PgConnection,
    rotate: &Rotate,
    act: &Act,
) -> Result<Rotation, PgError> {
    let values = (
        rotate.id.as_uuid().into_sql::<SqlUuid>(),
        i64::from(rotate.generation.get()).into_sql::<BigInt>(),
        rotate.grace_since.into_sql::<Timestamptz>(),
        act.at.into_sql::<Timestamptz>(),
        rotate.idle_until.into_sql::<Timestamptz>(),
        text(rotate.device.user_agent.as_ref()),
        text(rotate.device.address.as_ref()),
        rotate.presenter.name().into_sql::<Nullable<Text>>(),
        rotate.scope.to_string().into_sql::<Text>(),
        act.actor.to_string().into_sql::<Text>(),
        text(act.address.as_ref()),
        text(act.request_id.as_ref()),
        rotate.presenter.client().is_some().into_sql::<Bool>(),
    );
    let rotated: Option<RotatedRow> = Prepared::<RotateOnce, _>::with(values)
        .get_result(connection)
        .optional()?;
    let Some(rotated) = rotated else {
        return why_not(connection, rotate, act.at);
    };
    let (session, user) = rotated.into_parts();
    let is_ended = session.is_ended();
    let session = Box::new(session.into_session()?);
    if is_ended {
        let user_id = session.user_id;
        return Ok(Rotation::Reused { user_id });
    }
    let user = user.into_user()?;
    Ok(Rotation::Rotated { session, user })
}

/// A session that lives and was not touched does not fit what was asked.
fn why_not(
    connection: &mut PgConnection,
    rotate: &Rotate,
    now: OffsetDateTime,
) -> Result<Rotation, PgError> {
    let row: Option<(SessionRow, bool, bool)> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(rotate.id.as_uuid()))
        .filter(lives(now))
        .filter(users::disabled_at.is_null())
        .select((
            SessionRow::as_select(),
            sql::<Bool>(client_allows!()),
            sql::<Bool>(is_clients!()),
        ))
        .first(connection)
        .optional()?;
    let Some((session, client_allows, is_clients)) = row else {
        return Ok(Rotation::Ended);
    };
    let session = session.into_session()?;
    let presenter = &rotate.presenter;
    let is_named = presenter
        .name()
        .is_none_or(|name| name == session.client_id);
    let is_proved = !is_clients || presenter.client().is_some();
    Ok(Rotation::Mismatch {
        allowed: (client_allows && is_named && is_proved).then_some(session.scope),
    })
}
