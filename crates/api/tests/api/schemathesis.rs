//! The description of the interface against the interface: Schemathesis sends what the description
//! allows and what it forbids, and wants of every answer that it was announced.

use std::process::Command;

use crate::admin::root;
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
    let token = root(&app);
    let folder = tempfile::tempdir().unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/schemathesis.toml");
    // With a token that is good until something sent with it ends its session, and without one.
    for header in [Some(format!("Authorization: Bearer {token}")), None] {
        let mut command = Command::new(&python);
        command
            .args(["-m", "schemathesis.cli", "--config-file", config, "run"])
            .arg(format!("http://{}/openapi.json", app.address()))
            .args(["--checks", "all", "--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", &examples(), "--seed", "1", "--no-color"])
            .current_dir(folder.path());
        if let Some(header) = &header {
            command.args(["--header", header]);
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
