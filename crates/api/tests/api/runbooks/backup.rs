//! What is left of a database is put back.

use std::fs;

use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::operator::{Client, Operator};
use crate::client::{Ask, PASSWORD};

const PRIVATE: &str = "unset PASSGATE_DATABASE_URL PASSGATE_SECRET";

const DUMP: &str = "pg_dump --format=custom --file=passgate.dump \"$PASSGATE_DATABASE_URL\"";

pub(super) fn backs_up(operator: &mut Operator) {
    let server = operator.server();
    let ada = Client::registers(&server, "ada");
    operator.runs("pg_dump");
    let listed = operator.runs("pg_restore --list");
    for table in ["users", "sessions", "signing_keys", "audit_events"] {
        assert!(
            listed.contains(&format!("TABLE DATA public {table} ")),
            "{listed}"
        );
    }
    ada.is_served(&server);
}

pub(super) fn restores(operator: &mut Operator) {
    let server = operator.server();
    let mut ada = Client::registers(&server, "ada");
    let mut matt = Client::registers(&server, "matt");
    let eve = Client::registers(&server, "eve");
    let keys = server.get("/.well-known/jwks.json").expect(200);
    operator.types(DUMP);
    matt.refreshes(&server);
    let mary = server.register("mary")["id"].as_i64().unwrap();
    operator.types("passgate users disable eve");
    operator.types("passgate keys rotate --now");
    server.stop();

    operator.runs("passgate audit");
    let happened = fs::read_to_string(operator.folder().join("since-the-backup.txt")).unwrap();
    for action in ["user_disabled", "key_removed", "user_created"] {
        assert!(happened.contains(action), "{happened}");
    }

    // As if the old server were gone: another database, of the name that the page makes it under.
    let (old, new) = (operator.database.url(), TestDatabase::empty());
    new.take_away();
    let on = format!("--maintenance-db='{}'", old.expose_secret());
    operator.means("--host=db2 --username=postgres --owner=passgate", &on);
    operator.means("template0 passgate", &format!("template0 {}", new.name()));
    let url = format!("'{}'", new.url().expose_secret());
    operator.means("postgres://passgate:...@db2/passgate", &url);
    operator.runs("createdb");
    operator.runs("export PASSGATE_DATABASE_URL");
    operator.runs("pg_restore");
    operator.runs("psql");
    operator.runs("psql");
    let said = operator.runs("passgate config check --connect");
    assert!(said.contains("can be used"), "{said}");
    let server = operator.serves("passgate");

    ada.is_served(&server);
    ada.refreshes(&server);
    for name in ["ada", "matt"] {
        server.log_in(name, PASSWORD).expect(200);
    }
    matt.asks_to_refresh(&server).expect(400);
    // The past is back, whatever was wrong with it.
    eve.is_served(&server);
    assert_eq!(server.get("/.well-known/jwks.json").expect(200), keys);
    server.log_in("mary", PASSWORD).expect(401);
    let number = server.register("nora")["id"].as_i64().unwrap();
    assert!(
        number > mary + 1000,
        "{number} may be somebody else's elsewhere"
    );
}

pub(super) fn private(operator: &mut Operator) {
    operator.types(PRIVATE);
    let backup = operator.folder().join("backup");
    fs::create_dir(&backup).unwrap();
    operator.means("/backup", &backup.display().to_string());
    let server = operator.server();
    let mut ada = Client::registers(&server, "ada");
    server.stop();
    operator.runs("cp -a .passgate");
    let server = operator.server();
    server.register("mary");
    server.stop();

    operator.runs("mv .passgate");
    operator.runs("cp -a");
    let server = operator.serves("passgate");
    ada.is_served(&server);
    ada.refreshes(&server);
    server.log_in("mary", PASSWORD).expect(401);

    operator.runs("PGPASSWORD=");
    server.stop();
    let own = TestDatabase::empty();
    operator.types(&format!(
        "export PASSGATE_SECRET=$(cat .passgate/secret) PASSGATE_DATABASE_URL='{}'",
        own.url().expose_secret()
    ));
    operator.types(
        "pg_restore --single-transaction --no-owner --no-privileges \
         --dbname=\"$PASSGATE_DATABASE_URL\" passgate.dump",
    );
    let server = operator.server();
    ada.refreshes(&server);
    let users: Value = serde_json::from_str(&operator.types("passgate users list --json")).unwrap();
    assert_eq!(users[0]["username"], "ada");
}
