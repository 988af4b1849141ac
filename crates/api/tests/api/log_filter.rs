//! What is logged changes while the server runs.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::app::{App, SECRET};
use crate::client::Ask;
use crate::program::Served;
use crate::site::Site;

const PATH: &str = "/admin/log";

/// A server that logs warnings only, and an administrator's token.
fn serve(site: &Site) -> (Served, String) {
    let served = site.serve(&["--secret", SECRET, "--log", "warn"]);
    let token = site.root(&served);
    (served, token)
}

fn change(served: &Served, token: &str, body: &Value) -> Value {
    served.ask_json(token, "PUT", PATH, body).expect(200)
}

#[test]
fn another_filter_counts_at_once_and_goes_with_its_time() {
    let site = Site::new();
    let (served, token) = serve(&site);
    served.get("/version?before");
    let body = change(&served, &token, &json!({"filter": "info", "seconds": 2}));
    assert_eq!(
        (&body["filter"], &body["configured"]),
        (&json!("info"), &json!("warn"))
    );
    assert!(body["until"].is_string());
    served.wait_for("the log has another filter");
    served.get("/version?meanwhile");
    served.wait_for("\"answered\"");
    served.wait_for("the log has its configured filter again");
    let body = served.get_as(&token, PATH).expect(200);
    assert_eq!(body, json!({"filter": "warn", "configured": "warn"}));
    served.get("/version?afterwards");
    let log = served.stop();
    let answered = log.lines().filter(|line| line.contains("\"/version\""));
    assert_eq!(answered.count(), 1, "{log}");
}

#[test]
fn what_administrators_did_to_the_log_is_in_the_audit_log() {
    let site = Site::new();
    let (served, token) = serve(&site);
    change(
        &served,
        &token,
        &json!({"filter": "info,passgate_api=debug"}),
    );
    assert_eq!(
        served.ask_json(&token, "DELETE", PATH, &json!({})).status,
        204
    );
    // There is nothing to go back from.
    assert_eq!(
        served.ask_json(&token, "DELETE", PATH, &json!({})).status,
        204
    );
    let events = served
        .get_as(&token, "/admin/audit?action=log_filter_changed")
        .expect(200);
    let details: Vec<&str> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["detail"].as_str().unwrap())
        .collect();
    assert_eq!(
        details,
        ["the configured one", "info,passgate_api=debug for 900 s"]
    );
}

#[test]
fn what_is_no_filter_or_no_time_is_named_and_changes_nothing() {
    let site = Site::new();
    let (served, token) = serve(&site);
    for (body, field) in [
        (json!({"filter": "passgate_api=loud"}), "filter"),
        (json!({"filter": ""}), "filter"),
        (json!({"filter": "passgate_api=debug\nloud"}), "filter"),
        (json!({"filter": "debug", "seconds": 0}), "seconds"),
        (json!({"filter": "debug", "seconds": 86_401}), "seconds"),
    ] {
        let problem = served.ask_json(&token, "PUT", PATH, &body).expect(422);
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
        assert!(!problem.to_string().contains("loud"));
    }
    let token_of_a_user = {
        served.register("matt");
        served.token("matt")
    };
    let body = json!({"filter": "trace"});
    for (token, status) in [("", 401), (&*token_of_a_user, 403)] {
        assert_eq!(served.ask_json(token, "PUT", PATH, &body).status, status);
    }
    assert_eq!(served.get_as(&token, PATH).expect(200)["filter"], "warn");
}

#[test]
fn a_change_that_cannot_be_written_down_is_not_made_and_leaves_what_counted() {
    let site = Site::new();
    let (served, token) = serve(&site);
    let counted = change(&served, &token, &json!({"filter": "error"}));
    let ask = |method: &str, body: &Value| served.ask_json(&token, method, PATH, body).status;
    assert_eq!(ask("PUT", &json!({"filter": "a\0"})), 400);
    assert_eq!(served.get_as(&token, PATH).expect(200), counted);
    let rename = |change: &str| {
        let change = format!("ALTER TABLE {change}");
        site.database.connect().batch_execute(&change).unwrap();
    };
    rename("audit_events RENAME TO gone");
    assert_eq!(ask("PUT", &json!({"filter": "trace"})), 500);
    assert_eq!(ask("DELETE", &json!({})), 500);
    assert_eq!(served.get_as(&token, PATH).expect(200), counted);
    rename("gone RENAME TO audit_events");
    assert_eq!(ask("DELETE", &json!({})), 204);
    assert_eq!(served.get_as(&token, PATH).expect(200)["filter"], "warn");
}

#[test]
fn the_log_of_a_program_that_has_a_server_in_it_is_left_alone() {
    let app = App::spawn();
    let token = crate::admin::root(&app);
    let body = json!({"filter": "debug"});
    app.ask_json(&token, "PUT", PATH, &body).expect(409);
    app.ask_json(&token, "DELETE", PATH, &body).expect(409);
    let events = app.get_as(&token, "/admin/audit?action=log_filter_changed");
    assert_eq!(events.expect(200)["items"], json!([]));
}
