//! Passwords and tokens without a Passgate.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{ask, log_in};
use crate::passgate::folder;
use crate::process::{Process, command};
use crate::programs::example;
use crate::todos::tampered;

const PASSWORD: &str = "correct horse battery";

/// On the address that it had before, if it had one.
fn start(folder: &Path, listen: &str) -> Process {
    let mut command = command(&example("embedded"));
    command.env("DATA_DIR", folder).env("LISTEN", listen);
    Process::start(&mut command, folder)
}

fn service() -> (TempDir, Process) {
    let folder = folder();
    let service = start(folder.path(), "127.0.0.1:0");
    (folder, service)
}

fn sign_up(url: &str, username: &str, password: &str) -> u16 {
    let user = json!({ "username": username, "password": password });
    ask("POST", &format!("{url}/users"), None, Some(user)).status
}

fn me(url: &str, token: Option<&str>) -> (u16, Value) {
    let reply = ask("GET", &format!("{url}/me"), token, None);
    (reply.status, reply.json())
}

fn token(url: &str) -> String {
    let body = log_in(url, "Ada", PASSWORD).expect(200).json();
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("bearer"), &json!(1500))
    );
    body["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn who_signs_up_can_log_in_and_pass_the_guard() {
    let (_folder, service) = service();
    let url = &service.url;
    assert_eq!(sign_up(url, "Ada", PASSWORD), 201);
    assert_eq!(sign_up(url, "ada", PASSWORD), 409);
    assert_eq!(sign_up(url, "eve", "short"), 422);
    let token = token(url);
    assert_eq!(me(url, Some(&token)), (200, json!({ "username": "ada" })));
    assert_eq!(me(url, Some(&tampered(&token))).0, 401);
    assert_eq!(me(url, None).0, 401);
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let (_folder, service) = service();
    assert_eq!(sign_up(&service.url, "ada", PASSWORD), 201);
    let wrong = log_in(&service.url, "ada", "correct horse batterz").expect(401);
    let unknown = log_in(&service.url, "eve", PASSWORD).expect(401);
    assert_eq!(wrong.json(), unknown.json());
    assert!(wrong.header("www-authenticate").is_some());
}

#[test]
fn tokens_and_users_outlive_a_restart_and_nobody_else_reads_them() {
    let (folder, service) = service();
    let url = service.url.clone();
    assert_eq!(sign_up(&url, "ada", PASSWORD), 201);
    let before = token(&url);
    drop(service);
    let _service = start(folder.path(), url.trim_start_matches("http://"));
    assert_eq!(me(&url, Some(&before)).0, 200);
    assert_eq!(me(&url, Some(&token(&url))).0, 200);
    for file in ["key.pem", "users.json"] {
        let mode = fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn others_verify_with_the_keys_that_it_publishes() {
    let (_folder, service) = service();
    let url = &service.url;
    assert_eq!(sign_up(url, "ada", PASSWORD), 201);
    let jwks = ask("GET", &format!("{url}/.well-known/jwks.json"), None, None).expect(200);
    assert!(jwks.header("etag").is_some());
    let jwks = jwks.json().to_string();
    assert!(!jwks.contains("\"d\""), "{jwks}");
    assert_eq!(suite::subject(&token(url), url, "embedded", &jwks), "ada");
}
