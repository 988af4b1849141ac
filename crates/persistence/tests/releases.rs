//! Every release that may still run does so on the schema as it is now: expand, then contract.
//!
//! `tests/releases` has, for each, the columns that it reads and writes and the constraints whose names
//! it knows. `PASSGATE_WRITE_RELEASE=0.2.0` writes the file of a release that is made now; one goes
//! when no release that it may be replaced by follows any more.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use passgate_persistence::Expectations;
use passgate_persistence::testing::TestDatabase;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases")
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn releases_run_on_the_schema_of_their_successor() {
    let now = Expectations::of(&mut TestDatabase::new().connect()).unwrap();
    if let Ok(release) = std::env::var("PASSGATE_WRITE_RELEASE") {
        fs::write(folder().join(format!("{release}.txt")), now.written()).unwrap();
    }
    let files: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let then = Expectations::read(&fs::read_to_string(&file).unwrap());
        assert!(then.columns() > 20, "{}", file.display());
        let missed = then.missed_in(&now);
        assert!(missed.is_empty(), "{}: {missed:?}", file.display());
    }
}

#[test]
fn what_breaks_a_release_is_found() {
    let database = TestDatabase::new();
    let then = Expectations::ours();
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
    let missed = then.missed_in(&Expectations::of(&mut database.connect()).unwrap());
    let expected = [
        "sessions.address was text null and is text not null",
        "sessions.user_agent was text null and is bytea null",
        "users.display_name is gone",
        "the constraint users_email_key_unique is gone",
        "clients.owner has no default, and is not written",
    ];
    assert_eq!(missed, expected);
}
