//! Statements in our own words that are prepared once a connection.
//!
//! Diesel parses and plans what goes through `sql_query` anew each time, since it cannot know that
//! the text is always the same. For the statements of every log-in and every refresh that costs more
//! than running them.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Nullable, Text, Untyped};

/// A text with the places `$1`, `$2`, ... for what is bound to it.
pub(crate) trait Statement: 'static {
    const SQL: &'static str;
}

/// A text that may be missing.
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn text(value: Option<&String>) -> _ {
    value.into_sql::<Nullable<Text>>()
}

/// A statement with its values: a tuple of `value.into_sql::<Type>()`, in the order of the places.
pub(crate) struct Prepared<S, B> {
    values: B,
    statement: PhantomData<S>,
}

impl<S: Statement, B> Prepared<S, B> {
    pub(crate) fn with(values: B) -> Self {
        Self {
            values,
            statement: PhantomData,
        }
    }
}

/// A value may stand in several places of the text, or before another that comes earlier. Diesel
/// writes a place for each value as it takes it; these stand in a comment behind the text.
impl<S: Statement, B: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<S, B> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(S::SQL);
        out.push_sql(" /* ");
        self.values.walk_ast(out.reborrow())?;
        out.push_sql(" */");
        Ok(())
    }
}

/// The text is the name under which the connection keeps the statement.
impl<S: Statement, B> QueryId for Prepared<S, B> {
    type QueryId = S;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S, B> Query for Prepared<S, B> {
    type SqlType = Untyped;
}

impl<S, B> RunQueryDsl<PgConnection> for Prepared<S, B> {}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;
    use diesel::sql_types::BigInt;

    struct Twice;

    impl Statement for Twice {
        const SQL: &'static str = "SELECT $2 || $1 || $2 AS text, 7 + $3 AS number";
    }

    #[derive(QueryableByName, Debug, PartialEq)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
        #[diesel(sql_type = BigInt)]
        number: i64,
    }

    #[test]
    fn a_statement_is_prepared_once_and_takes_its_values_in_their_places() {
        let database = TestDatabase::new();
        let mut connection = database.connect();
        for (text, number) in [("a", 1_i64), ("b", 2)] {
            let values = (
                text.into_sql::<Text>(),
                "-".into_sql::<Text>(),
                number.into_sql::<BigInt>(),
            );
            let row: Row = Prepared::<Twice, _>::with(values)
                .get_result(&mut connection)
                .unwrap();
            let expected = Row {
                text: format!("-{text}-"),
                number: 7 + number,
            };
            assert_eq!(row, expected);
        }
        let prepared: i64 = diesel::dsl::sql::<BigInt>(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%7 + $3%'
             AND statement NOT LIKE '%pg_prepared%'",
        )
        .get_result(&mut connection)
        .unwrap();
        assert_eq!(prepared, 1);
    }
}
