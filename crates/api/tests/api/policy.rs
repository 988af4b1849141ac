//! What a new password has to be, at each of the places where one is chosen.

use serde_json::{Value, json};

use crate::app::App;
use crate::client::{Ask, PASSWORD};
use crate::program::{folder, run_with_input};

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
