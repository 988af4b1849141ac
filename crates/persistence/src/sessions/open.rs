use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Text, Timestamptz, Uuid as SqlUuid};
use passgate_domain::PasswordHash;
use passgate_domain::audit::Act;
use passgate_domain::guess::Charge;
use passgate_domain::session::NewSession;

use crate::PgStore;
use crate::guesses::{bytes, horizons};
use crate::statement::{Prepared, Statement, text};

/// Writes nothing unless the user may log in with the hash that was checked. The lock on the
/// user's row makes a change of password, or a disabling, come before or after and not between.
///
/// Where the user has as many sessions as may be (`MAX_SESSIONS`), which an index tells, those that were
/// not used for longest end; of a great many, some of the first that are found. A session that is in
/// use at this moment is not among them, and nobody is waited for. The order and the arrays keep
/// the planner to the indexes, whatever it believes of a user's sessions.
macro_rules! open_if {
    ($condition:literal) => {
        concat!(
            "
    WITH opened AS (
        INSERT INTO sessions (id, user_id, client_id, scope, generation, rotated_at, user_agent,
                              address, created_at, last_used_at, idle_until, expires_at,
                              of_client)
        SELECT $1, id, $3, $4, 1, $7, $5, $6, $7, $7, least($8, $9), $9, $13
        FROM users
        WHERE id = $2 AND disabled_at IS NULL AND password_hash = $10 ",
            $condition,
            "
        FOR SHARE
        RETURNING id, user_id, client_id),
    spare AS MATERIALIZED (
        SELECT id FROM (
            SELECT id, last_used_at FROM sessions
            WHERE user_id = $2 AND ended_at IS NULL AND (
                SELECT count(*) = 1000 FROM (
                    SELECT FROM sessions WHERE user_id = $2 AND ended_at IS NULL
                    ORDER BY id LIMIT 1000) AS held)
            ORDER BY id LIMIT 2000) AS theirs
        ORDER BY last_used_at DESC OFFSET 999 LIMIT 100),
    ended AS (
        UPDATE sessions SET ended_at = $7, end_reason = 'too_many'
        WHERE EXISTS (SELECT FROM opened) AND id = ANY (ARRAY (
            SELECT id FROM sessions
            WHERE id = ANY (ARRAY (SELECT id FROM spare)) AND ended_at IS NULL
            FOR UPDATE SKIP LOCKED))
        RETURNING id)
    INSERT INTO audit_events (at, action, actor, user_id, target, detail, address, request_id)
    SELECT $7, 'logged_in', 'user:' || user_id, user_id, id, client_id, $11, $12
    FROM opened
    UNION ALL
    SELECT $7, 'sessions_ended', 'user:' || $2, $2, NULL, count(*) || ' too_many', $11, $12
    FROM ended HAVING count(*) > 0"
        )
    };
}

struct Open;

impl Statement for Open {
    const SQL: &'static str = open_if!("");
}

/// The same, unless a wrong guess beyond the budget was counted since the right one was let in.
struct OpenWithin;

impl Statement for OpenWithin {
    const SQL: &'static str = open_if!(
        "AND NOT EXISTS (
            SELECT FROM guesses
            WHERE key = ANY ($14) AND not_before > $7 AND not_before <= (
                SELECT horizon FROM unnest($14, $15) AS charge (key, horizon)
                WHERE charge.key = guesses.key))"
    );
}

/// What came of a log-in.
#[derive(Clone, Copy)]
pub(crate) enum Opened {
    No,
    Yes,
    /// And other sessions of the user ended for it.
    InPlaceOfOthers,
}

impl PgStore {
    /// Whether a session was opened. Where others ended for it, that counts at once.
    pub(crate) fn noted(&self, opened: Opened) -> bool {
        match opened {
            Opened::No => false,
            Opened::Yes => true,
            Opened::InPlaceOfOthers => {
                self.note_withdrawal();
                true
            }
        }
    }
}

/// Opens a session unless one of the keys has to wait; where there is none, the table of guesses is
/// not needed.
pub(crate) fn open(
    connection: &mut PgConnection,
    session: &NewSession,
    credential: &PasswordHash,
    charges: &[Charge],
    act: &Act,
) -> QueryResult<Opened> {
    macro_rules! values {
        ($($more:expr),*) => {
            (
                session.id.as_uuid().into_sql::<SqlUuid>(),
                session.user_id.get().into_sql::<BigInt>(),
                session.client_id.as_str().into_sql::<Text>(),
                session.scope.to_string().into_sql::<Text>(),
                text(session.device.user_agent.as_ref()),
                text(session.device.address.as_ref()),
                act.at.into_sql::<Timestamptz>(),
                session.idle_until.into_sql::<Timestamptz>(),
                session.expires_at.into_sql::<Timestamptz>(),
                credential.expose().into_sql::<Text>(),
                text(act.address.as_ref()),
                text(act.request_id.as_ref()),
                session.of_client.into_sql::<Bool>(),
                $($more,)*
            )
        };
    }
    let events = if charges.is_empty() {
        Prepared::<Open, _>::with(values!()).execute(connection)?
    } else {
        let keys = bytes(charges).into_sql::<Array<Bytea>>();
        let horizons = horizons(charges, act.at).into_sql::<Array<Timestamptz>>();
        Prepared::<OpenWithin, _>::with(values!(keys, horizons)).execute(connection)?
    };
    Ok(match events {
        0 => Opened::No,
        1 => Opened::Yes,
        _ => Opened::InPlaceOfOthers,
    })
}
