//! `src/schema.rs` and `src/expectations.txt` are what the migrations make. With
//! `PASSGATE_WRITE_SCHEMA=1` the tests write the files before they compare them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text};
use passgate_persistence::Expectations;
use passgate_persistence::testing::TestDatabase;

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Array<Text>)]
    key: Vec<String>,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

/// What Diesel calls a type of PostgreSQL.
fn sql_type(kind: &str) -> &'static str {
    match kind {
        "int8" => "Int8",
        "int4" => "Int4",
        "bool" => "Bool",
        "text" => "Text",
        "bytea" => "Bytea",
        "uuid" => "Uuid",
        "jsonb" => "Jsonb",
        "timestamptz" => "Timestamptz",
        // Items are never NULL: a CHECK says so.
        "_text" => "Array<Text>",
        other => panic!("tests/schema.rs does not know the type {other}"),
    }
}

/// What no query of the database's own tables can tell: which joins we write.
const RELATIONS: &str = "
diesel::joinable!(sessions -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(sessions, users);
";

fn generate(connection: &mut PgConnection) -> String {
    let tables: Vec<Table> = diesel::sql_query(
        "SELECT c.relname::text AS name,
                array_agg(a.attname::text ORDER BY array_position(i.indkey, a.attnum)) AS key
         FROM pg_class c
         JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
         WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE '\\_\\_%'
         GROUP BY c.relname ORDER BY c.relname",
    )
    .load(connection)
    .unwrap();
    let mut text = "// Generated from the migrated database, and held against it, by \
                    tests/schema.rs.\n"
        .to_owned();
    for table in tables {
        let key = table.key.join(", ");
        writeln!(text, "\ndiesel::table! {{\n    {} ({key}) {{", table.name).unwrap();
        let columns: Vec<Column> = diesel::sql_query(
            "SELECT column_name::text AS name, udt_name::text AS kind,
                    is_nullable = 'YES' AS nullable
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
        )
        .bind::<Text, _>(&table.name)
        .load(connection)
        .unwrap();
        for column in columns {
            let kind = sql_type(&column.kind);
            let kind = if column.nullable {
                format!("Nullable<{kind}>")
            } else {
                kind.to_owned()
            };
            writeln!(text, "        {} -> {kind},", column.name).unwrap();
        }
        text.push_str("    }\n}\n");
    }
    text.push_str(RELATIONS);
    text
}

/// Writes a file of the crate anew if that is wanted, and holds it against what it should be.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn hold(file: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("PASSGATE_WRITE_SCHEMA").is_some() {
        fs::write(&path, generated).unwrap();
    }
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        generated,
        "run `just schema`"
    );
}

#[test]
fn schema_rs_is_what_the_migrations_make() {
    let generated = generate(&mut TestDatabase::new().connect());
    hold("src/schema.rs", &generated);
}

#[test]
fn what_is_expected_of_a_newer_schema_is_what_the_migrations_make() {
    let made = Expectations::of(&mut TestDatabase::new().connect()).unwrap();
    hold("src/expectations.txt", &made.written());
    assert_eq!(
        Expectations::read(&made.written()).written(),
        made.written()
    );
}
