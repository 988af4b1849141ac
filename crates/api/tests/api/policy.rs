//! What a new password has to be, at each of the places where one is chosen.

use std::fs;

use serde_json::{Value, json};

use crate::admin::root;
use crate::app::App;
use crate::client::{Ask, PASSWORD};
use crate::program::{folder, run, run_with_input};

/// The fields and the codes of everything that is wrong.
fn codes(body: &Value) -> Vec<(&str, &str)> {
    let errors = body["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            (
                error["field"].as_str().unwrap(),
                error["code"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn registration_names_everything_that_is_wrong_at_once() {
    let app = App::spawn();
    let register = |body: Value| {
        let reply = app.ask(
            "POST",
            "/users",
            &[("Content-Type", "application/json")],
            &body.to_string(),
        );
        reply.expect(422)
    };
    let body = json!({"username": "dragon", "password": "dragon"});
    let refused = register(body);
    assert_eq!(
        codes(&refused),
        [
            ("password", "too_short"),
            ("password", "is_username"),
            ("password", "too_common")
        ]
    );
    assert!(!refused.to_string().contains("dragon"));
    let refused = register(json!({
        "username": "matt",
        "password": "Ada.Lovelace1815",
        "email": "ada.lovelace@example.com",
        "display_name": "Ada Lovelace",
    }));
    assert_eq!(
        codes(&refused),
        [("password", "is_email"), ("password", "is_display_name")]
    );
    let refused = register(json!({"username": "matt", "password": "Password2026!"}));
    assert_eq!(codes(&refused), [("password", "too_common")]);
    assert!(refused.to_string().contains("many people use"), "{refused}");
}

#[test]
fn a_change_is_held_against_the_list_and_the_owner() {
    let app = App::spawn();
    app.register("matt");
    let token = app.log_in("matt", PASSWORD).expect(200);
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", &token),
    ];
    let profile = json!({"display_name": "Matthew Hatter"}).to_string();
    app.ask("PATCH", "/users/me", &headers, &profile)
        .expect(200);
    for (new, code) in [
        ("administrator", "too_common"),
        ("MatthewHatter1", "is_display_name"),
    ] {
        let body = json!({"current_password": PASSWORD, "new_password": new}).to_string();
        let refused = app
            .ask("PUT", "/users/me/password", &headers, &body)
            .expect(422);
        assert_eq!(codes(&refused), [("new_password", code)]);
    }
    app.log_in("matt", PASSWORD).expect(200);
}

#[test]
fn the_command_line_says_why_and_makes_nothing() {
    let folder = folder();
    let add = ["users", "add", "matt", "--password-stdin"];
    let output = run_with_input(folder.path(), &add, "administrator\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("many people use"), "{said}");
    assert!(!said.contains("administrator"), "{said}");
    assert!(!folder.path().join(".passgate").exists());
}

/// `another known one here` and `known from a breach`.
const BREACHED: &str = "346770C7BE3754C0C89645AF2F4F9120D839458B:2\r\n\
                        6FBDE9B815E1D1A533B48E96FFE0912365CC0E78:41\r\n";

#[test]
fn a_password_that_is_known_from_a_breach_is_taken_nowhere() {
    let folder = folder();
    let path = folder.path().join("breached");
    fs::write(&path, BREACHED).unwrap();
    let file = path.to_str().unwrap();
    let app = App::with(&["--breached-passwords", file]);
    let known = "known from a breach";
    let body = json!({"username": "matt", "password": known});
    let refused = app.post_json("/users", &body).expect(422);
    assert_eq!(codes(&refused), [("password", "breached")]);
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("known from a data breach"), "{message}");
    assert!(!refused.to_string().contains(known), "{refused}");
    let root = root(&app);
    let body = json!({"username": "ada", "password": known});
    let refused = app
        .ask_json(&root, "POST", "/admin/users", &body)
        .expect(422);
    assert_eq!(codes(&refused), [("password", "breached")]);
    let id = &app.register("matt")["id"];
    let path = format!("/admin/users/{id}/password");
    let refused = app.ask_json(&root, "PUT", &path, &json!({"new_password": known}));
    assert_eq!(codes(&refused.expect(422)), [("new_password", "breached")]);
    let token = app.token("matt");
    let body = json!({"current_password": PASSWORD, "new_password": "another known one here"});
    let refused = app.ask_json(&token, "PUT", "/users/me/password", &body);
    assert_eq!(codes(&refused.expect(422)), [("new_password", "breached")]);
    app.log_in("matt", PASSWORD).expect(200);
    // And on the command line.
    let add = [
        "users",
        "add",
        "eve",
        "--password-stdin",
        "--breached-passwords",
        file,
    ];
    let output = run_with_input(folder.path(), &add, known);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("data breach"),
        "{said}"
    );
}

#[test]
fn a_file_of_breached_passwords_that_is_none_stops_the_start() {
    let folder = folder();
    let path = folder.path().join("breached");
    let mut lines: Vec<&str> = BREACHED.lines().collect();
    lines.reverse();
    fs::write(&path, lines.join("\n")).unwrap();
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--breached-passwords",
        "breached",
    ];
    let output = run(folder.path(), &args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("--breached-passwords") && said.contains("not sorted"),
        "{said}"
    );
}
