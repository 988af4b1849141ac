//! What is counted.

use crate::app::App;
use crate::client::{Ask, PASSWORD};

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
    assert!(!text.contains("matt") && !text.contains("nowhere"));
}
