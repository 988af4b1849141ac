//! What a client's own token is good for, and what not.

use serde_json::json;

use crate::admin::root;
use crate::app::App;
use crate::client::{Ask, PASSWORD};
use crate::clients::{change, own_token, register};

#[test]
fn a_clients_own_token_cannot_be_revoked_and_says_so() {
    let app = App::spawn();
    let root = root(&app);
    let client = register(&app, &root, "billing", "todos");
    let other = register(&app, &root, "other", "todos");
    let token = own_token(&app, &client, "");
    let revoke = |by: &str| app.post_form("/revoke", &format!("token={token}&{by}"));
    assert_eq!(
        revoke(&client.form()).expect(400)["error"],
        "unsupported_token_type"
    );
    assert_eq!(revoke(&other.form()).expect(400)["error"], "invalid_grant");
    assert_eq!(revoke("").expect(401)["error"], "invalid_client");
    assert_eq!(app.get_as(&token, "/verify").status, 200);
    change(&app, &root, "billing", &json!({"disabled": true}));
    app.get_as(&token, "/verify").expect(401);
}

#[test]
fn a_clients_token_is_no_users() {
    let app = App::spawn();
    let root = root(&app);
    let client = register(&app, &root, "billing", "todos profile");
    let token = own_token(&app, &client, "");
    for (method, path) in [
        ("GET", "/users/me"),
        ("DELETE", "/users/me"),
        ("PATCH", "/users/me"),
        ("GET", "/users/me/sessions"),
        ("DELETE", "/users/me/sessions"),
    ] {
        let refused = app.ask_json(&token, method, path, &json!({})).expect(403);
        assert!(
            refused["detail"].as_str().unwrap().contains("no account"),
            "{path}"
        );
    }
    let reply = app.get_as(&token, "/verify?scope=todos");
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(reply.header("x-auth-client"), Some("billing"));
    assert_eq!(reply.header("x-auth-user"), Some("client:billing"));
    // There, so that a proxy passes nothing on that its client sent.
    assert_eq!(reply.header("x-auth-user-id"), Some(""));
    assert_eq!(reply.header("x-auth-roles"), Some(""));
    assert_eq!(reply.header("x-auth-scope"), Some("todos"));
    app.get_as(&token, "/verify?scope=profile").expect(403);
    app.get_as(&token, "/admin/users").expect(403);
    let users = app.get_as(&app.token("root"), "/verify");
    assert_eq!(users.header("x-auth-client"), Some(""));
    let body = json!({"username": "client:billing", "password": PASSWORD});
    let refused = app.post_json("/users", &body).expect(422);
    assert_eq!(refused["errors"][0]["field"], "username");
}

#[test]
fn a_client_administers_if_it_may() {
    let app = App::spawn();
    let root = root(&app);
    let client = register(&app, &root, "deployer", "admin");
    let token = own_token(&app, &client, "");
    let body = json!({"username": "ada", "password": PASSWORD});
    let ada = app
        .ask_json(&token, "POST", "/admin/users", &body)
        .expect(201);
    let path = format!("/admin/users/{}/sessions", ada["id"]);
    app.get_as(&token, &path).expect(200);
    let log = app
        .get_as(&root, "/admin/audit?action=user_created")
        .expect(200);
    assert_eq!(log["items"][0]["actor"], "client:deployer");
    // By what it may now, not by what it could when it got the token.
    change(&app, &root, "deployer", &json!({"scope": "todos"}));
    let refused = app.get_as(&token, "/admin/users");
    refused.expect(403);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"admin\""), "{challenge}");
    change(&app, &root, "deployer", &json!({"scope": "admin"}));
    app.get_as(&token, "/admin/users").expect(200);
    app.ask_json(
        &root,
        "DELETE",
        "/admin/clients/deployer/secrets/1",
        &json!({}),
    );
    app.get_as(&token, "/admin/users").expect(401);
}
