//! Registered clients, as others' libraries are them: for themselves, for a user, and asking what a
//! token is worth.

use std::path::Path;
use std::process::Command;

use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::client::Ask;
use crate::interop::{run_script, with_matt};
use crate::program::{Served, folder, run_well};
use crate::tools;

/// A server with the tutorial's user and a client, and the client's secret.
pub(crate) fn with_client(folder: &Path, database: &TestDatabase) -> (Served, String) {
    let server = with_matt(folder, database, &[]);
    let url = database.url();
    let made = run_well(
        folder,
        &[
            &[
                "clients", "add", "app", "--scope", "profile", "todos", "--json",
            ][..],
            &["--grant", "password", "refresh_token", "client_credentials"],
            &["--database-url", url.expose_secret()],
        ]
        .concat(),
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    (server, made["secret"].as_str().unwrap().to_owned())
}

/// Each script prints who its own token is about, what scope it got, which user logged in, and
/// whether a token was worth anything before it was revoked and after.
fn went_all_the_way(outcome: &Value) {
    let expected = json!({
        "own": "client:app",
        "scope": "todos",
        "user": "matt",
        "before": true,
        "after": false,
    });
    assert_eq!(*outcome, expected);
}

const REQUESTS_OAUTHLIB: &str = "
import json, os, sys, requests
os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'
from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session
url, secret = sys.argv[1:]
auth = HTTPBasicAuth('app', secret)
def introspect(token):
    return requests.post(url + '/introspect', data={'token': token}, auth=auth).json()
own = OAuth2Session(client=BackendApplicationClient(client_id='app'))
own = own.fetch_token(url + '/token', auth=auth)
session = OAuth2Session(client=LegacyApplicationClient(client_id='app'))
session.fetch_token(url + '/token', username='matt', password='1234', auth=auth)
token = session.refresh_token(url + '/token', auth=auth)
before = introspect(token['access_token'])
revoked = requests.post(url + '/revoke', data={'token': token['refresh_token']}, auth=auth)
revoked.raise_for_status()
print(json.dumps({
    'own': introspect(own['access_token'])['sub'],
    'scope': ' '.join(own.scopes),
    'user': before['username'],
    'before': before['active'],
    'after': introspect(token['access_token'])['active'],
}))
";

const AUTHLIB: &str = "
import json, sys
from authlib.integrations.requests_client import OAuth2Session
url, secret, method = sys.argv[1:]
def session():
    return OAuth2Session('app', secret, token_endpoint=url + '/token',
                         token_endpoint_auth_method=method,
                         revocation_endpoint_auth_method=method)
own = session().fetch_token(url + '/token', grant_type='client_credentials')
user = session()
user.fetch_token(username='matt', password='1234')
token = user.refresh_token(url + '/token')
def introspect(token):
    return session().introspect_token(url + '/introspect', token=token).json()
before = introspect(token['access_token'])
user.revoke_token(url + '/revoke', token=token['refresh_token']).raise_for_status()
print(json.dumps({
    'own': introspect(own['access_token'])['sub'],
    'scope': own['scope'],
    'user': before['username'],
    'before': before['active'],
    'after': introspect(token['access_token'])['active'],
}))
";

const OAUTH4WEBAPI: &str = "
import * as oauth from 'oauth4webapi';
const [url, secret] = process.argv.slice(1);
const options = { [oauth.allowInsecureRequests]: true };
const found = await oauth.discoveryRequest(new URL(url), { algorithm: 'oauth2', ...options });
const server = await oauth.processDiscoveryResponse(new URL(url), found);
const client = { client_id: 'app' };
const basic = oauth.ClientSecretBasic(secret);
const post = oauth.ClientSecretPost(secret);
const own = await oauth.processClientCredentialsResponse(server, client,
  await oauth.clientCredentialsGrantRequest(server, client, basic, {}, options));
const user = await oauth.processGenericTokenEndpointResponse(server, client,
  await oauth.genericTokenEndpointRequest(
    server, client, post, 'password', { username: 'matt', password: '1234' }, options));
const token = await oauth.processRefreshTokenResponse(server, client,
  await oauth.refreshTokenGrantRequest(server, client, basic, user.refresh_token, options));
const introspect = async (token) => oauth.processIntrospectionResponse(server, client,
  await oauth.introspectionRequest(server, client, basic, token, options));
const before = await introspect(token.access_token);
await oauth.processRevocationResponse(
  await oauth.revocationRequest(server, client, post, token.refresh_token, options));
console.log(JSON.stringify({
  own: (await introspect(own.access_token)).sub,
  scope: own.scope,
  user: before.username,
  before: before.active,
  after: (await introspect(token.access_token)).active,
}));
";

const OPENID_CLIENT: &str = "
import * as client from 'openid-client';
const [url, secret] = process.argv.slice(1);
const config = await client.discovery(
  new URL(url), 'app', undefined, client.ClientSecretBasic(secret),
  { algorithm: 'oauth2', execute: [client.allowInsecureRequests] });
const own = await client.clientCredentialsGrant(config, { scope: 'todos' });
const user = await client.genericGrantRequest(
  config, 'password', { username: 'matt', password: '1234' });
const token = await client.refreshTokenGrant(config, user.refresh_token);
const before = await client.tokenIntrospection(config, token.access_token);
await client.tokenRevocation(config, token.refresh_token);
console.log(JSON.stringify({
  own: (await client.tokenIntrospection(config, own.access_token)).sub,
  scope: own.scope,
  user: before.username,
  before: before.active,
  after: (await client.tokenIntrospection(config, token.access_token)).active,
}));
";

#[test]
fn python_clients_prove_themselves_by_basic_and_by_form() {
    let modules = "requests_oauthlib, authlib.integrations.requests_client";
    let Some(python) = tools::python(modules) else {
        return;
    };
    for (script, more) in [
        (REQUESTS_OAUTHLIB, None),
        (AUTHLIB, Some("client_secret_basic")),
        (AUTHLIB, Some("client_secret_post")),
    ] {
        let (folder, database) = (folder(), TestDatabase::new());
        let (server, secret) = with_client(folder.path(), &database);
        let url = format!("http://{}", server.address());
        went_all_the_way(&run_script(
            Command::new(&python)
                .args(["-c", script, &url, &secret])
                .args(more),
        ));
    }
}

#[test]
fn node_clients_discover_prove_themselves_introspect_and_revoke() {
    for (module, script) in [
        ("oauth4webapi", OAUTH4WEBAPI),
        ("openid-client", OPENID_CLIENT),
    ] {
        let Some(node) = tools::node_folder(module) else {
            return;
        };
        let (folder, database) = (folder(), TestDatabase::new());
        let (server, secret) = with_client(folder.path(), &database);
        let url = format!("http://{}", server.address());
        went_all_the_way(&run_script(
            Command::new("node")
                .args(["--input-type=module", "-e", script, &url, &secret])
                .current_dir(&node),
        ));
    }
}
