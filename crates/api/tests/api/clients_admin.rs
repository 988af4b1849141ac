//! Clients, as administrators and operators keep them.

use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::admin::root;
use crate::app::{App, SECRET};
use crate::client::{Ask, FORM};
use crate::clients::basic;
use crate::program::{Served, folder, run, run_well};

#[test]
fn a_client_is_registered_shown_changed_and_deleted() {
    let app = App::spawn();
    let root = root(&app);
    let body = json!({"id": "billing", "name": "Billing", "scope": "todos admin"});
    let reply = app.ask_json(&root, "POST", "/admin/clients", &body);
    let made = reply.expect(201);
    assert_eq!(reply.header("location"), Some("/admin/clients/billing"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("pgc_") && secret.len() == 47, "{secret}");
    let shown = app.get_as(&root, "/admin/clients/billing").expect(200);
    let at = &made["created_at"];
    assert_eq!(
        shown,
        json!({
            "id": "billing",
            "name": "Billing",
            "scope": "admin todos",
            "grants": ["client_credentials"],
            "disabled": false,
            "secrets": [{"slot": 1, "hint": &secret[43..], "created_at": at}],
            "created_at": at,
            "updated_at": at,
        })
    );
    assert!(!shown.to_string().contains(&secret[4..43]), "shown once");
    let again = app
        .ask_json(&root, "POST", "/admin/clients", &body)
        .expect(409);
    assert_eq!(again["errors"][0]["field"], "id");

    let patch = |body: Value| app.ask_json(&root, "PATCH", "/admin/clients/billing", &body);
    let changed = patch(json!({"name": null, "grants": ["password", "refresh_token"]}));
    let changed = changed.expect(200);
    assert_eq!(changed["name"], Value::Null);
    assert_eq!(changed["grants"], json!(["password", "refresh_token"]));
    assert_eq!(changed["scope"], "admin todos");
    let bad = patch(json!({"name": "a\nb", "scope": "a  b", "grants": ["implicit"]})).expect(422);
    assert_eq!(bad["errors"].as_array().unwrap().len(), 3);
    patch(json!({"id": "other"})).expect(400);
    let refused = patch(json!({"scope": "a".repeat(2049)})).expect(422);
    assert_eq!(refused["errors"][0]["field"], "scope");

    let deleted = app.ask_json(&root, "DELETE", "/admin/clients/billing", &json!({}));
    assert_eq!(deleted.status, 204);
    for (method, path) in [
        ("GET", "/admin/clients/billing"),
        ("PATCH", "/admin/clients/billing"),
        ("DELETE", "/admin/clients/billing"),
        ("POST", "/admin/clients/billing/secrets"),
        ("DELETE", "/admin/clients/billing/secrets/1"),
        ("GET", "/admin/clients/a%20b"),
    ] {
        app.ask_json(&root, method, path, &json!({})).expect(404);
    }
    let log = app.get_as(&root, "/admin/audit?limit=3").expect(200);
    let deeds: Vec<_> = log["items"].as_array().unwrap().iter().rev().collect();
    let deed = |at: usize, name: &str| deeds[at][name].as_str().unwrap_or("-").to_owned();
    assert_eq!(deed(0, "action"), "client_created");
    assert_eq!(
        (deed(1, "target"), deed(1, "detail")),
        ("billing".into(), "name grants".into())
    );
    assert_eq!(
        (deed(2, "action"), deed(2, "actor")),
        ("client_deleted".into(), "user:1".into())
    );
    assert!(!log.to_string().contains(&secret[4..]), "{log}");
}

#[test]
fn a_client_goes_over_from_one_secret_to_the_next() {
    let app = App::spawn();
    let root = root(&app);
    let body = json!({"id": "billing", "scope": "todos"});
    let made = app
        .ask_json(&root, "POST", "/admin/clients", &body)
        .expect(201);
    let first = made["secret"].as_str().unwrap();
    let path = "/admin/clients/billing/secrets";
    let added = app.ask_json(&root, "POST", path, &json!({})).expect(201);
    assert_eq!(added["slot"], 2);
    let second = added["secret"].as_str().unwrap();
    app.ask_json(&root, "POST", path, &json!({})).expect(409);
    let status = |secret: &str| {
        let basic = basic("billing", secret);
        let headers = [FORM, ("Authorization", basic.as_str())];
        app.ask("POST", "/token", &headers, "grant_type=client_credentials")
            .status
    };
    assert_eq!((status(first), status(second)), (200, 200));
    let remove = |slot: &str| {
        let path = format!("{path}/{slot}");
        app.ask_json(&root, "DELETE", &path, &json!({})).status
    };
    assert_eq!(remove("1"), 204);
    assert_eq!((status(first), status(second)), (401, 200));
    assert_eq!((remove("1"), remove("3"), remove("x")), (404, 404, 404));
}

#[test]
fn clients_are_listed_in_parts() {
    let app = App::spawn();
    let root = root(&app);
    for number in 0..5 {
        let body = json!({"id": format!("c{number}")});
        app.ask_json(&root, "POST", "/admin/clients", &body)
            .expect(201);
    }
    let mut seen = Vec::new();
    let mut path = "/admin/clients?limit=2".to_owned();
    loop {
        let page = app.get_as(&root, &path).expect(200);
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/admin/clients?limit=2&after={next}");
    }
    assert_eq!(seen, ["c0", "c1", "c2", "c3", "c4"]);
    for bad in [
        "limit=0",
        "limit=201",
        "after=c0",
        "first=1",
        "limit=1&limit=2",
    ] {
        app.get_as(&root, &format!("/admin/clients?{bad}"))
            .expect(400);
    }
}

#[test]
fn only_administrators_keep_clients() {
    let app = App::spawn();
    let root = root(&app);
    let body = json!({"id": "billing"});
    app.ask_json(&root, "POST", "/admin/clients", &body)
        .expect(201);
    let everyday = app.token("root");
    for (method, path) in [
        ("GET", "/admin/clients"),
        ("POST", "/admin/clients"),
        ("GET", "/admin/clients/billing"),
        ("PATCH", "/admin/clients/billing"),
        ("DELETE", "/admin/clients/billing"),
        ("POST", "/admin/clients/billing/secrets"),
        ("DELETE", "/admin/clients/billing/secrets/1"),
    ] {
        let body = if path == "/admin/clients" {
            &body
        } else {
            &json!({})
        };
        app.ask_json("", method, path, body).expect(401);
        app.ask_json(&everyday, method, path, body).expect(403);
    }
    let shown = app.get_as(&root, "/admin/clients/billing").expect(200);
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
}

#[test]
fn the_command_line_keeps_clients() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let on = ["--database-url", url.expose_secret()];
    let clients = |args: &[&str]| run_well(folder.path(), &[&["clients"], args, &on].concat());
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let said = clients(&[
        "add", "billing", "--scope", "todos", "admin", "--name", "Billing",
    ]);
    let first = said.lines().last().unwrap().to_owned();
    assert!(first.starts_with("pgc_"), "{said}");
    let grants = ["--grant", "password", "--grant", "refresh_token"];
    let add = [&["add", "app", "--scope", "profile", "--json"], &grants[..]].concat();
    let made = parsed(&clients(&add));
    assert_eq!(made["grants"], json!(["password", "refresh_token"]));
    assert!(made["secret"].as_str().unwrap().starts_with("pgc_"));
    let again = run(
        folder.path(),
        &[&["clients", "add", "app"], &on[..]].concat(),
    );
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && complaint.contains("already"),
        "{complaint}"
    );

    let listed = clients(&["list"]);
    assert!(
        listed.contains("billing") && listed.contains("app"),
        "{listed}"
    );
    let listed = parsed(&clients(&["list", "--json"]));
    assert_eq!(
        (&listed[0]["id"], &listed[1]["id"]),
        (&json!("app"), &json!("billing"))
    );
    assert!(!listed.to_string().contains(&first[4..40]), "{listed}");
    assert!(clients(&["show", "billing"]).contains(&first[43..]));

    let server = Served::start(folder.path(), &[&on[..], &["--secret", SECRET]].concat());
    let status = |secret: &str| {
        let basic = basic("billing", secret);
        let headers = [FORM, ("Authorization", basic.as_str())];
        server
            .ask("POST", "/token", &headers, "grant_type=client_credentials")
            .status
    };
    assert_eq!(status(&first), 200);
    let second = parsed(&clients(&["add-secret", "billing", "--json"]));
    let second = second["secret"].as_str().unwrap();
    clients(&["remove-secret", "billing", "1"]);
    assert_eq!((status(&first), status(second)), (401, 200));
    clients(&["disable", "billing"]);
    assert_eq!(status(second), 401);
    clients(&["enable", "billing"]);
    assert_eq!(status(second), 200);
    clients(&["remove", "billing"]);
    assert_eq!(status(second), 401);
    let shown = parsed(&clients(&["show", "app", "--json"]));
    assert_eq!(shown["scope"], "profile");
    for unknown in [
        &["show", "billing"][..],
        &["remove", "billing"],
        &["disable", "billing"],
        &["add-secret", "billing"],
        &["remove-secret", "billing", "1"],
    ] {
        let refused = run(folder.path(), &[&["clients"], unknown, &on].concat());
        let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && complaint.contains("no "),
            "{complaint}"
        );
    }
    let bad = run(
        folder.path(),
        &[&["clients", "add", "a b"], &on[..]].concat(),
    );
    assert_eq!(bad.status.code(), Some(2));
}
