//! What any token is worth.

use serde_json::{Value, json};

use crate::admin::root;
use crate::app::App;
use crate::client::{Ask, FORM, PASSWORD, Reply};
use crate::clients::{Registered, basic, change, own_token, register};

fn introspect(app: &App, authorization: &str, form: &str) -> Reply {
    let headers = [FORM, ("Authorization", authorization)];
    app.ask("POST", "/introspect", &headers, form)
}

fn told(app: &App, client: &Registered, token: &str) -> Value {
    introspect(app, &client.basic(), &format!("token={token}")).expect(200)
}

fn inactive() -> Value {
    json!({"active": false})
}

/// An app, an administrator's token, and a client that asks.
fn asked() -> (App, String, Registered) {
    let app = App::spawn();
    let root = root(&app);
    let client = register(&app, &root, "api", "");
    (app, root, client)
}

fn log_in(app: &App, more: &str) -> (String, String) {
    let form = format!(
        "username=matt&password={}{more}",
        PASSWORD.replace(' ', "+")
    );
    let answer = app.post_form("/token", &form).expect(200);
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

#[test]
fn a_token_that_lives_is_told_with_all_that_it_says() {
    let (app, _, client) = asked();
    let matt = app.register("matt");
    let (access, refresh) = log_in(&app, "&client_id=string");
    let reply = introspect(&app, &client.basic(), &format!("token={access}"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let url = format!("http://{}", app.address());
    let told_access = reply.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let number = |value: &Value| value.as_i64().unwrap();
    let iat = number(&told_access["iat"]);
    assert_eq!(
        told_access,
        json!({
            "active": true,
            "scope": "profile",
            "client_id": "string",
            "username": "matt",
            "token_type": "bearer",
            "exp": iat + 1500,
            "iat": iat,
            "nbf": iat,
            "sub": "matt",
            "aud": url,
            "iss": url,
            "jti": text(&told_access["jti"]),
            "user_id": matt["id"],
            "sid": text(&told_access["sid"]),
            "roles": [],
        })
    );
    let told_refresh = told(&app, &client, &refresh);
    assert_eq!(told_refresh["active"], true);
    assert_eq!(told_refresh["token_type"], "refresh_token");
    assert_eq!(told_refresh["sid"], told_access["sid"]);
    assert_eq!(
        (told_refresh.get("aud"), told_refresh.get("roles")),
        (None, None)
    );

    let own = own_token(&app, &register_todo(&app), "");
    let told_own = told(&app, &client, &own);
    assert_eq!(told_own["sub"], "client:todo");
    for absent in ["username", "user_id", "sid"] {
        assert_eq!(told_own.get(absent), None, "{absent}");
    }
}

fn register_todo(app: &App) -> Registered {
    let form = format!(
        "username=root&password={}&scope=admin",
        PASSWORD.replace(' ', "+")
    );
    let root = app.post_form("/token", &form).expect(200);
    register(app, root["access_token"].as_str().unwrap(), "todo", "todos")
}

#[test]
fn a_revoked_sessions_access_token_is_worth_nothing_at_once() {
    let (app, _, client) = asked();
    app.register("matt");
    let (access, refresh) = log_in(&app, "");
    assert_eq!(told(&app, &client, &access)["active"], true);
    app.post_form("/revoke", &format!("token={refresh}"));
    for token in [&access, &refresh] {
        assert_eq!(told(&app, &client, token), inactive());
    }
}

#[test]
fn whatever_is_not_alive_now_is_told_by_one_word() {
    let (app, root, client) = asked();
    let matt = app.register("matt");
    let (access, refresh) = log_in(&app, "");
    let forged = format!("{}x", &access[..access.len() - 1]);
    for nonsense in ["nonsense", "a.b.c", "pgr_AAAA", &client.secret, &forged] {
        assert_eq!(told(&app, &client, nonsense), inactive(), "{nonsense}");
    }
    let path = format!("/admin/users/{}", matt["id"]);
    app.ask_json(&root, "PATCH", &path, &json!({"disabled": true}))
        .expect(200);
    assert_eq!(told(&app, &client, &access), inactive());
    assert_eq!(told(&app, &client, &refresh), inactive());

    let billing = register(&app, &root, "billing", "todos");
    let own = own_token(&app, &billing, "");
    change(&app, &root, "billing", &json!({"disabled": true}));
    assert_eq!(told(&app, &client, &own), inactive());
    change(&app, &root, "billing", &json!({"disabled": false}));
    assert_eq!(told(&app, &client, &own)["active"], true);
    let path = "/admin/clients/billing/secrets/1";
    assert_eq!(app.ask_json(&root, "DELETE", path, &json!({})).status, 204);
    assert_eq!(told(&app, &client, &own), inactive());
}

#[test]
fn an_expired_token_is_worth_nothing() {
    let app = App::with(&["--access-token-ttl", "1s"]);
    let root = root(&app);
    let client = register(&app, &root, "api", "todos");
    let own = own_token(&app, &client, "");
    // Not within the leeway that verifiers allow for clocks, either.
    let begun = std::time::Instant::now();
    while told(&app, &client, &own)["active"] == true {
        assert!(begun.elapsed().as_secs() < 30, "it never ends");
    }
    assert_eq!(told(&app, &client, &own), inactive());
    assert_eq!(
        app.get_as(&own, "/verify").status,
        200,
        "a verifier allows for clocks"
    );
}

#[test]
fn asking_uses_nothing_up() {
    let app = App::with(&["--refresh-grace", "1m"]);
    let client = register(&app, &root(&app), "api", "");
    app.register("matt");
    let (_, first) = log_in(&app, "");
    let refresh = |token: &str| {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        let answer = app.post_form("/token", &form).expect(200);
        answer["refresh_token"].as_str().unwrap().to_owned()
    };
    for _ in 0..3 {
        assert_eq!(told(&app, &client, &first)["active"], true);
    }
    let second = refresh(&first);
    assert_eq!(
        told(&app, &client, &first)["active"],
        true,
        "within the grace"
    );
    let third = refresh(&second);
    assert_eq!(told(&app, &client, &first), inactive());
    assert_eq!(told(&app, &client, &third)["active"], true);
    refresh(&third);
}

#[test]
fn whoever_asks_proves_that_they_may() {
    let (app, root, client) = asked();
    app.register("matt");
    let (access, _) = log_in(&app, "");
    let form = format!("token={access}");
    let refused = |reply: Reply, status: u16, error: &str, scheme: &str| {
        let answer = reply.expect(status);
        assert_eq!(
            (&answer["error"], answer.get("active")),
            (&json!(error), None)
        );
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with(scheme), "{challenge}");
    };
    refused(
        app.post_form("/introspect", &form),
        401,
        "invalid_client",
        "Basic",
    );
    for wrong in [
        basic("api", "wrong"),
        basic("nobody", &client.secret),
        basic("api", ""),
    ] {
        refused(
            introspect(&app, &wrong, &form),
            401,
            "invalid_client",
            "Basic",
        );
    }
    let bearer = |token: &str| format!("Bearer {token}");
    let asks = |token: &str| introspect(&app, &bearer(token), &form);
    refused(asks(&access), 403, "insufficient_scope", "Bearer");
    refused(asks(&root), 403, "insufficient_scope", "Bearer");
    refused(asks("nonsense"), 401, "invalid_token", "Bearer");
    let both = format!("{form}&{}", client.form());
    refused(
        introspect(&app, &bearer(&root), &both),
        400,
        "invalid_request",
        "",
    );
    refused(
        introspect(&app, &client.basic(), &both),
        400,
        "invalid_request",
        "",
    );
    refused(
        introspect(&app, &client.basic(), ""),
        400,
        "invalid_request",
        "",
    );
    assert_eq!(
        app.post_form("/introspect", &both).expect(200)["active"],
        true
    );

    let password = PASSWORD.replace(' ', "+");
    let log_in = format!("username=root&password={password}&scope=introspect");
    let answer = app.post_form("/token", &log_in).expect(200);
    let asking = answer["access_token"].as_str().unwrap();
    assert_eq!(asks(asking).expect(200)["active"], true);
    let batch = register(&app, &root, "batch", "introspect todos");
    let own = own_token(&app, &batch, "introspect");
    assert_eq!(asks(&own).expect(200)["active"], true);
    refused(
        asks(&own_token(&app, &batch, "todos")),
        403,
        "insufficient_scope",
        "Bearer",
    );
    change(&app, &root, "batch", &json!({"scope": "todos"}));
    refused(asks(&own), 403, "insufficient_scope", "Bearer");
    app.post_form("/revoke", &format!("token={asking}"));
    refused(asks(asking), 401, "invalid_token", "Bearer");
    // A user who is no administrator cannot ask for it.
    let form = format!("username=matt&password={password}&scope=introspect");
    assert_eq!(
        app.post_form("/token", &form).expect(400)["error"],
        "invalid_scope"
    );
}
