//! Wrong guesses, counted: the generic cell rate algorithm in one `INSERT ... ON CONFLICT`.

use std::net::IpAddr;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Double, Nullable, Text, Timestamptz};
use passgate_domain::audit::Act;
use passgate_domain::guess::{Charge, Counted, GuessKey, Tally, subscriber};
use passgate_domain::ports::{Guess, GuessStore, Opening, Prospect, StoreError};
use passgate_domain::session::NewSession;
use passgate_domain::{PasswordHash, Username};
use time::OffsetDateTime;

use crate::PgStore;
use crate::rows::ProspectRow;
use crate::schema::guesses;
use crate::sessions::open;
use crate::statement::{Prepared, Statement};

/// One round trip for the account and all that stands against a guess. Of the sessions of an account
/// those are looked at that were not ended, of which there are a thousand, and as many of any.
struct Look;

impl Statement for Look {
    const SQL: &'static str = "
    WITH waiting AS MATERIALIZED (
        SELECT key, not_before FROM guesses WHERE key = ANY ($2) AND not_before > $3)
    SELECT (SELECT array_agg(key ORDER BY key) FROM waiting) AS waiting_keys,
           (SELECT array_agg(not_before ORDER BY key) FROM waiting) AS waiting_until,
           CASE WHEN EXISTS (SELECT FROM waiting) THEN ARRAY (
               SELECT DISTINCT address FROM (
                   (SELECT address FROM sessions
                    WHERE sessions.user_id = users.id AND ended_at IS NULL ORDER BY id LIMIT 1000)
                   UNION ALL
                   (SELECT address FROM sessions WHERE sessions.user_id = users.id LIMIT 1000)
               ) AS theirs
               WHERE address = $4 OR starts_with(address, $5) LIMIT 100)
           END AS addresses,
           id, username, email, display_name, roles, disabled_at, created_at, updated_at,
           password_hash
    FROM (VALUES (1)) AS one LEFT JOIN users ON username_key = $1 AND deleted_at IS NULL";
}

/// `Tally::after`, with the slack read from what would be inserted: the arrival time of a first guess,
/// less the slack. Rows are locked in the order of their keys, so that nobody waits in a circle.
/// Whoever waits for a row sees what the one before made of it; what is beyond the horizon is begun
/// anew. Nothing here is written ahead, so that the commit waits for no disk.
struct Count;

impl Statement for Count {
    const SQL: &'static str = "
    WITH counted AS (
        INSERT INTO guesses AS known (key, arrival, not_before)
        SELECT key, $2 + every, CASE
            WHEN is_doubling AND slack < every
            THEN $2 + least(every, interval '1 second')
            ELSE $2 + every - slack END
        FROM (SELECT key, make_interval(secs => every) AS every,
                     make_interval(secs => slack) AS slack, is_doubling
              FROM unnest($1, $3, $4, $5) AS charge (key, every, slack, is_doubling)
              ORDER BY key) AS charge
        ON CONFLICT (key) DO UPDATE SET (arrival, not_before) = (
            SELECT ahead.arrival, CASE
                WHEN ahead.is_doubling AND ahead.over > interval '0'
                THEN $2 + make_interval(secs => least(ahead.every, power(2, least(40,
                         extract(epoch FROM ahead.over)::float8 / ahead.every - 1))))
                ELSE $2 + ahead.over END
            FROM unnest($1, $3, $4, $5) AS charge (key, every, slack, is_doubling),
                 LATERAL (SELECT make_interval(secs => charge.every) + CASE
                              WHEN known.not_before <= $2 THEN greatest(known.arrival, $2)
                              ELSE $2 END AS arrival) AS next,
                 LATERAL (SELECT next.arrival,
                                 next.arrival - $2 - make_interval(secs => charge.slack) AS over,
                                 charge.every, charge.is_doubling) AS ahead
            WHERE charge.key = known.key)
        WHERE known.not_before <= $2 OR known.not_before > (
            SELECT $2 + make_interval(secs => horizon)
            FROM unnest($1, $6) AS charge (key, horizon) WHERE charge.key = known.key)
        RETURNING key, arrival, not_before)
    SELECT key, arrival, not_before, true AS within FROM counted
    UNION ALL
    SELECT key, arrival, not_before, false FROM guesses
    WHERE key = ANY ($1) AND key NOT IN (SELECT key FROM counted)";
}

#[derive(QueryableByName)]
struct CountedRow {
    #[diesel(sql_type = Bytea)]
    key: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    arrival: OffsetDateTime,
    #[diesel(sql_type = Timestamptz)]
    not_before: OffsetDateTime,
    #[diesel(sql_type = Bool)]
    within: bool,
}

/// Of keys of which everything is forgiven. The table is small and no time in it is indexed. Waits for
/// nobody: whoever counts holds rows in the order of their keys, and these come in none.
const REMOVE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($3) AS is_ours),
    forgiven AS MATERIALIZED (
        SELECT key FROM guesses
        WHERE (SELECT is_ours FROM turn) AND arrival < $1 AND not_before < $1 LIMIT $2
        FOR UPDATE SKIP LOCKED)
    DELETE FROM guesses
    WHERE key IN (SELECT key FROM forgiven) AND arrival < $1 AND not_before < $1";

/// The advisory lock of the one who removes: "passgate", and what for.
const REMOVING: i64 = 0x7061_7373_6775_6573;

