//! The todos, by the one contract that both services have.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::{ask, send};
use crate::passgate::{Passgate, Service, token};

macro_rules! on_both {
    ($($rule:ident)*) => {
        mod todo_actix {
            $(#[test] fn $rule() { super::$rule("todo-actix"); })*
        }
        mod todo_axum {
            $(#[test] fn $rule() { super::$rule("todo-axum"); })*
        }
    };
}

on_both! {
    todos_are_made_read_changed_and_removed
    somebody_elses_todo_is_not_there
    without_a_good_token_there_is_a_challenge_and_nothing_is_done
    a_token_for_another_audience_is_refused
    a_token_of_somebody_else_with_the_same_names_is_refused
    only_an_administrator_sees_everybodys_todos
    what_is_no_todo_is_refused
}

/// A Passgate, a service that believes it, and a token of somebody who signed up.
fn world(service: &str) -> Option<(Passgate, Service, String)> {
    let passgate = Passgate::start(&[])?;
    passgate.sign_up("ada");
    let (service, token) = (passgate.service(service), passgate.token("ada"));
    Some((passgate, service, token))
}

/// Claims, unverified: what Passgate says is for the service to judge.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The token with another signature. Its first character is changed: of the last, some bits are none
/// of the signature's, and one token in four ends with any given one.
pub fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    format!("{signed}.{first}{}", &signature[1..])
}

pub fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn todos_are_made_read_changed_and_removed(service: &str) {
    let Some((_passgate, service, ada)) = world(service) else {
        return;
    };
    let owner = claims(&ada)["user_id"].clone();
    assert_eq!(
        service.ask("GET", "/todos", &ada).expect(200).json(),
        json!([])
    );

    let new = json!({ "title": "Tea" });
    let made = service.ask_with("POST", "/todos", &ada, new).expect(201);
    let todo = made.json();
    let place = made.header("location").unwrap();
    assert_eq!(place, format!("/todos/{}", todo["id"]));
    let tea = json!({ "id": todo["id"], "owner": owner, "title": "Tea", "done": false });
    assert_eq!(todo, tea);
    assert_eq!(service.ask("GET", place, &ada).expect(200).json(), tea);

    let drunk = json!({ "title": "Tea", "done": true });
    let changed = service
        .ask_with("PUT", place, &ada, drunk)
        .expect(200)
        .json();
    assert_eq!(changed["done"], true);
    assert_eq!(
        service.ask("GET", "/todos", &ada).expect(200).json(),
        json!([changed])
    );

    service.ask("DELETE", place, &ada).expect(204);
    service.ask("DELETE", place, &ada).expect(404);
    service.ask("GET", place, &ada).expect(404);
}

fn somebody_elses_todo_is_not_there(service: &str) {
    let Some((passgate, service, ada)) = world(service) else {
        return;
    };
    passgate.sign_up("eve");
    let eve = passgate.token("eve");
    let tea = json!({ "title": "Tea" });
    let made = service
        .ask_with("POST", "/todos", &ada, tea.clone())
        .expect(201);
    let (place, made) = (made.header("location").unwrap(), made.json());

    let never = service.ask("GET", "/todos/4711", &eve).expect(404).json();
    assert_eq!(service.ask("GET", place, &eve).expect(404).json(), never);
    assert_eq!(
        service.ask_with("PUT", place, &eve, tea).expect(404).json(),
        never
    );
    assert_eq!(service.ask("DELETE", place, &eve).expect(404).json(), never);
    assert_eq!(
        service.ask("GET", "/todos", &eve).expect(200).json(),
        json!([])
    );
    assert_eq!(service.ask("GET", place, &ada).expect(200).json(), made);
}

fn without_a_good_token_there_is_a_challenge_and_nothing_is_done(service: &str) {
    let Some((_passgate, service, ada)) = world(service) else {
        return;
    };
    let tampered = tampered(&ada);
    for (method, path) in [
        ("GET", "/todos"),
        ("POST", "/todos"),
        ("GET", "/todos/1"),
        ("PUT", "/todos/1"),
        ("DELETE", "/todos/1"),
        ("GET", "/admin/todos"),
    ] {
        let tea = || (method == "POST" || method == "PUT").then(|| json!({ "title": "Tea" }));
        let none = ask(method, &service.at(path), None, tea()).expect(401);
        assert_eq!(
            none.header("www-authenticate"),
            Some("Bearer realm=\"api\"")
        );
        let bad = ask(method, &service.at(path), Some(&tampered), tea()).expect(401);
        let challenge = bad.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    assert_eq!(
        service.ask("GET", "/todos", &ada).expect(200).json(),
        json!([])
    );
}

fn a_token_for_another_audience_is_refused(service: &str) {
    let Some((passgate, service, ada)) = world(service) else {
        return;
    };
    let for_billing = token(&passgate.for_another_audience().url, "ada");
    // Nothing else is wrong with it.
    assert_eq!(part(&for_billing, 0), part(&ada, 0));
    assert_eq!(claims(&for_billing)["iss"], claims(&ada)["iss"]);
    assert_eq!(claims(&for_billing)["aud"], "billing");
    let refused = service.ask("GET", "/todos", &for_billing).expect(401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("another audience"), "{challenge}");
}

fn a_token_of_somebody_else_with_the_same_names_is_refused(service: &str) {
    let Some((passgate, service, ada)) = world(service) else {
        return;
    };
    let Some(stranger) = Passgate::start(&["--issuer", passgate.url()]) else {
        return;
    };
    stranger.sign_up("ada");
    let forged = stranger.token("ada");
    for same in ["iss", "aud", "sub", "user_id"] {
        assert_eq!(claims(&forged)[same], claims(&ada)[same]);
    }
    service.ask("GET", "/todos", &forged).expect(401);
    service.ask("GET", "/todos", &ada).expect(200);
}

fn only_an_administrator_sees_everybodys_todos(service: &str) {
    let Some((passgate, service, ada)) = world(service) else {
        return;
    };
    passgate.add_admin("root");
    let root = passgate.token("root");
    let tea = json!({ "title": "Tea" });
    let made = service.ask_with("POST", "/todos", &ada, tea).expect(201);

    let refused = service.ask("GET", "/admin/todos", &ada).expect(403);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    let all = service.ask("GET", "/admin/todos", &root).expect(200).json();
    assert_eq!(all, json!([made.json()]));
    // Not even an administrator by the paths of everybody.
    service
        .ask("GET", made.header("location").unwrap(), &root)
        .expect(404);
}

fn what_is_no_todo_is_refused(service: &str) {
    let Some((_passgate, service, ada)) = world(service) else {
        return;
    };
    let client_error = |status| (400..500).contains(&status) && status != 401;
    for bad in [
        json!({}),
        json!({ "title": 1 }),
        json!({ "title": "a", "owner": 2 }),
    ] {
        let status = service.ask_with("POST", "/todos", &ada, bad).status;
        assert!(client_error(status), "{status}");
    }
    let bearer = format!("Bearer {ada}");
    let headers = [
        ("Authorization", &*bearer),
        ("Content-Type", "application/json"),
    ];
    let status = send("POST", &service.at("/todos"), &headers, "{").status;
    assert!(client_error(status), "{status}");
    assert!(client_error(service.ask("GET", "/todos/one", &ada).status));
    assert_eq!(
        service.ask("GET", "/todos", &ada).expect(200).json(),
        json!([])
    );
}
