//! What administrators see and do.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::app::App;
use crate::client::{Ask, PASSWORD};

/// An administrator's token, for administering.
pub(crate) fn root(app: &App) -> String {
    app.register("root");
    app.database
        .connect()
        .batch_execute("UPDATE users SET roles = '{admin}' WHERE username = 'root'")
        .unwrap();
    token(app, "root", "admin+profile")
}

pub(crate) fn token(app: &App, username: &str, scope: &str) -> String {
    let password = PASSWORD.replace(' ', "+");
    let form = format!("username={username}&password={password}&scope={scope}");
    let granted = app.post_form("/token", &form).expect(200);
    granted["access_token"].as_str().unwrap().to_owned()
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|user| user["username"].as_str().unwrap())
        .collect()
}

/// What was done, the oldest first, without the log-ins.
fn deeds(app: &App, token: &str) -> Vec<String> {
    let log = app.get_as(token, "/admin/audit?limit=200").expect(200);
    let items = log["items"].as_array().unwrap().iter().rev();
    items
        .filter(|event| event["action"] != "logged_in")
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            let user = &event["user_id"];
            format!(
                "{} {} {user} {}",
                text("actor"),
                text("action"),
                text("detail")
            )
        })
        .collect()
}

#[test]
fn only_who_is_an_administrator_and_asked_for_it_administers() {
    let app = App::spawn();
    let root_token = root(&app);
    app.register("matt");
    let everyday = token(&app, "root", "profile");
    for (method, path) in [
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("GET", "/admin/users/1"),
        ("PATCH", "/admin/users/1"),
        ("DELETE", "/admin/users/1"),
        ("PUT", "/admin/users/1/password"),
        ("GET", "/admin/users/1/sessions"),
        ("DELETE", "/admin/users/1/sessions"),
        ("GET", "/admin/audit"),
    ] {
        let body = match method {
            "POST" => json!({"username": "eve", "password": PASSWORD}),
            "PUT" => json!({"new_password": PASSWORD}),
            _ => json!({}),
        };
        app.ask_json("", method, path, &body).expect(401);
        for token in [&token(&app, "matt", "profile"), &everyday] {
            let reply = app.ask_json(token, method, path, &body);
            reply.expect(403);
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.contains("insufficient_scope"), "{challenge}");
        }
    }
    // The role goes, and with it what an older token was good for.
    app.get_as(&root_token, "/admin/users").expect(200);
    app.database
        .connect()
        .batch_execute("UPDATE users SET roles = '{}'")
        .unwrap();
    app.get_as(&root_token, "/admin/users").expect(403);
}

#[test]
fn an_account_is_made_shown_changed_and_deleted() {
    let app = App::spawn();
    let root = root(&app);
    let body = json!({
        "username": "Ada", "password": PASSWORD, "email": "ada@example.com", "roles": ["editor"],
    });
    let made = app.ask_json(&root, "POST", "/admin/users", &body);
    let account = made.expect(201);
    let path = made.header("location").unwrap().to_owned();
    assert_eq!(path, format!("/admin/users/{}", account["id"]));
    assert_eq!(app.get_as(&root, &path).expect(200), account);
    assert_eq!(account["roles"], json!(["editor"]));
    app.ask_json(&root, "POST", "/admin/users", &body)
        .expect(409);

    let ada = app.token("ada");
    let change = json!({"roles": ["author", "editor"], "display_name": "Ada", "email": null});
    let changed = app.ask_json(&root, "PATCH", &path, &change).expect(200);
    assert_eq!(changed["roles"], json!(["author", "editor"]));
    assert_eq!(
        (&changed["display_name"], &changed["email"]),
        (&json!("Ada"), &Value::Null)
    );
    // A token of before the change is worth what its user is now.
    for token in [&ada, &app.token("ada")] {
        assert_eq!(app.get_as(token, "/verify?role=author").status, 200);
    }

    let disabled = json!({"disabled": true});
    app.ask_json(&root, "PATCH", &path, &disabled).expect(200);
    app.get_as(&ada, "/users/me").expect(401);
    app.log_in("ada", PASSWORD).expect(401);
    let enabled = json!({"disabled": false});
    app.ask_json(&root, "PATCH", &path, &enabled).expect(200);
    app.log_in("ada", PASSWORD).expect(200);

    assert_eq!(app.ask_json(&root, "DELETE", &path, &json!({})).status, 204);
    app.log_in("ada", PASSWORD).expect(401);
    for method in ["GET", "DELETE"] {
        app.ask_json(&root, method, &path, &json!({})).expect(404);
    }
    app.ask_json(&root, "PATCH", &path, &enabled).expect(404);
    let again = app
        .ask_json(&root, "POST", "/admin/users", &body)
        .expect(409);
    assert_eq!(again["errors"][0]["field"], "username");
    let id = &account["id"];
    assert_eq!(
        deeds(&app, &root)[2..],
        [
            format!("user:1 user_created {id} -"),
            format!("user:1 user_changed {id} email display_name roles"),
            format!("user:1 user_disabled {id} -"),
            format!("anonymous log_in_refused {id} disabled"),
            format!("user:1 user_enabled {id} -"),
            format!("user:1 user_deleted {id} -"),
            "anonymous log_in_refused null unknown user".to_owned(),
        ]
    );
}

