use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::app::App;
use crate::client::{Ask, JSON, PASSWORD};

#[test]
fn who_registers_is_told_who_they_are() {
    let app = App::spawn();
    let body = json!({
        "username": "Ada", "password": PASSWORD,
        "email": "ada@example.com", "display_name": "Ada Lovelace",
    });
    let reply = app.post_json("/users", &body);
    let made = reply.expect(201);
    assert_eq!(reply.header("location"), Some("/users/me"));
    assert!(!reply.text().contains("argon2") && !reply.text().contains(PASSWORD));
    let me = app.get_as(&app.token("ada"), "/users/me").expect(200);
    assert_eq!(me, made);
    assert_eq!(me["username"], "Ada");
    assert_eq!(me["roles"], json!([]));
    assert_eq!(me["disabled"], false);
}

#[test]
fn a_taken_name_or_address_is_named() {
    let app = App::spawn();
    let body = |username: &str, email: &str| json!({"username": username, "password": PASSWORD, "email": email});
    app.post_json("/users", &body("matt", "matt@example.com"))
        .expect(201);
    for (username, email, field) in [
        ("MATT", "other@example.com", "username"),
        ("other", "Matt@example.com", "email"),
    ] {
        let problem = app.post_json("/users", &body(username, email)).expect(409);
        assert_eq!(problem["errors"][0]["field"], field);
        assert_eq!(problem["errors"][0]["code"], "taken");
    }
}

#[test]
fn every_bad_field_is_named_at_once_and_no_value_repeated() {
    let app = App::spawn();
    let body = json!({
        "username": "a\u{7}b", "password": "hunter2", "email": "nowhere", "display_name": "a\nb",
    });
    let reply = app.post_json("/users", &body);
    let problem = reply.expect(422);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        ["username", "email", "display_name", "password", "password"]
    );
    assert!(!reply.text().contains("hunter2") && !reply.text().contains("nowhere"));
}

#[test]
fn a_body_that_is_not_what_it_has_to_be_is_refused_by_name() {
    let app = App::spawn();
    let good = json!({"username": "matt", "password": PASSWORD}).to_string();
    for (body, says) in [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "JSON"),
        ("{} {}", "JSON"),
        (r#"{"username": "matt"}"#, "password"),
        (r#"{"username": 7, "password": "x"}"#, "username"),
        (
            r#"{"username": "matt", "password": "x", "is_admin": true}"#,
            "is_admin",
        ),
        (
            &good.replacen('{', r#"{"username": "eve", "#, 1),
            "username",
        ),
    ] {
        let reply = app.ask("POST", "/users", &[JSON], body);
        let problem = reply.expect(400);
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{body}: {problem}"
        );
        assert!(problem["request_id"].is_string());
    }
    let reply = app.ask("POST", "/users", &[("Content-Type", "text/plain")], &good);
    reply.expect(415);
    assert_eq!(app.log_in("matt", PASSWORD).status, 401, "nobody was made");
}

#[test]
fn where_registration_is_closed_it_is_refused() {
    let app = App::with(&["--registration", "closed"]);
    let body = json!({"username": "matt", "password": PASSWORD});
    app.post_json("/users", &body).expect(403);
}

#[test]
fn without_a_good_token_nobody_is_shown() {
    let app = App::spawn();
    app.register("matt");
    let reply = app.get("/users/me");
    assert_eq!(reply.expect(401)["detail"], "Not authenticated");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));

    let token = app.token("matt");
    let (message, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{message}.{first}{}", &signature[1..]);
    let reply = app.get_as(&forged, "/users/me");
    reply.expect(401);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert!(!reply.text().contains(signature));

    for scheme in ["Basic", "Token"] {
        let header = format!("{scheme} {token}");
        app.ask("GET", "/users/me", &[("Authorization", &header)], "")
            .expect(401);
    }
    let header = format!("bearer {token}");
    app.ask("GET", "/users/me", &[("Authorization", &header)], "")
        .expect(200);
    let twice = [
        ("Authorization", header.as_str()),
        ("Authorization", header.as_str()),
    ];
    app.ask("GET", "/users/me", &twice, "").expect(400);
}

#[test]
fn a_token_of_another_server_is_no_token_here() {
    let (ours, theirs) = (App::spawn(), App::spawn());
    ours.register("matt");
    theirs.register("matt");
    ours.get_as(&theirs.token("matt"), "/users/me").expect(401);
}

#[test]
fn a_token_ends_with_its_account() {
    let app = App::spawn();
    app.register("matt");
    let token = app.token("matt");
    app.get_as(&token, "/users/me").expect(200);
    app.database
        .connect()
        .batch_execute("UPDATE users SET disabled_at = now()")
        .unwrap();
    // Not by us: what was seen a moment ago is believed until it is no moment any more.
    app.refuses_soon(&token, "/users/me");
    app.database
        .connect()
        .batch_execute("DELETE FROM users")
        .unwrap();
    app.get_as(&token, "/users/me").expect(401);
}

#[test]
fn of_registrations_at_the_same_moment_one_wins() {
    let app = App::spawn();
    let body = json!({"username": "matt", "password": PASSWORD});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| app.post_json("/users", &body).status))
            .collect();
        asking
            .into_iter()
            .map(|reply| reply.join().unwrap())
            .collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        7,
        "{statuses:?}"
    );
}

#[test]
fn an_account_is_changed_where_the_request_says() {
    let app = App::spawn();
    app.register("matt");
    app.post_json(
        "/users",
        &json!({"username": "ada", "password": PASSWORD, "email": "ada@example.com"}),
    )
    .expect(201);
    let bearer = format!("Bearer {}", app.token("matt"));
    let patch = |body: serde_json::Value| {
        let headers = [JSON, ("Authorization", bearer.as_str())];
        app.ask("PATCH", "/users/me", &headers, &body.to_string())
    };
    let me = patch(json!({"email": "matt@example.com", "display_name": "Matt"})).expect(200);
    assert_eq!(
        (&me["email"], &me["display_name"]),
        (&json!("matt@example.com"), &json!("Matt"))
    );
    let me = patch(json!({"display_name": null})).expect(200);
    assert_eq!(
        (&me["email"], &me["display_name"]),
        (&json!("matt@example.com"), &json!(null))
    );
    assert_eq!(patch(json!({})).expect(200), me);

    let taken = patch(json!({"email": "ADA@example.com", "display_name": "x"})).expect(409);
    assert_eq!(taken["errors"][0]["field"], "email");
    let bad = patch(json!({"email": "nowhere", "display_name": "a\nb"})).expect(422);
    assert_eq!(bad["errors"].as_array().unwrap().len(), 2);
    for unknown in [json!({"username": "eve"}), json!({"roles": ["admin"]})] {
        patch(unknown).expect(400);
    }
    assert_eq!(
        app.get_as(&bearer["Bearer ".len()..], "/users/me")
            .expect(200),
        me
    );
}
