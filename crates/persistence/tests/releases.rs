//! Every release that may still run does so on the schema as it is now: expand, then contract.
//!
//! `tests/releases` has, for each, the columns that it reads and writes and the constraints whose names
//! it knows. `PASSGATE_WRITE_RELEASE=0.2.0` writes the file of a release that is made now; one goes
//! when no release that it may be replaced by follows any more.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use passgate_persistence::testing::TestDatabase;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    may_be_left_out: bool,
}

/// Columns and unique constraints, with what a program relies on.
#[derive(Debug, Default)]
struct Schema {
    /// `table.column`, and its type with whether it may be NULL.
    columns: BTreeMap<String, String>,
    constraints: Vec<String>,
    /// Columns that whoever writes a row has to know.
    demanded: Vec<String>,
}

impl Schema {
    fn of(database: &TestDatabase) -> Self {
        let mut connection = database.connect();
        let columns: Vec<Row> = diesel::sql_query(
            "SELECT table_name || '.' || column_name AS name,
                    udt_name || CASE is_nullable WHEN 'YES' THEN ' null' ELSE ' not null' END AS kind,
                    is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'
                        OR is_generated = 'ALWAYS' AS may_be_left_out
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
        )
        .load(&mut connection)
        .unwrap();
        // Of the others nobody knows the names.
        let constraints: Vec<Row> = diesel::sql_query(
            "SELECT conname::text AS name, '' AS kind, false AS may_be_left_out FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u')
               AND conrelid::regclass::text NOT LIKE '\\_\\_%' ORDER BY 1",
        )
        .load(&mut connection)
        .unwrap();
        let is_demanded = |row: &&Row| !row.may_be_left_out;
        let demanded = columns.iter().filter(is_demanded);
        Self {
            demanded: demanded.map(|row| row.name.clone()).collect(),
            constraints: constraints.into_iter().map(|row| row.name).collect(),
            columns: columns
                .into_iter()
                .map(|row| (row.name, row.kind))
                .collect(),
        }
    }

    fn read(text: &str) -> Self {
        let mut schema = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(' ').unwrap() {
                ("constraint", name) => schema.constraints.push(name.to_owned()),
                (column, kind) => {
                    schema.columns.insert(column.to_owned(), kind.to_owned());
                }
            }
        }
        schema
    }

    fn written(&self) -> String {
        let mut text =
            "# Written by tests/releases.rs when the release was made; never edited.\n".to_owned();
        for (column, kind) in &self.columns {
            writeln!(text, "{column} {kind}").unwrap();
        }
        for name in &self.constraints {
            writeln!(text, "constraint {name}").unwrap();
        }
        text
    }

    /// What a program that expects this schema does not find in another.
    fn missed_in(&self, now: &Self) -> Vec<String> {
        let mut missed = Vec::new();
        for (column, kind) in &self.columns {
            match now.columns.get(column) {
                Some(same) if same == kind => {}
                Some(other) => missed.push(format!("{column} was {kind} and is {other}")),
                None => missed.push(format!("{column} is gone")),
            }
        }
        for name in &self.constraints {
            if !now.constraints.contains(name) {
                missed.push(format!("the constraint {name} is gone"));
            }
        }
        for column in &now.demanded {
            let table = column.split_once('.').unwrap().0;
            let knows_table = self
                .columns
                .keys()
                .any(|known| known.split_once('.').unwrap().0 == table);
            if knows_table && !self.columns.contains_key(column) {
                missed.push(format!("{column} has no default, and is not written"));
            }
        }
        missed
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases")
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn releases_run_on_the_schema_of_their_successor() {
    let now = Schema::of(&TestDatabase::new());
    if let Ok(release) = std::env::var("PASSGATE_WRITE_RELEASE") {
        fs::write(folder().join(format!("{release}.txt")), now.written()).unwrap();
    }
    let files: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let then = Schema::read(&fs::read_to_string(&file).unwrap());
        assert!(then.columns.len() > 20, "{}", file.display());
        let missed = then.missed_in(&now);
        assert!(missed.is_empty(), "{}: {missed:?}", file.display());
    }
}

#[test]
fn what_breaks_a_release_is_found() {
    let database = TestDatabase::new();
    let then = Schema::of(&database);
    assert!(then.missed_in(&Schema::read(&then.written())).is_empty());
    database
        .connect()
        .batch_execute(
            "ALTER TABLE users DROP COLUMN display_name CASCADE;
             ALTER TABLE users RENAME CONSTRAINT users_email_key_unique TO email_unique;
             ALTER TABLE sessions ALTER COLUMN user_agent TYPE bytea USING NULL;
             ALTER TABLE sessions ALTER COLUMN address SET NOT NULL;
             ALTER TABLE clients ADD COLUMN owner bigint NOT NULL;
             ALTER TABLE clients ADD COLUMN contact text, ADD COLUMN tier text NOT NULL DEFAULT '';
             CREATE TABLE invitations (id bigint NOT NULL);",
        )
        .unwrap();
    let missed = then.missed_in(&Schema::of(&database));
    let expected = [
        "sessions.address was text null and is text not null",
        "sessions.user_agent was text null and is bytea null",
        "users.display_name is gone",
        "the constraint users_email_key_unique is gone",
        "clients.owner has no default, and is not written",
    ];
    assert_eq!(missed, expected);
}
