//! What a program needs of the schema, and whether it is there on one that a later release migrated.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

/// Those of this release, as `just schema` writes them.
const OURS: &str = include_str!("expectations.txt");

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    /// `table.column`, and its type with whether it may be NULL.
    columns: BTreeMap<String, String>,
    constraints: Vec<String>,
    /// Columns that whoever writes a row has to know.
    demanded: Vec<String>,
}

impl Expectations {
    /// What this release reads and writes, and the constraints whose names it knows.
    pub fn ours() -> Self {
        Self::read(OURS)
    }

    /// What a database has.
    ///
    /// # Errors
    /// That of the query.
    pub fn of(connection: &mut PgConnection) -> QueryResult<Self> {
        let columns: Vec<Row> = diesel::sql_query(
            "SELECT table_name || '.' || column_name AS name,
                    udt_name || CASE is_nullable WHEN 'YES' THEN ' null' ELSE ' not null' END AS kind,
                    is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'
                        OR is_generated = 'ALWAYS' AS may_be_left_out
             FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_\\_%'",
        )
        .load(connection)?;
        // Of the others nobody knows the names.
        let constraints: Vec<Row> = diesel::sql_query(
            "SELECT conname::text AS name, '' AS kind, false AS may_be_left_out FROM pg_constraint
             WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
               AND contype IN ('p', 'u')
               AND conrelid::regclass::text NOT LIKE '\\_\\_%' ORDER BY 1",
        )
        .load(connection)?;
        let is_demanded = |row: &&Row| !row.may_be_left_out;
        let demanded = columns.iter().filter(is_demanded);
        Ok(Self {
            demanded: demanded.map(|row| row.name.clone()).collect(),
            constraints: constraints.into_iter().map(|row| row.name).collect(),
            columns: columns
                .into_iter()
                .map(|row| (row.name, row.kind))
                .collect(),
        })
    }

    /// Reads what [`Self::written`] wrote.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(' ') {
                Some(("constraint", name)) => read.constraints.push(name.to_owned()),
                Some((column, kind)) => {
                    read.columns.insert(column.to_owned(), kind.to_owned());
                }
                None => {}
            }
        }
        read
    }

    /// A line for each, to be kept.
    pub fn written(&self) -> String {
        let mut text =
            "# Written by `just schema`, and copied for a release; never edited.\n".to_owned();
        // Writing to a text does not fail.
        for (column, kind) in &self.columns {
            let _ = writeln!(text, "{column} {kind}");
        }
        for name in &self.constraints {
            let _ = writeln!(text, "constraint {name}");
        }
        text
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// What a program that expects this does not find in another schema; a sentence for each.
    pub fn missed_in(&self, now: &Self) -> Vec<String> {
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
            let is_of_known_table = self
                .columns
                .keys()
                .any(|known| table_of(known) == table_of(column));
            if is_of_known_table && !self.columns.contains_key(column) {
                missed.push(format!("{column} has no default, and is not written"));
            }
        }
        missed
    }
}

fn table_of(column: &str) -> &str {
    column.split_once('.').map_or(column, |(table, _)| table)
}
