//! Somebody has what everybody's tokens and passwords hang on.

use std::fs;

use diesel::connection::SimpleConnection;
use passgate_auth::jwt::{Algorithm, Audience, IssuerId, KeySet, Verifier, VerifyError};
use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::incidents::log_in;
use super::operator::{Client, ISSUER, Operator};
use crate::client::{Ask, PASSWORD};
use crate::keys::eventually;
use crate::program::Served;

/// What another service says of a token, which has just fetched the keys.
fn elsewhere(server: &Served, token: &str) -> Result<(), VerifyError> {
    let keys = server.get("/.well-known/jwks.json").body;
    let (keys, _) = KeySet::from_jwks(&keys, &[Algorithm::EdDsa]).unwrap();
    let issuer = IssuerId::parse(ISSUER).unwrap();
    let verifier: Verifier = Verifier::new(issuer, Audience::parse(ISSUER).unwrap(), keys);
    verifier.verify_now(token).map(drop)
}

pub(super) fn key(operator: &mut Operator) {
    let (server, replica) = (operator.server(), operator.server());
    let mut ada = Client::registers(&server, "ada");
    let old = server.get("/.well-known/jwks.json").expect(200);
    elsewhere(&server, &ada.access).unwrap();
    operator.runs("passgate keys rotate --now");
    let listed = operator.runs("passgate keys list");
    let old = old["keys"][0]["kid"].as_str().unwrap().to_owned();
    assert!(!listed.contains(&old), "{listed}");
    for server in [&server, &replica] {
        eventually("the replica follows", || {
            let keys = server.get("/.well-known/jwks.json");
            (!keys.text().contains(&old)).then_some(())
        });
        server.get_as(&ada.access, "/users/me").expect(401);
        assert!(matches!(
            elsewhere(server, &ada.access),
            Err(VerifyError::UnknownKey)
        ));
    }
    ada.refreshes(&server);
    ada.is_served(&replica);
    elsewhere(&replica, &ada.access).unwrap();
}

/// A copy of the operator's database, as a thief has it.
fn copied(operator: &Operator) -> TestDatabase {
    let (copy, other) = (TestDatabase::empty(), TestDatabase::empty());
    copy.take_away();
    let (copied, name) = (operator.database.name(), copy.name());
    let statement = format!("CREATE DATABASE {name} TEMPLATE {copied}");
    other.connect().batch_execute(&statement).unwrap();
    copy
}

pub(super) fn secret(operator: &mut Operator) {
    let server = operator.server();
    let ada = Client::registers(&server, "ada");
    server.stop();
    let (stolen, server) = (copied(operator), operator.server());
    ada.is_served(&server);
    let url = stolen.url();
    let mine = format!("PASSGATE_DATABASE_URL='{}'", url.expose_secret());
    operator.types(&format!("export OURS=$PASSGATE_DATABASE_URL {mine}"));
    let thief = operator.server();
    let forged = Client::logs_in(&thief, "ada");
    elsewhere(&server, &forged.access).unwrap();
    operator.types("export PASSGATE_DATABASE_URL=$OURS");

    operator.runs("export PASSGATE_SECRET");
    operator.runs("passgate keys rotate --now");
    let replaced = operator.serves("passgate");
    // Until it is stopped, the old one gives nothing that is worth anything.
    eventually("it follows", || {
        elsewhere(&server, &forged.access).is_err().then_some(())
    });
    server.log_in("ada", PASSWORD).expect(503);
    server.stop();
    for token in [&ada.access, &forged.access] {
        replaced.get_as(token, "/users/me").expect(401);
        assert!(matches!(
            elsewhere(&replaced, token),
            Err(VerifyError::UnknownKey)
        ));
    }
    ada.asks_to_refresh(&replaced).expect(400);
    forged.asks_to_refresh(&replaced).expect(400);
    let mut ada = Client::logs_in(&replaced, "ada");
    ada.refreshes(&replaced);
    elsewhere(&replaced, &ada.access).unwrap();

    operator.types("unset PASSGATE_DATABASE_URL PASSGATE_SECRET");
    let server = operator.server();
    let ada = Client::registers(&server, "ada");
    server.stop();
    operator.runs("rm");
    operator.runs("passgate keys rotate --now");
    let server = operator.serves("passgate");
    assert!(matches!(
        elsewhere(&server, &ada.access),
        Err(VerifyError::UnknownKey)
    ));
    ada.asks_to_refresh(&server).expect(400);
    Client::logs_in(&server, "ada").is_served(&server);
}

pub(super) fn database(operator: &mut Operator) {
    operator.types(&format!(
        "passgate users add root --email root@example.com --admin --password-stdin <<< '{PASSWORD}'"
    ));
    let server = operator.server();
    // As if the password had been guessed.
    let thief = Client::registers(&server, "ada");
    server.register("two words");
    server.register("--help");

    operator.runs("export PASSGATE_PEPPER");
    let peppered = operator.serves("passgate");
    server.stop();
    thief.is_served(&peppered);
    let administrators = operator.runs("psql");
    assert!(administrators.contains("root@example.com") && !administrators.contains("ada"));
    operator.runs("PASSWORD=");
    operator.runs("passgate users set-password root");
    operator.runs("psql");
    let failed = operator.folder().join("failed.txt");
    assert!(!failed.exists(), "{:?}", fs::read_to_string(failed));
    operator.runs("passgate users list");

    peppered.refuses_soon(&thief.access, "/users/me");
    thief.asks_to_refresh(&peppered).expect(400);
    for name in ["ada", "two+words", "--help", "root"] {
        peppered.log_in(name, PASSWORD).expect(401);
    }
    let affected = fs::read_to_string(operator.folder().join("affected.json")).unwrap();
    let affected: Value = serde_json::from_str(&affected).unwrap();
    assert_eq!(affected.as_array().unwrap().len(), 4);

    // The application gives people another.
    let made = operator.types("echo \"$PASSWORD\"");
    let granted = log_in(&peppered, "root", &made, "admin").expect(200);
    let root = granted["access_token"].as_str().unwrap();
    let change = json!({"new_password": "a better horse battery"});
    let ada = affected[1]["id"].as_i64().unwrap();
    let path = format!("/admin/users/{ada}/password");
    assert_eq!(peppered.ask_json(root, "PUT", &path, &change).status, 204);
    peppered.log_in("ada", "a better horse battery").expect(200);
    let hashes = operator.types(
        "psql \"$PASSGATE_DATABASE_URL\" --no-align --tuples-only --command='SELECT password_hash FROM users'",
    );
    assert!(
        hashes.lines().all(|hash| hash.contains("keyid=")),
        "{hashes}"
    );
}
