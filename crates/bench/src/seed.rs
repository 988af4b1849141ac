//! Users and sessions, made by `COPY`.

use std::io::{self, Write};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use passgate_auth::password::{Cost, Passwords};
use passgate_auth::refresh::RefreshTokens;
use passgate_auth::seal::SealingKey;
use passgate_domain::session::{Generation, SessionId};
use passgate_domain::{Password, PasswordHash};
use secrecy::SecretString;
use uuid::Uuid;

use crate::Fallible;
use crate::http::PASSWORD;

/// The secret of every server of the bench. Nothing real is behind it.
pub(crate) const SECRET: &str = "the bench has no secrets worth the name";

/// Rows of one `COPY`.
const BATCH: u64 = 100_000;

diesel::table! {
    users (id) {
        id -> BigInt,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Text,
        password_hash -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> BigInt,
        client_id -> Text,
        scope -> Text,
        generation -> BigInt,
        rotated_at -> Timestamptz,
        user_agent -> Text,
        address -> Text,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        idle_until -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

/// The name of a user, by number from 0. Neighbours by number are none by name, as with people.
pub(crate) fn username(number: u64) -> String {
    format!("user{:016x}", mix(number))
}

/// The id of a session, by number from 0: as if by chance, and the same every time.
pub(crate) fn session_id(number: u64) -> Uuid {
    let (high, low) = (mix(2 * number), mix(2 * number + 1));
    uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
        .into_uuid()
}

/// A bijection that scatters (the finaliser of splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash of the password of every user, at a cost.
pub(crate) fn hash(cost: Cost) -> Fallible<PasswordHash> {
    let passwords = Passwords::builder().cost(cost).arenas(1).build()?;
    Ok(passwords.hash_blocking(&Password::parse(PASSWORD)?)?)
}

/// Makes users 0 to `count`, all with the same password, and an administrator called `root`.
pub(crate) fn users(
    connection: &mut PgConnection,
    count: u64,
    hash: &PasswordHash,
    progress: impl Fn(u64),
) -> Fallible {
    for (from, to) in batches(count) {
        diesel::copy_from(users::table)
            .from_raw_data(
                (
                    users::username,
                    users::username_key,
                    users::email,
                    users::email_key,
                    users::password_hash,
                    users::created_at,
                    users::updated_at,
                ),
                |copy: &mut dyn Write| -> QueryResult<()> {
                    for number in from..to {
                        let name = username(number);
                        writeln!(
                            copy,
                            "{name}\t{name}\t{name}@example.com\t{name}@example.com\t{}\t\
                             2026-11-01\t2026-11-01",
                            hash.expose()
                        )
                        .map_err(broken)?;
                    }
                    Ok(())
                },
            )
            .execute(connection)?;
        progress(to);
    }
    diesel::sql_query(
        "INSERT INTO users (username, username_key, password_hash, roles, created_at, updated_at)
         VALUES ('root', 'root', $1, '{admin}', now(), now())",
    )
    .bind::<diesel::sql_types::Text, _>(hash.expose())
    .execute(connection)?;
    Ok(connection.batch_execute("VACUUM ANALYZE users")?)
}

/// Makes sessions 0 to `count`, spread over `users` users, that live for a month.
pub(crate) fn sessions(
    connection: &mut PgConnection,
    count: u64,
    users: u64,
    progress: impl Fn(u64),
) -> Fallible {
    for (from, to) in batches(count) {
        diesel::copy_from(sessions::table)
            .from_raw_data(
                (
                    sessions::id,
                    sessions::user_id,
                    sessions::client_id,
                    sessions::scope,
                    sessions::generation,
                    sessions::rotated_at,
                    sessions::user_agent,
                    sessions::address,
                    sessions::created_at,
                    sessions::last_used_at,
                    sessions::idle_until,
                    sessions::expires_at,
                ),
                |copy: &mut dyn Write| -> QueryResult<()> {
                    for number in from..to {
                        writeln!(
                            copy,
                            "{}\t{}\tpassgate\tprofile\t1\tyesterday\tMozilla/5.0 (X11; Linux \
                             x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\t127.0.0.1\t\
                             yesterday\tyesterday\t2100-01-01\t2100-01-01",
                            session_id(number),
                            // Not in the order of the users.
                            1 + mix(number) % users,
                        )
                        .map_err(broken)?;
                    }
                    Ok(())
                },
            )
            .execute(connection)?;
        progress(to);
    }
    Ok(connection.batch_execute("VACUUM ANALYZE sessions")?)
}

fn broken(error: io::Error) -> diesel::result::Error {
    diesel::result::Error::SerializationError(error.into())
}

fn batches(count: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..count.div_ceil(BATCH)).map(move |batch| {
        let from = batch * BATCH;
        (from, count.min(from + BATCH))
    })
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    generation: i64,
}

/// The newest refresh tokens of some sessions, as their holders have them.
pub(crate) fn refresh_tokens(
    connection: &mut PgConnection,
    sessions: &[Uuid],
) -> Fallible<Vec<String>> {
    let key = SealingKey::from_secret(&SecretString::from(SECRET))?;
    let tokens = RefreshTokens::new(&key)?;
    let held: Vec<Held> =
        diesel::sql_query("SELECT id, generation FROM sessions WHERE id = ANY($1)")
            .bind::<diesel::sql_types::Array<diesel::sql_types::Uuid>, _>(sessions)
            .load(connection)?;
    let made = held.into_iter().map(|Held { id, generation }| {
        let generation = u32::try_from(generation).ok().and_then(Generation::new);
        let generation = generation.ok_or("a session has no generation")?;
        let token = tokens.make(SessionId::from_uuid(id), generation);
        Ok(token.expose().to_owned())
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn batches_cover_everything_once() {
        assert_eq!(batches(0).count(), 0);
        let all: Vec<_> = batches(250_000).collect();
        assert_eq!(all, [(0, 100_000), (100_000, 200_000), (200_000, 250_000)]);
    }

    #[test]
    fn names_and_ids_differ() {
        let names: BTreeSet<_> = (0..10_000).map(username).collect();
        let ids: BTreeSet<_> = (0..10_000).map(session_id).collect();
        assert_eq!((names.len(), ids.len()), (10_000, 10_000));
        assert_eq!(session_id(7).get_version_num(), 4);
    }
}
