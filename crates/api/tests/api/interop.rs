//! Tokens are verified by others' libraries.

use std::path::Path;
use std::process::Command;

use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::app::SECRET;
use crate::client::Ask;
use crate::import::{BCRYPT_1234, TUTORIAL};
use crate::program::{Served, folder, run_well, write};
use crate::tools;

/// A server with the tutorial's user.
fn with_matt(folder: &Path, database: &TestDatabase, flags: &[&str]) -> Served {
    let url = database.url();
    let on = ["--database-url", url.expose_secret()];
    write(
        folder,
        "users.csv",
        &format!("id,username,hashed_password\n1,matt,{BCRYPT_1234}\n"),
    );
    run_well(
        folder,
        &[&["users", "import", "users.csv"][..], &on].concat(),
    );
    Served::start(folder, &[&on[..], &["--secret", SECRET], flags].concat())
}

fn run_script(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn is_matts(claims: &Value) {
    assert_eq!(claims["sub"], "matt");
    assert_eq!(claims["user_id"], 1);
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 25 * 60);
}

/// PyJWT finds the key in the JWKS by itself.
const PYJWT: &str = "
import json, sys, jwt
token, url, alg = sys.argv[1:]
key = jwt.PyJWKClient(url + '/.well-known/jwks.json').get_signing_key_from_jwt(token)
print(json.dumps(jwt.decode(token, key.key, algorithms=[alg], audience=url, issuer=url)))
";

/// `jose` for Node does, too.
const NODE_JOSE: &str = "
import { createRemoteJWKSet, jwtVerify } from 'jose';
const [token, url, alg] = process.argv.slice(1);
const keys = createRemoteJWKSet(new URL(url + '/.well-known/jwks.json'));
const options = { issuer: url, audience: url, algorithms: [alg], typ: 'at+jwt' };
const { payload } = await jwtVerify(token, keys, options);
console.log(JSON.stringify(payload));
";

const PYTHON_JOSE: &str = "
import json, sys
from jose import jwt
token, url, secret = sys.argv[1:]
print(json.dumps(jwt.decode(token, secret, algorithms=['HS256'], audience=url, issuer=url)))
";

#[test]
fn pyjwt_verifies_by_the_published_keys() {
    let Some(python) = tools::python("jwt, cryptography") else {
        return;
    };
    for alg in ["EdDSA", "ES256", "RS256"] {
        let (folder, database) = (folder(), TestDatabase::new());
        let server = with_matt(folder.path(), &database, &["--jwt-algorithm", alg]);
        let answer = server.post_form("/token", TUTORIAL).expect(200);
        let url = format!("http://{}", server.address());
        let token = answer["access_token"].as_str().unwrap();
        is_matts(&run_script(
            Command::new(&python).args(["-c", PYJWT, token, &url, alg]),
        ));
    }
}

#[test]
fn jose_for_node_verifies_by_the_published_keys() {
    let Some(node) = tools::node_folder("jose") else {
        return;
    };
    for alg in ["EdDSA", "ES256", "RS256"] {
        let (folder, database) = (folder(), TestDatabase::new());
        let server = with_matt(folder.path(), &database, &["--jwt-algorithm", alg]);
        let answer = server.post_form("/token", TUTORIAL).expect(200);
        let url = format!("http://{}", server.address());
        let token = answer["access_token"].as_str().unwrap();
        is_matts(&run_script(
            Command::new("node")
                .args(["--input-type=module", "-e", NODE_JOSE, token, &url, alg])
                .current_dir(&node),
        ));
    }
}

#[test]
fn python_jose_verifies_by_the_shared_secret() {
    let Some(python) = tools::python("jose") else {
        return;
    };
    let shared = "the secret of the tutorial's SECRET_KEY, long enough";
    let (folder, database) = (folder(), TestDatabase::new());
    let flags = ["--jwt-algorithm", "HS256", "--jwt-secret", shared];
    let server = with_matt(folder.path(), &database, &flags);
    let answer = server.post_form("/token", TUTORIAL).expect(200);
    let url = format!("http://{}", server.address());
    let token = answer["access_token"].as_str().unwrap();
    is_matts(&run_script(Command::new(&python).args([
        "-c",
        PYTHON_JOSE,
        token,
        &url,
        shared,
    ])));
}
