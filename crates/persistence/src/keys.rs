mod row;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::ports::{SigningKeyStore, StoreError};
use passgate_domain::signing_key::{KEPT_RETIRED, ResealedKey, StoredSigningKey};
use time::OffsetDateTime;

use self::row::{ACTIVE, ANNOUNCED, RETIRED, SigningKeyRow};
use crate::PgStore;
use crate::audit;
use crate::schema::signing_keys;

impl SigningKeyStore for PgStore {
    fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let rows: Vec<SigningKeyRow> = self.read(|connection| {
            let rows = signing_keys::table
                .order((
                    signing_keys::state.ne(ACTIVE),
                    signing_keys::created_at.desc(),
                ))
                .select(SigningKeyRow::as_select())
                .load(connection)?;
            Ok(rows)
        })?;
        rows.into_iter().map(SigningKeyRow::into_key).collect()
    }

    fn install_signing_key(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<StoredSigningKey, StoreError> {
        let row: SigningKeyRow = self.with(|connection| {
            // The unique index on active keys decides between replicas; a loser waits for the
            // winner's commit and does nothing.
            connection.transaction(|connection| {
                if insert(connection, candidate)? {
                    write(connection, Action::KeyPromoted, &candidate.kid, act)?;
                }
                QueryResult::Ok(())
            })?;
            let row = signing_keys::table
                .filter(signing_keys::algorithm.eq(&candidate.algorithm))
                .filter(signing_keys::state.eq(ACTIVE))
                .select(SigningKeyRow::as_select())
                .first(connection)?;
            Ok(row)
        })?;
        row.into_key()
    }

    fn announce_signing_key(
        &self,
        candidate: &StoredSigningKey,
        predecessor: &str,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let announced = self.with(|connection| {
            let announced = connection.transaction(|connection| {
                // Held until we are done: nobody promotes or replaces it meanwhile.
                let active: Option<String> = signing_keys::table
                    .filter(signing_keys::algorithm.eq(&candidate.algorithm))
                    .filter(signing_keys::state.eq(ACTIVE))
                    .filter(signing_keys::kid.eq(predecessor))
                    .select(signing_keys::kid)
                    .for_share()
                    .first(connection)
                    .optional()?;
                let announced = active.is_some() && insert(connection, candidate)?;
                if announced {
                    write(connection, Action::KeyAnnounced, &candidate.kid, act)?;
                }
                QueryResult::Ok(announced)
            })?;
            Ok(announced)
        });
        Ok(announced?)
    }

    fn promote_signing_key(
        &self,
        algorithm: &str,
        made_until: OffsetDateTime,
        act: &Act,
    ) -> Result<Option<String>, StoreError> {
        let promoted = self.with(|connection| {
            let promoted = connection.transaction(|connection| {
                // Of several replicas one gets the row; the others wait, and find it promoted.
                let next: Option<String> = signing_keys::table
                    .filter(signing_keys::algorithm.eq(algorithm))
                    .filter(signing_keys::state.eq(ANNOUNCED))
                    .filter(signing_keys::promotable_at.le(act.at))
                    .filter(signing_keys::created_at.le(made_until))
                    .select(signing_keys::kid)
                    .for_update()
                    .first(connection)
                    .optional()?;
                let Some(next) = next else { return Ok(None) };
                let active = signing_keys::table
                    .filter(signing_keys::algorithm.eq(algorithm))
                    .filter(signing_keys::state.eq(ACTIVE));
                let retired: Option<String> = diesel::update(active)
                    .set((
                        signing_keys::state.eq(RETIRED),
                        signing_keys::retired_at.eq(act.at),
                        signing_keys::sealed_private_key.eq(Vec::<u8>::new()),
                    ))
                    .returning(signing_keys::kid)
                    .get_result(connection)
                    .optional()?;
                if let Some(retired) = retired {
                    write(connection, Action::KeyRetired, &retired, act)?;
                }
                diesel::update(signing_keys::table.find(&next))
                    .set((
                        signing_keys::state.eq(ACTIVE),
                        signing_keys::promoted_at.eq(act.at),
                    ))
                    .execute(connection)?;
                write(connection, Action::KeyPromoted, &next, act)?;
                QueryResult::Ok(Some(next))
            })?;
            Ok(promoted)
        });
        Ok(promoted?)
    }

    fn remove_signing_keys(&self, act: &Act) -> Result<Vec<String>, StoreError> {
        let removed = self.with(|connection| {
            let removed = connection.transaction(|connection| {
                let over = signing_keys::table
                    .filter(signing_keys::state.eq(RETIRED))
                    .filter(signing_keys::retired_at.le(act.at - KEPT_RETIRED));
                let removed: Vec<String> = diesel::delete(over)
                    .returning(signing_keys::kid)
                    .get_results(connection)?;
                for kid in &removed {
                    write(connection, Action::KeyRemoved, kid, act)?;
                }
                QueryResult::Ok(removed)
            })?;
            Ok(removed)
        });
        Ok(removed?)
    }

    fn replace_signing_keys(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<Vec<String>, StoreError> {
        let removed = self.with(|connection| {
            let removed = connection.transaction(|connection| {
                // No key comes to be that our look at the table does not see: one that is being
                // announced would outlive those that leaked. Reading goes on.
                connection.batch_execute("LOCK TABLE signing_keys IN EXCLUSIVE MODE")?;
                replace(connection, candidate, act)
            })?;
            Ok(removed)
        });
        Ok(removed?)
    }

    fn reseal_signing_keys(&self, keys: &[ResealedKey], act: &Act) -> Result<usize, StoreError> {
        let resealed = self.with(|connection| {
            let resealed = connection.transaction(|connection| {
                let mut resealed = 0;
                for key in keys {
                    let as_it_was = signing_keys::table
                        .find(&key.kid)
                        .filter(signing_keys::sealing_key_id.eq(&key.from));
                    resealed += diesel::update(as_it_was)
                        .set((
                            signing_keys::sealed_private_key.eq(&key.sealed_private_key),
                            signing_keys::sealing_key_id.eq(&key.sealing_key_id),
                        ))
                        .execute(connection)?;
                }
                if resealed > 0 {
                    let deed = Deed::new(Action::KeysResealed).detail(resealed.to_string());
                    audit::write(connection, &deed, act)?;
                }
                QueryResult::Ok(resealed)
            })?;
            Ok(resealed)
        });
        Ok(resealed?)
    }
}

/// `false` if the algorithm has a key in this state already.
fn insert(connection: &mut PgConnection, key: &StoredSigningKey) -> QueryResult<bool> {
    let inserted = diesel::insert_into(signing_keys::table)
        .values(SigningKeyRow::of(key))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(inserted == 1)
}

fn replace(
    connection: &mut PgConnection,
    candidate: &StoredSigningKey,
    act: &Act,
) -> QueryResult<Vec<String>> {
    let removed: Vec<String> = diesel::delete(signing_keys::table)
        .returning(signing_keys::kid)
        .get_results(connection)?;
    diesel::insert_into(signing_keys::table)
        .values(SigningKeyRow::of(candidate))
        .execute(connection)?;
    for kid in &removed {
        write(connection, Action::KeyRemoved, kid, act)?;
    }
    write(connection, Action::KeyPromoted, &candidate.kid, act)?;
    Ok(removed)
}

fn write(connection: &mut PgConnection, action: Action, kid: &str, act: &Act) -> QueryResult<()> {
    audit::write(connection, &Deed::new(action).target(&kid), act)
}
