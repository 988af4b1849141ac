//! What a statement reads, for the tests that bound it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    read: i64,
}

/// How many rows of a table were read by what is done in a transaction of its own.
pub(crate) fn rows_read(
    connection: &mut PgConnection,
    table: &str,
    work: impl FnOnce(&mut PgConnection),
) -> i64 {
    let rows = connection.transaction(|connection| {
        // What was not yet told of transactions before is counted, too.
        let before = counted(connection, table)?;
        work(connection);
        QueryResult::Ok(counted(connection, table)? - before)
    });
    rows.unwrap()
}

fn counted(connection: &mut PgConnection, table: &str) -> QueryResult<i64> {
    let rows: Rows = diesel::sql_query(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) AS read
         FROM pg_stat_xact_user_tables WHERE relname = $1",
    )
    .bind::<Text, _>(table)
    .get_result(connection)?;
    Ok(rows.read)
}