/// What stands before the first colon of an IPv6 address: of those that are written alike in no
/// other way, the same for a whole /64.
fn beginning(address: IpAddr) -> Option<String> {
    let text = address.to_string();
    let (first, _) = text.split_once(':')?;
    Some(format!("{first}:"))
}

pub(crate) fn bytes(charges: &[Charge]) -> Vec<&[u8]> {
    let keys = charges.iter().map(|charge| &charge.key.as_bytes()[..]);
    keys.collect()
}

/// Until when one of them has to wait at most.
pub(crate) fn horizons(charges: &[Charge], now: OffsetDateTime) -> Vec<OffsetDateTime> {
    let horizons = charges.iter().map(|charge| now + charge.budget.horizon());
    horizons.collect()
}

/// Whether a time that is kept of a key makes it wait.
fn waits(charges: &[Charge], key: &[u8], until: OffsetDateTime, now: OffsetDateTime) -> bool {
    let tally = Tally {
        arrival: until,
        not_before: until,
    };
    let mut charges = charges.iter().filter(|charge| charge.key.as_bytes() == key);
    charges.any(|charge| tally.waits(&charge.budget, now).is_some())
}

/// The key that has to wait longest, if any has to.
fn waiting_longest(
    connection: &mut PgConnection,
    charges: &[Charge],
    now: OffsetDateTime,
) -> QueryResult<Option<(GuessKey, OffsetDateTime)>> {
    let kept: Vec<(Vec<u8>, OffsetDateTime)> = guesses::table
        .filter(guesses::key.eq_any(bytes(charges)))
        .filter(guesses::not_before.gt(now))
        .select((guesses::key, guesses::not_before))
        .load(connection)?;
    let waiting = charges.iter().filter_map(|charge| {
        let key = charge.key;
        let (_, until) = kept.iter().find(|(kept, _)| kept == key.as_bytes())?;
        waits(charges, key.as_bytes(), *until, now).then_some((key, *until))
    });
    Ok(waiting.max_by_key(|(_, until)| *until))
}

impl GuessStore for PgStore {
    fn look_at_guess(&self, guess: &Guess) -> Result<Prospect, StoreError> {
        let address = guess.address.map(subscriber);
        let row: ProspectRow = self.read(|connection| {
            let values = (
                // No name is empty.
                guess.username.map_or("", Username::key).into_sql::<Text>(),
                bytes(guess.charges).into_sql::<Array<Bytea>>(),
                guess.now.into_sql::<Timestamptz>(),
                address
                    .map(|address| address.to_string())
                    .into_sql::<Nullable<Text>>(),
                address.and_then(beginning).into_sql::<Nullable<Text>>(),
            );
            Ok(Prepared::<Look, _>::with(values).get_result(connection)?)
        })?;
        let mut prospect = row.into_prospect(guess.username, address)?;
        prospect
            .waiting
            .retain(|(key, until)| waits(guess.charges, key.as_bytes(), *until, guess.now));
        Ok(prospect)
    }

    fn count_guess(
        &self,
        charges: &[Charge],
        now: OffsetDateTime,
    ) -> Result<Vec<Counted>, StoreError> {
        let of = |figure: fn(&Charge) -> f64| charges.iter().map(figure).collect::<Vec<_>>();
        let is_doubling: Vec<bool> = charges
            .iter()
            .map(|charge| charge.budget.is_doubling())
            .collect();
        let rows: Vec<CountedRow> = self.with(|connection| {
            let values = (
                bytes(charges).into_sql::<Array<Bytea>>(),
                now.into_sql::<Timestamptz>(),
                of(|charge| charge.budget.every().as_secs_f64()).into_sql::<Array<Double>>(),
                of(|charge| charge.budget.slack().as_secs_f64()).into_sql::<Array<Double>>(),
                is_doubling.into_sql::<Array<Bool>>(),
                of(|charge| charge.budget.horizon().as_secs_f64()).into_sql::<Array<Double>>(),
            );
            Ok(Prepared::<Count, _>::with(values).load(connection)?)
        })?;
        let mut counted: Vec<Counted> = charges
            .iter()
            .map(|charge| {
                let row = rows.iter().find(|row| row.key == charge.key.as_bytes());
                // One that came to be while we waited for it is not among those that we see.
                let unseen = Tally {
                    arrival: now,
                    not_before: now,
                };
                Counted {
                    key: charge.key,
                    tally: row.map_or(unseen, |row| Tally {
                        arrival: row.arrival,
                        not_before: row.not_before,
                    }),
                    within: row.is_some_and(|row| row.within),
                }
            })
            .collect();
        counted.sort_by_key(|counted| counted.key);
        Ok(counted)
    }

    fn open_session_within(
        &self,
        session: &NewSession,
        credential: &PasswordHash,
        charges: &[Charge],
        act: &Act,
    ) -> Result<Opening, StoreError> {
        let opening = self.with(|connection| {
            let opened = open::open(connection, session, credential, charges, act)?;
            if self.noted(opened) {
                return Ok(Opening::Opened);
            }
            let waiting = waiting_longest(connection, charges, act.at)?;
            Ok(waiting.map_or(Opening::Stale, |(key, until)| Opening::Waiting(key, until)))
        });
        Ok(opening?)
    }

    fn remove_forgiven_guesses(
        &self,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let removed = self.with(|connection| {
            let removed = diesel::sql_query(REMOVE)
                .bind::<Timestamptz, _>(before)
                .bind::<BigInt, _>(i64::from(limit))
                .bind::<BigInt, _>(REMOVING)
                .execute(connection)?;
            Ok(removed)
        });
        Ok(removed?)
    }
}
