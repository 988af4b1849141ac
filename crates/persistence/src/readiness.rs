//! Whether the database would take a log-in.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Bool;
use passgate_domain::ports::StoreError;

use crate::PgStore;

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

/// Takes more pages than a table has to spare: text that does not compress, stored apart from its row.
const TAKE_ROOM: &str = "
    INSERT INTO audit_events (at, action, actor, detail)
    SELECT now(), 'probe', 'anonymous', string_agg(md5(random()::text), '')
    FROM generate_series(1, 1000)";

impl PgStore {
    /// Asks the database whether it takes writes, for a readiness check. Writes only where a write has
    /// found the disk full before, and takes it back.
    ///
    /// # Errors
    /// [`StoreError`] if it does not, or does not answer.
    pub fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            let Answer { answer: reads_only } = diesel::sql_query(
                "SELECT current_setting('transaction_read_only') = 'on' AS answer",
            )
            .get_result(connection)?;
            if reads_only {
                // As a write would be told, so that another server is looked for.
                let why = "the database takes no writes".to_owned();
                let kind = DatabaseErrorKind::ReadOnlyTransaction;
                return Err(DieselError::DatabaseError(kind, Box::new(why)).into());
            }
            Ok(())
        })?;
        if self.generations.may_lack_room() {
            self.with(take_room_and_give_it_back)?;
            self.generations.has_room();
        }
        Ok(())
    }
}

fn take_room_and_give_it_back(connection: &mut PgConnection) -> Result<(), crate::error::PgError> {
    let outcome: QueryResult<()> = connection.transaction(|connection| {
        diesel::sql_query(TAKE_ROOM).execute(connection)?;
        Err(DieselError::RollbackTransaction)
    });
    match outcome {
        Err(DieselError::RollbackTransaction) => Ok(()),
        outcome => Ok(outcome?),
    }
}
