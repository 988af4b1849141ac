//! Registered clients, as they and their administrators meet the server.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::admin::root;
use crate::app::App;
use crate::client::{Ask, FORM, PASSWORD, Reply};

/// A registered client and what proves it.
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Registered {
    /// As HTTP Basic.
    pub(crate) fn basic(&self) -> String {
        basic(&self.id, &self.secret)
    }

    /// As fields of a form.
    pub(crate) fn form(&self) -> String {
        format!("client_id={}&client_secret={}", self.id, self.secret)
    }
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

const ALL: [&str; 3] = ["password", "refresh_token", "client_credentials"];

/// Registers a client with every grant.
pub(crate) fn register(app: &App, root: &str, id: &str, scope: &str) -> Registered {
    let body = json!({"id": id, "scope": scope, "grants": ALL});
    let made = app
        .ask_json(root, "POST", "/admin/clients", &body)
        .expect(201);
    Registered {
        id: id.to_owned(),
        secret: made["secret"].as_str().unwrap().to_owned(),
    }
}

pub(crate) fn change(app: &App, root: &str, id: &str, body: &Value) {
    let path = format!("/admin/clients/{id}");
    app.ask_json(root, "PATCH", &path, body).expect(200);
}

/// Asks for the client's own token, by HTTP Basic.
fn ask(app: &App, authorization: &str, scope: &str) -> Reply {
    let form = format!("grant_type=client_credentials&scope={scope}");
    let headers = [FORM, ("Authorization", authorization)];
    app.ask("POST", "/token", &headers, &form)
}

pub(crate) fn own_token(app: &App, client: &Registered, scope: &str) -> String {
    let answer = ask(app, &client.basic(), scope).expect(200);
    answer["access_token"].as_str().unwrap().to_owned()
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_client_gets_a_token_of_its_own_by_basic_and_by_form() {
    let app = App::spawn();
    let client = register(&app, &root(&app), "billing", "todos profile invoices");
    let form = format!("grant_type=client_credentials&{}", client.form());
    for reply in [
        ask(&app, &client.basic(), ""),
        app.post_form("/token", &form),
    ] {
        let answer = reply.expect(200);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(answer["token_type"], "bearer");
        assert_eq!(answer["scope"], "invoices todos");
        assert!(answer.get("refresh_token").is_none());
        let claims = claims(answer["access_token"].as_str().unwrap());
        assert_eq!(claims["sub"], "client:billing");
        assert_eq!(claims["client_id"], "billing");
        assert_eq!(
            (&claims["roles"], &claims["scope"]),
            (&json!([]), &json!("invoices todos"))
        );
        assert_eq!((claims.get("user_id"), claims.get("sid")), (None, None));
    }
    assert_eq!(
        ask(&app, &client.basic(), "todos").expect(200)["scope"],
        "todos"
    );
    // The halves come as a form has them (RFC 6749 section 2.3.1).
    let encoded = basic("bill%69ng", &client.secret.replace('_', "%5F"));
    ask(&app, &encoded, "").expect(200);
}

/// Whoever guesses learns nothing: not by a status, a header or a byte.
#[test]
fn every_refusal_of_a_client_is_the_same() {
    let app = App::spawn();
    let root = root(&app);
    let client = register(&app, &root, "billing", "todos");
    let gone = register(&app, &root, "gone", "todos");
    change(&app, &root, "gone", &json!({"disabled": true}));
    let mut changed = client.secret.clone();
    changed.replace_range(10..11, if &changed[10..11] == "A" { "B" } else { "A" });
    let refusals: Vec<Reply> = [
        basic("billing", &changed),
        basic("billing", "wrong"),
        basic("billing", ""),
        basic("nobody", &client.secret),
        basic("a b", &client.secret),
        gone.basic(),
        basic("gone", "wrong"),
    ]
    .iter()
    .map(|authorization| ask(&app, authorization, "more than it may"))
    .collect();
    let answer = refusals[0].expect(401);
    assert_eq!(answer["error"], "invalid_client");
    assert_eq!(answer["detail"], answer["error_description"]);
    let challenge = refusals[0].header("www-authenticate");
    assert_eq!(challenge, Some("Basic realm=\"passgate\""));
    for refusal in &refusals {
        assert_eq!(
            refusal.without_id_and_date(),
            refusals[0].without_id_and_date()
        );
    }
    let log = app
        .get_as(&root, "/admin/audit?action=client_refused")
        .expect(200);
    assert_eq!(log["items"].as_array().unwrap().len(), refusals.len());
    assert!(!log.to_string().contains(&client.secret[4..]), "{log}");
}

#[test]
fn credentials_that_say_several_things_are_refused_before_any_is_looked_at() {
    let app = App::spawn();
    let client = register(&app, &root(&app), "billing", "todos");
    let ask = |headers: &[(&str, &str)], form: &str| {
        let headers = [&[FORM][..], headers].concat();
        let form = format!("grant_type=client_credentials&{form}");
        app.ask("POST", "/token", &headers, &form)
    };
    let basic = client.basic();
    let basic = ("Authorization", basic.as_str());
    for (headers, form) in [
        (&[basic][..], client.form()),
        (&[basic], format!("client_secret={}", client.secret)),
        (&[basic], "client_id=other".to_owned()),
        (&[basic, basic], String::new()),
        (&[], format!("client_secret={}", client.secret)),
        (&[], format!("{}&client_id=billing", client.form())),
        (&[], format!("{}&client_secret=x", client.form())),
        (&[], format!("{}%00", client.form())),
        (
            &[],
            format!("client_id={}&client_secret=x", "a".repeat(129)),
        ),
    ] {
        let answer = ask(headers, &form).expect(400);
        assert_eq!(answer["error"], "invalid_request", "{form}");
        assert!(!answer.to_string().contains(&client.secret), "{answer}");
    }
    // The same id twice is no contradiction.
    ask(&[basic], "client_id=billing").expect(200);
    for scheme in [
        "Bearer abc",
        "Digest abc",
        "Basic",
        "Basic !!",
        "Basic bm9jb2xvbg==",
    ] {
        let reply = ask(&[("Authorization", scheme)], "");
        assert_eq!(reply.expect(401)["error"], "invalid_client", "{scheme}");
        assert!(
            reply
                .header("www-authenticate")
                .unwrap()
                .starts_with("Basic")
        );
    }
    assert_eq!(ask(&[], "").expect(401)["error"], "invalid_client");
    assert_eq!(
        ask(&[], "client_id=billing").expect(401)["error"],
        "invalid_client"
    );
}

#[test]
fn a_grant_or_a_scope_that_is_not_the_clients_is_named() {
    let app = App::spawn();
    let root = root(&app);
    let client = register(&app, &root, "billing", "todos profile");
    for scope in ["admin", "todos+admin", "profile"] {
        let answer = ask(&app, &client.basic(), scope).expect(400);
        assert_eq!(answer["error"], "invalid_scope");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.ends_with("allowed is: todos"), "{detail}");
    }
    change(&app, &root, "billing", &json!({"grants": ["password"]}));
    let answer = ask(&app, &client.basic(), "").expect(400);
    assert_eq!(answer["error"], "unauthorized_client");
    let form = format!(
        "username=root&password={}&{}",
        plus(PASSWORD),
        client.form()
    );
    let answer = app.post_form("/token", &form).expect(200);
    assert!(
        answer.get("refresh_token").is_none(),
        "it could not use one"
    );
    change(
        &app,
        &root,
        "billing",
        &json!({"grants": ["client_credentials"]}),
    );
    let answer = app.post_form("/token", &form).expect(400);
    assert_eq!(answer["error"], "unauthorized_client");
}

fn plus(text: &str) -> String {
    text.replace(' ', "+")
}

#[test]
fn a_registered_client_proves_itself_before_a_password_is_looked_at() {
    let app = App::spawn();
    let root = root(&app);
    app.register("matt");
    let log_in = |password: &str, client: &str| {
        let password = plus(password);
        app.post_form(
            "/token",
            &format!("username=matt&password={password}&{client}"),
        )
    };
    // The tutorial's.
    let label = "client_id=string&client_secret=string";
    log_in(PASSWORD, label).expect(200);
    let client = register(&app, &root, "string", "profile");
    let refused = log_in(PASSWORD, label);
    assert_eq!(refused.expect(401)["error"], "invalid_client");
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic")
    );
    let wrong = log_in("wrong horse battery", "client_id=string");
    assert_eq!(wrong.without_id_and_date(), refused.without_id_and_date());
    let log = app
        .get_as(&root, "/admin/audit?action=log_in_refused")
        .expect(200);
    assert_eq!(log["items"], json!([]));
    let answer = log_in(PASSWORD, &client.form()).expect(200);
    assert_eq!(
        claims(answer["access_token"].as_str().unwrap())["client_id"],
        "string"
    );
    let answer = log_in("wrong horse battery", &client.form()).expect(401);
    assert_eq!(answer["error"], "invalid_grant");
    let answer = log_in(PASSWORD, &format!("{}&scope=admin", client.form())).expect(400);
    assert_eq!(answer["error"], "invalid_scope");
}

