//! Starting, and small things while it runs.

use passgate_persistence::testing::TestDatabase;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use secrecy::ExposeSecret;

use super::incidents::log_in;
use super::operator::{Client, Operator};
use crate::app::SECRET;
use crate::client::{Ask, PASSWORD};
use crate::import::BCRYPT_1234;
use crate::program::write;

pub(super) fn starts(operator: &mut Operator) {
    operator.types("unset PASSGATE_DATABASE_URL PASSGATE_SECRET PASSGATE_ISSUER PASSGATE_LISTEN");
    let url = operator.database.url();
    let written = "postgres://passgate:...@db1,db2/passgate?target_session_attrs=read-write";
    operator.means(written, &format!("'{}'", url.expose_secret()));
    operator.means("0.0.0.0:8000", "127.0.0.1:0");
    for _ in 0..3 {
        operator.runs("export");
    }
    let server = operator.serves("passgate");
    Client::registers(&server, "ada").is_served(&server);
    let metadata = server.get("/.well-known/oauth-authorization-server");
    assert_eq!(metadata.expect(200)["issuer"], "https://id.example.com");
}

pub(super) fn settings_from_a_file(operator: &mut Operator) {
    let url = operator.database.url();
    let settings = format!(
        "PASSGATE_DATABASE_URL='{}'\nPASSGATE_SECRET='{SECRET}'\nPASSGATE_ISSUER=http://of.the.file\n",
        url.expose_secret()
    );
    let file = write(&operator.folder(), "passgate.env", &settings);
    operator.types("unset PASSGATE_DATABASE_URL PASSGATE_SECRET PASSGATE_ISSUER");
    operator.means("/etc/passgate.env", &file.display().to_string());
    operator.runs("set -a");
    let server = operator.server();
    server.register("ada");
    assert!(operator.types("passgate users list").contains("ada"));
    let said = operator.types("passgate config check --connect");
    assert!(said.contains("http://of.the.file"), "{said}");
}

pub(super) fn forgives(operator: &mut Operator) {
    operator.types("export PASSGATE_GUESSES_PER_ACCOUNT=1/15m");
    let server = operator.server();
    server.register("ada");
    let guess = || server.log_in("ada", "a wrong password").status;
    while guess() != 429 {}
    operator.runs("psql");
    server.log_in("ada", PASSWORD).expect(200);
}

pub(super) fn moves(operator: &mut Operator) {
    let app = TestDatabase::empty();
    let app = app.url();
    operator.means("psql app", &format!("psql '{}'", app.expose_secret()));
    let table = format!(
        "CREATE TABLE users (id int, username text, email text, hashed_password text, is_active bool); \
         INSERT INTO users VALUES (7, 'ada', 'ada@example.com', '{BCRYPT_1234}', true), \
         (8, 'gone', NULL, '{BCRYPT_1234}', false)"
    );
    let file = write(&operator.folder(), "app.sql", &table);
    operator.types(&format!(
        "psql '{}' --file={}",
        app.expose_secret(),
        file.display()
    ));
    operator.runs("psql");
    operator.runs("passgate users import");
    let server = operator.server();
    server.log_in("ada", "1234").expect(200);
    server.log_in("gone", "1234").expect(401);
    let told = operator.types("passgate users import users.csv");
    assert!(told.contains("0 "), "{told}");
    assert_eq!(server.register("matt")["id"], 9);
}

pub(super) fn https(operator: &mut Operator) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&operator.folder(), "tls.crt", &cert.pem());
    write(&operator.folder(), "tls.key", &signing_key.serialize_pem());
    operator.means("/etc/passgate", &operator.folder().display().to_string());
    operator.runs("export PASSGATE_TLS_CERTIFICATE");
    let server = operator.server();
    operator.types(&format!("export PASSGATE_LISTEN={}", server.address()));
    operator.types("passgate healthcheck");
}

pub(super) fn logs_more(operator: &mut Operator) {
    operator.types(&format!(
        "passgate users add root --admin --password-stdin <<< '{PASSWORD}'"
    ));
    let server = operator.server();
    let granted = log_in(&server, "root", PASSWORD, "admin").expect(200);
    let token = granted["access_token"].as_str().unwrap();
    operator.types(&format!("TOKEN={token}"));
    operator.means(
        "http://replica:8000",
        &format!("http://{}", server.address()),
    );
    let said = operator.runs("curl");
    assert!(
        said.contains("passgate_api=debug") && said.contains("until"),
        "{said}"
    );
    let said = server.get_as(token, "/admin/log").expect(200);
    assert!(
        said["filter"]
            .as_str()
            .unwrap()
            .contains("passgate_api=debug"),
        "{said}"
    );
}
