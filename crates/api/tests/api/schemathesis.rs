//! The description of the interface against the interface: Schemathesis sends what the description
//! allows and what it forbids, and wants of every answer that it was announced.

use std::path::PathBuf;
use std::process::Command;

use diesel::connection::SimpleConnection;
use passgate_api::routes::PATHS;
use serde_json::json;
use tempfile::TempDir;

use crate::admin;
use crate::app::App;
use crate::client::Ask;
use crate::tools;

/// How many requests are made up for each operation, beside those at the edges of its schema.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn examples() -> String {
    std::env::var("PASSGATE_TEST_EXAMPLES").unwrap_or_else(|_| "10".to_owned())
}

/// What is tried last, each group with a token of its own: what may end the token that is asked with, since
/// lists tell root's number, and what takes away what others are tried on.
const ENDING: [&[&str]; 3] = [
    &[
        "PUT /admin/users/{id}/password",
        "DELETE /admin/users/{id}/sessions",
    ],
    &["DELETE /admin/clients/{id}", "DELETE /admin/users/{id}"],
    &[
        "DELETE /users/me/sessions",
        "DELETE /users/me/sessions/{id}",
        "PUT /users/me/password",
        "DELETE /users/me",
    ],
];

/// Schemathesis, on some of the operations.
struct Runs<'a> {
    python: PathBuf,
    app: &'a App,
    folder: TempDir,
}

impl Runs<'_> {
    fn on(&self, token: Option<&str>, which: &str, operations: &[&str]) {
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/schemathesis.toml");
        let mut command = Command::new(&self.python);
        command
            .args(["-m", "schemathesis.cli", "--config-file", config, "run"])
            .arg(format!("http://{}/openapi.json", self.app.address()))
            .args(["--checks", "all", "--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", &examples(), "--seed", "1", "--no-color"])
            .current_dir(self.folder.path());
        for operation in operations {
            command.args([which, operation]);
        }
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// How many requests at a path were answered, and how many of them with a 2xx.
fn answered(metrics: &str, path: &str) -> (u64, u64) {
    let at = format!("path=\"{path}\",");
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("passgate_http_requests_total{") && line.contains(&at));
    lines.fold((0, 0), |(all, good), line| {
        let count: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        let is_good = line.contains("status=\"2");
        (all + count, good + if is_good { count } else { 0 })
    })
}

fn administrator(app: &App, name: &str) -> String {
    app.register(name);
    let promote = format!("UPDATE users SET roles = '{{admin}}' WHERE username = '{name}'");
    app.database.connect().batch_execute(&promote).unwrap();
    admin::token(app, name, "admin+profile")
}

/// Others than root, a client, and a number for root that nobody hits upon.
fn populated(app: &App) -> String {
    for number in 1..=20 {
        app.register(&format!("user{number}"));
    }
    app.database
        .connect()
        .batch_execute("SELECT setval(pg_get_serial_sequence('users', 'id'), 7000000)")
        .unwrap();
    let token = administrator(app, "root");
    let body = json!({"id": "billing", "scope": "introspect"});
    let made = app.ask_json(&token, "POST", "/admin/clients", &body);
    made.expect(201);
    token
}

#[test]
fn every_answer_is_one_that_the_description_announces() {
    let Some(python) = tools::python("schemathesis") else {
        return;
    };
    // Whoever sends thousands of wrong passwords is slowed down, which is not what is tried here.
    let unlimited = [
        "--guesses-per-account",
        "--guesses-per-address",
        "--guesses-in-all",
        "--registrations-per-address",
    ];
    let flags: Vec<&str> = unlimited.iter().flat_map(|flag| [*flag, "off"]).collect();
    let app = App::with(&flags);
    let token = populated(&app);
    let runs = Runs {
        python,
        app: &app,
        folder: tempfile::tempdir().unwrap(),
    };
    runs.on(Some(&token), "--exclude-name", &ENDING.concat());
    // Or else nothing but refusals of the token would have been tried.
    app.get_as(&token, "/admin/users").expect(200);
    for (number, group) in ENDING.into_iter().enumerate() {
        let token = administrator(&app, &format!("root{number}"));
        runs.on(Some(&token), "--include-name", group);
    }
    let metrics = app.get("/metrics").text().to_owned();
    for path in PATHS {
        let (all, good) = answered(&metrics, path);
        tools::tell(&format!(
            "schemathesis: {path}: {all} requests, {good} of them granted"
        ));
        let is_of_token = path.starts_with("/admin/") || path == "/users/me";
        assert!(
            good > 0 || !is_of_token,
            "{path}: {all} requests, none granted"
        );
    }
    runs.on(None, "--exclude-name", &[]);
}
