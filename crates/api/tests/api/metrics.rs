//! What is counted.

use std::fs;
use std::time::UNIX_EPOCH;

use diesel::connection::SimpleConnection;
use serde_json::Value;

use crate::app::App;
use crate::client::{Ask, PASSWORD};
use crate::keys::eventually;

/// The value of a line, by all that stands before it.
fn value(text: &str, line: &str) -> Option<f64> {
    let mut lines = text.lines();
    let found = lines.find_map(|each| each.strip_prefix(line)?.strip_prefix(' '))?;
    found.parse().ok()
}

#[test]
fn requests_grants_and_hashes_are_counted() {
    let app = App::spawn();
    app.register("matt");
    app.log_in("matt", PASSWORD).expect(200);
    app.log_in("matt", "wrong horse").expect(401);
    app.get("/nowhere/at/all").expect(404);
    app.ask("BREW", "/token", &[], "").expect(405);
    let reply = app.get("/metrics");
    assert_eq!(reply.status, 200);
    let kind = reply.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = reply.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    for (line, counted) in [
        (
            r#"passgate_http_requests_total{method="POST",path="/token",status="200"}"#,
            1.0,
        ),
        (
            r#"passgate_http_requests_total{method="POST",path="/token",status="401"}"#,
            1.0,
        ),
        (
            r#"passgate_http_requests_total{method="GET",path="other",status="404"}"#,
            1.0,
        ),
        (
            r#"passgate_http_requests_total{method="other",path="/token",status="405"}"#,
            1.0,
        ),
        (r#"passgate_token_requests_total{outcome="granted"}"#, 1.0),
        (
            r#"passgate_token_requests_total{outcome="invalid_grant"}"#,
            1.0,
        ),
        (
            r#"passgate_http_request_duration_seconds_count{path="/users"}"#,
            1.0,
        ),
    ] {
        assert_eq!(value(text, line), Some(counted), "{line}\n{text}");
    }
    // One registered, two logged in; one for nobody at the start.
    assert_eq!(value(text, "passgate_password_hashes_total"), Some(4.0));
    assert!(value(text, "passgate_password_arenas").unwrap() >= 1.0);
    for still in [
        "arenas_busy",
        "queue",
        "jobs_dropped_total",
        "backend_refused",
    ] {
        let name = format!("passgate_password_{still}");
        assert_eq!(value(text, &name), Some(0.0), "{name}");
    }
    assert!(value(text, "passgate_database_connections").unwrap() >= 1.0);
    assert_eq!(value(text, "passgate_signing_keys_published"), Some(1.0));
    let promoted = value(text, "passgate_signing_key_promoted_timestamp_seconds").unwrap();
    let age = UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - promoted;
    assert!((0.0..600.0).contains(&age), "{age}");
    assert!(!text.contains("matt") && !text.contains("nowhere"));
}

/// A replica that starts after somebody logged in and the database counted its rows.
fn counted() -> App {
    let app = App::spawn();
    app.register("matt");
    app.log_in("matt", PASSWORD).expect(200);
    app.database
        .connect()
        .batch_execute("ANALYZE users, sessions")
        .unwrap();
    // Looked up at the start, and every ten minutes.
    app.beside()
}

#[test]
fn users_and_sessions_are_estimated_once_the_database_counted_them() {
    let other = counted();
    let text = eventually("the estimates", || {
        let reply = other.get("/metrics");
        let text = reply.text().to_owned();
        text.contains("passgate_users ").then_some(text)
    });
    assert_eq!(value(&text, "passgate_users"), Some(1.0));
    assert_eq!(value(&text, "passgate_sessions"), Some(1.0));
}

/// The names of metrics in a text: whatever begins with our prefix.
fn names(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names: Vec<String> = text
        .split(|c| !is_part(c))
        .filter(|word| word.starts_with("passgate_") && *word != "passgate_")
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn dashboard_and_alerts_ask_for_nothing_that_is_not_exported() {
    let other = counted();
    let text = eventually("the estimates", || {
        other.post_form("/token", "grant_type=none");
        let text = other.get("/metrics").text().to_owned();
        (text.contains("passgate_users ") && text.contains("duration_seconds_bucket"))
            .then_some(text)
    });
    let exported = names(&text);
    for file in ["grafana.json", "alerts.yaml"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/deploy");
        let wanted = names(&fs::read_to_string(format!("{path}/{file}")).unwrap());
        assert!(wanted.len() > 5, "{file}: {wanted:?}");
        for name in wanted {
            assert!(exported.contains(&name), "{file} asks for {name}");
        }
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/deploy/grafana.json"
    );
    let board: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let panels = board["panels"].as_array().unwrap();
    assert!(panels.len() > 5);
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(panel["datasource"]["uid"] == "${datasource}", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert!(
                target["expr"].as_str().unwrap().contains("passgate_"),
                "{title}"
            );
        }
    }
}
