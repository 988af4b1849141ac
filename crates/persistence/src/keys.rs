use diesel::prelude::*;
use passgate_domain::ports::{SigningKeyStore, StoreError};
use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};

use crate::PgStore;
use crate::rows::{SigningKeyRow, state_name};
use crate::schema::signing_keys;

const ACTIVE: &str = state_name(SigningKeyState::Active);

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
    ) -> Result<StoredSigningKey, StoreError> {
        let row: SigningKeyRow = self.with(|connection| {
            // The unique index on active keys decides between replicas; a loser waits for the
            // winner's commit and does nothing.
            diesel::insert_into(signing_keys::table)
                .values(SigningKeyRow::of(candidate))
                .on_conflict_do_nothing()
                .execute(connection)?;
            let row = signing_keys::table
                .filter(signing_keys::algorithm.eq(&candidate.algorithm))
                .filter(signing_keys::state.eq(ACTIVE))
                .select(SigningKeyRow::as_select())
                .first(connection)?;
            Ok(row)
        })?;
        row.into_key()
    }
}
