//! One release follows another, or does not.

use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection;

use super::operator::{Client, Operator};
use crate::client::Ask;

/// The last migration: its version as the database has it, and what undoes it.
fn last_migration() -> (String, String) {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let folders = fs::read_dir(all)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let last = folders.filter(|path| path.is_dir()).max().unwrap();
    let name = last.file_name().unwrap().to_str().unwrap();
    let (version, _) = name.split_once('_').unwrap();
    let down = fs::read_to_string(last.join("down.sql")).unwrap();
    (version.replace('-', ""), down)
}

pub(super) fn upgrades(operator: &mut Operator) {
    let server = operator.server();
    let mut ada = Client::registers(&server, "ada");
    server.stop();
    // As a release before the last migration leaves it.
    let (version, down) = last_migration();
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
    let mut connection = operator.database.connect();
    connection
        .batch_execute(&format!("{down};{forget}"))
        .unwrap();

    operator.runs("pg_dump");
    let said = operator.runs("passgate --version");
    assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
    operator.runs("passgate config check");
    let told = operator.runs("passgate migrate");
    assert_eq!(told.matches("Applied").count(), 1, "{told}");
    let server = operator.serves("passgate --no-migrate");
    operator.types(&format!("export PASSGATE_LISTEN={}", server.address()));
    operator.runs("passgate healthcheck");
    ada.is_served(&server);
    ada.refreshes(&server);
}

pub(super) fn goes_back(operator: &mut Operator) {
    let server = operator.server();
    let mut ada = Client::registers(&server, "ada");
    let newer = "ALTER TABLE users ADD COLUMN nickname text;
        INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')";
    operator.database.connect().batch_execute(newer).unwrap();
    server.stop();
    let server = operator.serves("passgate --no-migrate");
    ada.refreshes(&server);
    ada.is_served(&server);
}
