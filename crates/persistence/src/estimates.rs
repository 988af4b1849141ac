use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl};
use passgate_domain::ports::StoreError;

use crate::PgStore;

/// About how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimates {
    /// Users, those that were deleted included.
    pub users: u64,
    /// Sessions, those that ended lately included.
    pub sessions: u64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    users: i64,
    #[diesel(sql_type = BigInt)]
    sessions: i64,
}

impl PgStore {
    /// How many rows there are of what grows, as `PostgreSQL` last counted them for its own
    /// planning: to count them takes long where there are many. `None` before it did for the first
    /// time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn estimates(&self) -> Result<Option<Estimates>, StoreError> {
        let row: Row = self.read(|connection| {
            let counted = diesel::sql_query(
                "SELECT (SELECT reltuples::bigint FROM pg_class WHERE oid = 'users'::regclass)
                            AS users,
                        (SELECT reltuples::bigint FROM pg_class WHERE oid = 'sessions'::regclass)
                            AS sessions",
            );
            Ok(counted.get_result(connection)?)
        })?;
        // A table that was never counted has -1.
        let rows = [row.users, row.sessions].map(|rows| u64::try_from(rows).ok());
        Ok(match rows {
            [Some(users), Some(sessions)] => Some(Estimates { users, sessions }),
            _ => None,
        })
    }
}
