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
pub(crate) fn with_matt(folder: &Path, database: &TestDatabase, flags: &[&str]) -> Served {
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

pub(crate) fn run_script(command: &mut Command) -> Value {
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

/// requests-oauthlib logs in, refreshes and revokes.
const REQUESTS_OAUTHLIB: &str = "
import json, os, sys
os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'
from oauthlib.oauth2 import LegacyApplicationClient, InvalidGrantError
from requests_oauthlib import OAuth2Session
url, = sys.argv[1:]
session = OAuth2Session(client=LegacyApplicationClient(client_id='app'))
first = session.fetch_token(url + '/token', username='matt', password='1234', include_client_id=True)
second = session.refresh_token(url + '/token', client_id='app')
assert second['refresh_token'] != first['refresh_token']
name = session.get(url + '/users/me').json()['username']
session.post(url + '/revoke', data={'token': second['refresh_token']}).raise_for_status()
try:
    session.refresh_token(url + '/token', client_id='app')
    ended = False
except InvalidGrantError:
    ended = True
print(json.dumps({'name': name, 'ended': ended}))
";

/// Authlib does, too.
const AUTHLIB: &str = "
import json, sys
from authlib.integrations.requests_client import OAuth2Session
from authlib.integrations.base_client.errors import OAuthError
url, = sys.argv[1:]
session = OAuth2Session('app', token_endpoint=url + '/token', token_endpoint_auth_method='none')
first = session.fetch_token(username='matt', password='1234')
second = session.refresh_token(url + '/token')
assert second['refresh_token'] != first['refresh_token']
name = session.get(url + '/users/me').json()['username']
session.revoke_token(url + '/revoke', token=second['refresh_token'])
try:
    session.refresh_token(url + '/token', refresh_token=second['refresh_token'])
    ended = False
except OAuthError as error:
    ended = error.error == 'invalid_grant'
print(json.dumps({'name': name, 'ended': ended}))
";

/// oauth4webapi finds the server's paths by itself, refreshes and revokes.
const OAUTH4WEBAPI: &str = "
import * as oauth from 'oauth4webapi';
const [url, refresh] = process.argv.slice(1);
const options = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(url);
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options });
const server = await oauth.processDiscoveryResponse(issuer, found);
const client = { client_id: 'app' };
const next = async (token) => {
  const reply = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, options);
  return oauth.processRefreshTokenResponse(server, client, reply);
};
const second = await next(refresh);
const me = await oauth.protectedResourceRequest(
  second.access_token, 'GET', new URL(url + '/users/me'), undefined, undefined, options);
const name = (await me.json()).username;
await oauth.processRevocationResponse(await oauth.revocationRequest(
  server, client, oauth.None(), second.refresh_token, options));
let ended = false;
try {
  await next(second.refresh_token);
} catch (error) {
  ended = error.error === 'invalid_grant';
}
console.log(JSON.stringify({ name, ended }));
";

fn went_all_the_way(outcome: &Value) {
    assert_eq!(
        (&outcome["name"], &outcome["ended"]),
        (&"matt".into(), &true.into())
    );
}

#[test]
fn python_clients_log_in_refresh_and_revoke() {
    let modules = "requests_oauthlib, authlib.integrations.requests_client";
    let Some(python) = tools::python(modules) else {
        return;
    };
    for script in [REQUESTS_OAUTHLIB, AUTHLIB] {
        let (folder, database) = (folder(), TestDatabase::new());
        let server = with_matt(folder.path(), &database, &[]);
        let url = format!("http://{}", server.address());
        went_all_the_way(&run_script(
            Command::new(&python).args(["-c", script, &url]),
        ));
    }
}

#[test]
fn oauth4webapi_discovers_refreshes_and_revokes() {
    let Some(node) = tools::node_folder("oauth4webapi") else {
        return;
    };
    let (folder, database) = (folder(), TestDatabase::new());
    let server = with_matt(folder.path(), &database, &[]);
    let url = format!("http://{}", server.address());
    let form = TUTORIAL.replace("client_id=string", "client_id=app");
    let answer = server.post_form("/token", &form).expect(200);
    let refresh = answer["refresh_token"].as_str().unwrap();
    went_all_the_way(&run_script(
        Command::new("node")
            .args(["--input-type=module", "-e", OAUTH4WEBAPI, &url, refresh])
            .current_dir(&node),
    ));
}