/// Otherwise every use of their token would be a 401.
#[test]
fn nobody_has_more_roles_than_a_token_holds() {
    let app = App::spawn();
    let root = root(&app);
    app.register("ada");
    let roles = |count: usize| -> Value {
        let names: Vec<_> = (0..count).map(|i| format!("{i:0>61}")).collect();
        json!({ "roles": names })
    };
    let grant = |body: &Value| app.ask_json(&root, "PATCH", "/admin/users/2", body);
    let refused = grant(&roles(33)).expect(422);
    assert_eq!(refused["errors"][0]["field"], "roles");
    grant(&roles(32)).expect(200);
    let token = app.token("ada");
    app.get_as(&token, "/users/me").expect(200);
    let body = json!({"username": "bob", "password": PASSWORD, "roles": roles(33)["roles"]});
    app.ask_json(&root, "POST", "/admin/users", &body)
        .expect(422);
}

#[test]
fn who_deletes_the_own_account_is_gone_at_once() {
    let app = App::spawn();
    app.register("matt");
    let (one, other) = (app.token("matt"), app.token("matt"));
    assert_eq!(
        app.ask_json(&one, "DELETE", "/users/me", &json!({})).status,
        204
    );
    for token in [one, other] {
        app.get_as(&token, "/users/me").expect(401);
    }
    app.log_in("matt", PASSWORD).expect(401);
    let again = json!({"username": "MATT", "password": PASSWORD});
    app.post_json("/users", &again).expect(409);
}

#[test]
fn nobody_locks_themselves_out() {
    let app = App::spawn();
    let root = root(&app);
    let path = "/admin/users/1";
    for change in [json!({"disabled": true}), json!({"roles": ["editor"]})] {
        app.ask_json(&root, "PATCH", path, &change).expect(409);
    }
    app.ask_json(&root, "DELETE", path, &json!({})).expect(409);
    let harmless = json!({"display_name": "Root", "roles": ["admin", "editor"]});
    app.ask_json(&root, "PATCH", path, &harmless).expect(200);
}

#[test]
fn another_password_ends_the_sessions() {
    let app = App::spawn();
    let root = root(&app);
    app.register("matt");
    let matt = app.token("matt");
    let path = "/admin/users/2/password";
    for (bad, code) in [("short", "too_short"), ("mattmattmatt", "is_username")] {
        let body = json!({ "new_password": bad });
        let problem = app.ask_json(&root, "PUT", path, &body).expect(422);
        assert_eq!(problem["errors"][0]["code"], code);
    }
    let body = json!({"new_password": "another horse battery"});
    assert_eq!(app.ask_json(&root, "PUT", path, &body).status, 204);
    app.get_as(&matt, "/users/me").expect(401);
    app.log_in("matt", PASSWORD).expect(401);
    app.log_in("matt", "another horse battery").expect(200);
    let nobody = "/admin/users/4711/password";
    app.ask_json(&root, "PUT", nobody, &body).expect(404);
}