#[test]
fn a_clients_session_is_refreshed_and_revoked_by_this_client_alone() {
    let app = App::spawn();
    let root = root(&app);
    app.register("matt");
    let client = register(&app, &root, "app", "profile");
    let other = register(&app, &root, "other", "profile");
    let form = format!(
        "username=matt&password={}&{}",
        plus(PASSWORD),
        client.form()
    );
    let answer = app.post_form("/token", &form).expect(200);
    let (token, access) = (&answer["refresh_token"], &answer["access_token"]);
    let (token, access) = (token.as_str().unwrap(), access.as_str().unwrap());
    let post = |path: &str, form: &str, by: &str| app.post_form(path, &format!("{form}&{by}"));
    let refresh = format!("grant_type=refresh_token&refresh_token={token}");
    let revoke = format!("token={token}");
    for (by, refused, unrevoked) in [
        ("", (400, "invalid_grant"), (401, "invalid_client")),
        (
            "client_id=label",
            (400, "invalid_grant"),
            (401, "invalid_client"),
        ),
        (
            "client_id=app",
            (401, "invalid_client"),
            (401, "invalid_client"),
        ),
        (
            "client_id=app&client_secret=x",
            (401, "invalid_client"),
            (401, "invalid_client"),
        ),
        (
            &other.form(),
            (400, "invalid_grant"),
            (400, "invalid_grant"),
        ),
    ] {
        for (path, form, (status, error)) in [
            ("/token", &refresh, refused),
            ("/revoke", &revoke, unrevoked),
            ("/revoke", &format!("token={access}"), unrevoked),
        ] {
            let answer = post(path, form, by).expect(status);
            assert_eq!(answer["error"], error, "{path} {by}");
        }
    }
    app.get_as(access, "/users/me").expect(200);
    change(&app, &root, "app", &json!({"disabled": true}));
    assert_eq!(
        post("/token", &refresh, &client.form()).expect(401)["error"],
        "invalid_client"
    );
    app.get_as(access, "/users/me").expect(401);
    change(&app, &root, "app", &json!({"disabled": false}));
    app.get_as(access, "/users/me").expect(200);
    // All these times, the token was not used up.
    let basic = client.basic();
    let headers = [FORM, ("Authorization", basic.as_str())];
    let answer = app.ask("POST", "/token", &headers, &refresh).expect(200);
    let next = answer["refresh_token"].as_str().unwrap();
    let revoked = app.ask("POST", "/revoke", &headers, &format!("token={next}"));
    assert_eq!((revoked.status, revoked.body.len()), (200, 0));
    app.get_as(access, "/users/me").expect(401);
}
