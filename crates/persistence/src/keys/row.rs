use diesel::prelude::*;
use passgate_domain::ports::StoreError;
use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};
use time::OffsetDateTime;

use crate::error::corrupt;
use crate::schema::signing_keys;

pub(super) const ANNOUNCED: &str = "announced";
pub(super) const ACTIVE: &str = "active";
pub(super) const RETIRED: &str = "retired";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub(super) struct SigningKeyRow {
    kid: String,
    algorithm: String,
    public_jwk: String,
    sealed_private_key: Vec<u8>,
    sealing_key_id: String,
    state: String,
    created_at: OffsetDateTime,
    promotable_at: Option<OffsetDateTime>,
    promoted_at: Option<OffsetDateTime>,
    retired_at: Option<OffsetDateTime>,
}

impl SigningKeyRow {
    pub(super) fn of(key: &StoredSigningKey) -> Self {
        let (state, promotable_at, promoted_at, retired_at) = match key.state {
            SigningKeyState::Announced { promotable_at } => {
                (ANNOUNCED, Some(promotable_at), None, None)
            }
            SigningKeyState::Active { promoted_at } => (ACTIVE, None, Some(promoted_at), None),
            SigningKeyState::Retired {
                promoted_at,
                retired_at,
            } => (RETIRED, None, Some(promoted_at), Some(retired_at)),
        };
        Self {
            kid: key.kid.clone(),
            algorithm: key.algorithm.clone(),
            public_jwk: key.public_jwk.clone(),
            sealed_private_key: key.sealed_private_key.clone(),
            sealing_key_id: key.sealing_key_id.clone(),
            state: state.to_owned(),
            created_at: key.created_at,
            promotable_at,
            promoted_at,
            retired_at,
        }
    }

    pub(super) fn into_key(self) -> Result<StoredSigningKey, StoreError> {
        // A release from before this column did not fill it.
        let promoted_at = self.promoted_at.unwrap_or(self.created_at);
        let state = match (self.state.as_str(), self.promotable_at, self.retired_at) {
            (ANNOUNCED, Some(promotable_at), _) => SigningKeyState::Announced { promotable_at },
            (ACTIVE, ..) => SigningKeyState::Active { promoted_at },
            (RETIRED, _, Some(retired_at)) => SigningKeyState::Retired {
                promoted_at,
                retired_at,
            },
            (state, ..) => {
                let cause = format!("{state:?} is no state, or a time of it is missing");
                return Err(corrupt("signing_keys", "state", &self.kid, cause.into()));
            }
        };
        Ok(StoredSigningKey {
            kid: self.kid,
            algorithm: self.algorithm,
            public_jwk: self.public_jwk,
            sealed_private_key: self.sealed_private_key,
            sealing_key_id: self.sealing_key_id,
            state,
            created_at: self.created_at,
        })
    }
}