#[test]
fn somebodys_sessions_are_shown_and_ended() {
    let app = App::spawn();
    let root = root(&app);
    app.register("matt");
    let matt = app.token("matt");
    let path = "/admin/users/2/sessions";
    let sessions = app.get_as(&root, path).expect(200);
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    assert_eq!(sessions[0]["current"], false);
    assert_eq!(app.ask_json(&root, "DELETE", path, &json!({})).status, 204);
    app.get_as(&matt, "/users/me").expect(401);
    assert_eq!(app.get_as(&root, path).expect(200), json!([]));
    for nobody in ["4711", "0", "-1", "matt", "99999999999999999999"] {
        app.get_as(&root, &format!("/admin/users/{nobody}/sessions"))
            .expect(404);
    }
}

#[test]
fn lists_come_in_parts_that_nothing_shifts() {
    let app = App::spawn();
    let root = root(&app);
    for name in ["mb", "ma", "Mc", "x"] {
        app.register(name);
    }
    let page = |query: &str| {
        app.get_as(&root, &format!("/admin/users?{query}"))
            .expect(200)
    };
    let first = page("limit=2");
    assert_eq!(names(&first), ["root", "mb"]);
    app.register("late");
    let next = first["next"].as_str().unwrap();
    let rest = page(&format!("limit=4&after={next}"));
    assert_eq!(names(&rest), ["ma", "Mc", "x", "late"]);
    assert_eq!(rest["next"], Value::Null);

    let found = page("username=M&limit=2");
    assert_eq!(names(&found), ["ma", "mb"]);
    let next = found["next"].as_str().unwrap();
    assert_eq!(names(&page(&format!("username=M&after={next}"))), ["Mc"]);
    assert!(names(&page("email=x")).is_empty());
    for bad in [
        "limit=0",
        "limit=201",
        "limit=many",
        "after=nonsense",
        "after=",
        &format!("email=m&after={next}"),
        "username=m&email=m",
        "username=",
        "name=m",
        "limit=1&limit=2",
    ] {
        let problem = app.get_as(&root, &format!("/admin/users?{bad}"));
        problem.expect(400);
    }
}

#[test]
fn the_log_is_narrowed_and_tells_where_a_request_came_from() {
    let app = App::spawn();
    let root = root(&app);
    app.register("matt");
    app.log_in("matt", "wrong horse").expect(401);
    let id = [("x-request-id", "the-one"), crate::client::FORM];
    let form = format!("username=matt&password={}", PASSWORD.replace(' ', "+"));
    app.ask("POST", "/token", &id, &form).expect(200);
    let log = |query: &str| {
        let log = app.get_as(&root, &format!("/admin/audit?{query}"));
        log.expect(200)["items"].clone()
    };
    let refused = log("action=log_in_refused");
    assert_eq!(refused.as_array().unwrap().len(), 1);
    assert_eq!(
        (&refused[0]["user_id"], &refused[0]["address"]),
        (&json!(2), &json!("127.0.0.1"))
    );
    let by_matt = log("actor=user:2");
    assert_eq!(by_matt.as_array().unwrap().len(), 1);
    assert_eq!(by_matt[0]["action"], "logged_in");
    assert_eq!(by_matt[0]["request_id"], "the-one");
    assert_eq!(log("user_id=2&limit=2").as_array().unwrap().len(), 2);
    assert_eq!(log("until=2026-01-01T00:00:00Z"), json!([]));
    assert!(
        !log("since=2026-01-01T00:00:00Z")
            .as_array()
            .unwrap()
            .is_empty()
    );
    let first = app.get_as(&root, "/admin/audit?limit=1").expect(200);
    let next = first["next"].as_str().unwrap();
    let second = log(&format!("limit=1&after={next}"));
    assert!(second[0]["id"].as_i64() < first["items"][0]["id"].as_i64());
    for bad in [
        "action=nonsense",
        "user_id=0",
        "since=yesterday",
        "after=bjE",
    ] {
        app.get_as(&root, &format!("/admin/audit?{bad}"))
            .expect(400);
    }
}
