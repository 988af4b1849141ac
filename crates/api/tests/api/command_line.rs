use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::app::SECRET;
use crate::client::{Ask, PASSWORD};
use crate::program::{Served, folder, run, run_well, run_with_input, said};

#[test]
fn an_account_is_made_shown_changed_and_disabled() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let url = url.expose_secret();
    let server = Served::start(folder.path(), &["--database-url", url, "--secret", SECRET]);
    let on = ["--database-url", url];

    let add = [
        "users",
        "add",
        "matt",
        "--email",
        "matt@example.com",
        "--admin",
        "--password-stdin",
    ];
    said(&run_with_input(
        folder.path(),
        &[&add[..], &on].concat(),
        &format!("{PASSWORD}\n"),
    ));
    server.log_in("matt", PASSWORD).expect(200);
    let again = run_with_input(folder.path(), &[&add[..], &on].concat(), PASSWORD);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("already taken"));

    let shown = run_well(
        folder.path(),
        &[&["users", "show", "matt", "--json"][..], &on].concat(),
    );
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["email"], &shown["roles"][0]),
        (&"matt@example.com".into(), &"admin".into())
    );
    assert!(!shown.to_string().contains("argon2"));

    run_well(
        folder.path(),
        &[&["users", "disable", "matt"][..], &on].concat(),
    );
    server.log_in("matt", PASSWORD).expect(401);
    run_well(
        folder.path(),
        &[&["users", "enable", "matt"][..], &on].concat(),
    );
    server.log_in("matt", PASSWORD).expect(200);

    let set = ["users", "set-password", "matt", "--password-stdin"];
    said(&run_with_input(
        folder.path(),
        &[&set[..], &on].concat(),
        "another horse battery\n",
    ));
    server.log_in("matt", PASSWORD).expect(401);
    server.log_in("matt", "another horse battery").expect(200);

    let poor = run_with_input(folder.path(), &[&set[..], &on].concat(), "short\n");
    let complaint = String::from_utf8_lossy(&poor.stderr).into_owned();
    assert!(
        !poor.status.success() && complaint.contains("12 characters"),
        "{complaint}"
    );
    assert!(!complaint.contains("short"), "{complaint}");

    let unknown = run(
        folder.path(),
        &[&["users", "show", "nobody"][..], &on].concat(),
    );
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nobody"));

    let listed = run_well(folder.path(), &[&["users", "list"][..], &on].concat());
    assert!(listed.contains("matt"), "{listed}");

    let keys = run_well(
        folder.path(),
        &[&["keys", "list", "--json"][..], &on].concat(),
    );
    let keys: Value = serde_json::from_str(&keys).unwrap();
    let published = server.get("/.well-known/jwks.json").expect(200);
    assert_eq!(keys[0]["kid"], published["keys"][0]["kid"]);

    let address = server.address().to_string();
    run_well(folder.path(), &["healthcheck", "--listen", &address]);
    server.stop();
    let gone = run(folder.path(), &["healthcheck", "--listen", &address]);
    assert_eq!(gone.status.code(), Some(1));
}

#[test]
fn migrate_tells_what_it_did() {
    let (folder, database) = (folder(), TestDatabase::empty());
    let url = database.url();
    let args = ["migrate", "--database-url", url.expose_secret()];
    let first = run_well(folder.path(), &args);
    assert!(
        first.contains("users") && first.contains("signing_keys"),
        "{first}"
    );
    assert_eq!(
        run_well(folder.path(), &args),
        "The schema is up to date.\n"
    );
}

#[test]
fn a_password_is_never_an_argument_and_never_waited_for_in_vain() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let args = [
        "users",
        "add",
        "matt",
        "--database-url",
        url.expose_secret(),
    ];
    let output = run(folder.path(), &args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("--password-stdin"),
        "{said}"
    );
    let output = run(folder.path(), &[&args[..], &["--password", "x"]].concat());
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_description_is_printed_without_a_database() {
    let folder = folder();
    let printed = run_well(folder.path(), &["openapi"]);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert!(printed["paths"]["/token"].is_object());
    assert!(!folder.path().join(".passgate").exists());
}

#[test]
fn commands_work_on_a_private_server_that_nobody_runs() {
    let folder = folder();
    let add = ["users", "add", "matt", "--password-stdin"];
    said(&run_with_input(folder.path(), &add, PASSWORD));
    assert!(run_well(folder.path(), &["users", "list"]).contains("matt"));
    assert!(
        !folder
            .path()
            .join(".passgate/postgres/data/postmaster.pid")
            .exists()
    );
    let server = Served::start(folder.path(), &[]);
    server.log_in("matt", PASSWORD).expect(200);
    server.stop();
}

#[test]
fn help_teaches() {
    let folder = folder();
    let help = run_well(folder.path(), &["--help"]);
    for part in [
        "PASSGATE_LISTEN",
        "127.0.0.1:8000",
        "users",
        "--jwt-algorithm",
        "healthcheck",
    ] {
        assert!(help.contains(part), "{part}");
    }
}

#[test]
fn an_operator_sees_who_is_where_ends_it_and_finds_it_in_the_log() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let url = url.expose_secret();
    let server = Served::start(folder.path(), &["--database-url", url, "--secret", SECRET]);
    let command =
        |args: &[&str]| run_well(folder.path(), &[args, &["--database-url", url]].concat());
    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&command(&[args, &["--json"]].concat())).unwrap()
    };
    for name in ["matt", "mary", "ada"] {
        server.register(name);
    }
    let found = json(&["users", "list", "--username", "MA"]);
    let names: Vec<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["mary", "matt"]);
    let all = command(&["users", "list", "--json"]);
    let parsed: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(parsed.as_array().unwrap().len(), 3);
    // Written user by user, and as if it were at once.
    assert_eq!(
        all,
        format!("{}\n", serde_json::to_string_pretty(&parsed).unwrap())
    );
    let nobody = command(&["users", "list", "--username", "zoe", "--json"]);
    assert_eq!(nobody, "[]\n");

    let token = server.token("matt");
    let sessions = json(&["users", "sessions", "matt"]);
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    assert_eq!(sessions[0]["address"], "127.0.0.1");
    assert!(command(&["users", "sessions", "matt"]).contains("127.0.0.1"));
    let said = command(&["users", "set-roles", "matt", "--role", "editor"]);
    assert!(
        said.contains("editor") && said.contains("next refresh"),
        "{said}"
    );
    let said = command(&["users", "log-out", "matt"]);
    assert!(said.contains("1 session"), "{said}");
    server.get_as(&token, "/users/me").expect(401);
    command(&["users", "remove", "matt"]);
    server.log_in("matt", PASSWORD).expect(401);

    // Who is gone is found by number.
    let unknown = run(
        folder.path(),
        &["audit", "--user", "matt", "--database-url", url],
    );
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("by number"));
    let log = json(&["audit", "--user", "1", "--since", "1h"]);
    let log: Vec<String> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|event| format!("{} {}", event["actor"], event["action"]).replace('"', ""))
        .collect();
    assert_eq!(
        log,
        [
            "operator user_deleted",
            "operator sessions_ended",
            "operator user_changed",
            "user:1 logged_in",
            "anonymous user_created",
        ]
    );
    // Longer than there is a calendar.
    let ever = json(&["audit", "--user", "1", "--since", "20000y"]);
    assert_eq!(ever.as_array().unwrap().len(), log.len());
    let of_action = command(&["audit", "--action", "log_in_refused"]);
    assert!(of_action.contains("unknown user"), "{of_action}");
    let wrong = run(folder.path(), &["audit", "--action", "nonsense"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("logged_in, log_in_refused"));
}
