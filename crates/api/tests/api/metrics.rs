//! What is counted.

use std::collections::BTreeSet;
use std::fs;
use std::time::UNIX_EPOCH;

use diesel::connection::SimpleConnection;
use passgate_api::routes::PATHS;
use serde_json::Value;

use crate::app::{App, SECRET};
use crate::client::{Ask, FORM, PASSWORD};
use crate::keys::eventually;
use crate::site::Site;
use crate::tls::{Encrypted, renew};

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
fn figures_are_for_the_networks_that_may_ask() {
    const PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.0/8"];
    let app = App::with(&PROXY);
    let from = |app: &App, address: &str| {
        let headers = [("X-Forwarded-For", address)];
        app.ask("GET", "/metrics", &headers, "").status
    };
    for (address, status) in [
        ("203.0.113.9", 403),
        ("2001:db8::9", 403),
        ("10.1.2.3", 200),
        ("fd00::1", 200),
        ("::ffff:192.168.1.2", 200),
        ("::ffff:203.0.113.9", 403),
    ] {
        assert_eq!(from(&app, address), status, "{address}");
    }
    let wide = App::with(&[&PROXY[..], &["--metrics-from", "203.0.113.0/24,::1/128"]].concat());
    assert_eq!(from(&wide, "203.0.113.9"), 200);
    assert_eq!(from(&wide, "10.1.2.3"), 403);
    let refused = wide.get("/metrics");
    assert_eq!(refused.expect(403)["title"], "Forbidden");
    for (flag, seen) in [("none", [403, 403]), ("none,10.0.0.0/8", [200, 403])] {
        let app = App::with(&[&PROXY[..], &["--metrics-from", flag]].concat());
        let addresses = ["10.1.2.3", "127.0.0.1"];
        assert_eq!(addresses.map(|address| from(&app, address)), seen, "{flag}");
    }
    // What somebody says who is not trusted counts for nothing.
    let direct = App::with(&["--metrics-from", "203.0.113.0/24"]);
    assert_eq!(from(&direct, "203.0.113.9"), 403);
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
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("passgate_") && *word != "passgate_")
        .collect()
}

/// The labels that a query asks for, without the job that Prometheus adds.
fn labels(query: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices(['{', ',']) {
        let Some((label, rest)) = query[at + 1..].split_once('=') else {
            continue;
        };
        let label = label.trim_end_matches('!');
        let value = rest.trim_start_matches('~').strip_prefix('"');
        let is_label = !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase());
        if let Some((value, _)) = value.and_then(|value| value.split_once('"'))
            && is_label
            && label != "job"
        {
            found.extend(value.split('|').map(|value| (label, value)));
        }
    }
    found
}

/// Whether an answer can have the label: those that come of themselves are looked up, the others are
/// names that the interface promises.
fn exists(text: &str, label: &str, value: &str) -> bool {
    match label {
        "path" => {
            let start = value.strip_suffix(".*");
            PATHS.iter().any(|path| match start {
                Some(start) => path.starts_with(start),
                None => *path == value,
            })
        }
        "status" => value == "503",
        _ => text.contains(&format!("{label}=\"{value}\"")),
    }
}

/// Of a server with a certificate, after everything that a query may ask for has happened once.
fn everything_exported() -> String {
    let site = Site::new();
    renew(site.folder());
    let flags = [
        "--secret",
        SECRET,
        "--guesses-per-address",
        "1/1h",
        "--tls-certificate",
        "tls.crt",
        "--tls-key",
        "tls.key",
    ];
    let first = site.serve(&flags[..4]);
    first.register("matt");
    drop(first.stop());
    site.database
        .connect()
        .batch_execute("ANALYZE users, sessions")
        .unwrap();
    let server = Encrypted::on(site, &flags);
    for (username, status) in [("matt", 200), ("nobody", 401), ("nobody", 429)] {
        let password = PASSWORD.replace(' ', "+");
        let form = format!("grant_type=password&username={username}&password={password}");
        assert_eq!(server.ask("POST", "/token", &[FORM], &form).status, status);
    }
    eventually("the estimates", || {
        let reply = server.ask("GET", "/metrics", &[], "");
        let text = reply.text().to_owned();
        text.contains("passgate_users ").then_some(text)
    })
}

fn deployed(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/deploy");
    fs::read_to_string(format!("{folder}/{file}")).unwrap()
}

#[test]
fn dashboard_and_alerts_ask_for_nothing_that_is_not_exported() {
    let text = everything_exported();
    let exported = names(&text);
    let board: Value = serde_json::from_str(&deployed("grafana.json")).unwrap();
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let of_board = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let of_alerts = rules().into_iter().map(|rule| rule.expr);
    let (of_board, of_alerts): (Vec<_>, Vec<_>) = (of_board.collect(), of_alerts.collect());
    assert!(of_board.len() > 15 && of_alerts.len() > 15);
    for query in of_board.iter().chain(&of_alerts) {
        for name in names(query) {
            assert!(exported.contains(name), "{query}: {name}");
        }
        for (label, value) in labels(query) {
            assert!(exists(&text, label, value), "{query}: {label}={value}");
        }
        for (open, close) in [('(', ')'), ('{', '}')] {
            let (open, close) = (query.matches(open).count(), query.matches(close).count());
            assert_eq!(open, close, "{query}");
        }
    }
    // Whatever tells that something is wrong has somebody who looks at it.
    let watched: BTreeSet<&str> = of_alerts.iter().flat_map(|query| names(query)).collect();
    for name in [
        "passgate_guess_store_failures_total",
        "passgate_guesses_refused_total",
        "passgate_http_request_duration_seconds_bucket",
        "passgate_internal_errors_total",
        "passgate_password_backend_refused",
        "passgate_password_jobs_dropped_total",
        "passgate_signing_ready",
        "passgate_tls_certificate_not_after_timestamp_seconds",
        "passgate_tls_certificate_refused",
    ] {
        assert!(watched.contains(name), "{name}");
    }
}

/// What is counted by path and status, which begins with the first of each. A rule about them looks for what
/// goes on.
const BY_PATH: [&str; 2] = [
    "passgate_http_requests_total",
    "passgate_http_request_duration_seconds_bucket",
];

#[test]
fn what_an_alert_compares_is_there_before_anything_happens() {
    let site = Site::new();
    renew(site.folder());
    let flags = ["--tls-certificate", "tls.crt", "--tls-key", "tls.key"];
    let server = Encrypted::on(site, &[&["--secret", SECRET], &flags[..]].concat());
    let reply = server.ask("GET", "/metrics", &[], "");
    let text = reply.text();
    let exported = names(text);
    for Rule {
        name, expr, wait, ..
    } in rules()
    {
        let asked = names(&expr);
        if asked.iter().any(|metric| BY_PATH.contains(metric)) {
            assert!(!wait.is_empty(), "{name} looks for what goes on");
            continue;
        }
        assert!(asked.is_subset(&exported), "{name}: {expr}");
        for (label, value) in labels(&expr) {
            assert!(exists(text, label, value), "{name}: {label}={value}");
        }
    }
}

/// What happens once is over before a second look at it.
#[test]
fn an_alert_of_a_single_event_fires_at_once() {
    let rules = rules();
    let of_events = rules.iter().filter(|rule| rule.expr.contains("increase("));
    let waits: Vec<&str> = of_events.map(|rule| &*rule.wait).collect();
    assert!(waits.len() >= 2 && waits.iter().all(|wait| wait.is_empty()));
}

#[test]
fn an_error_of_our_own_is_counted_and_an_outage_is_none() {
    let app = App::spawn();
    app.register("matt");
    let failed = || {
        let reply = app.get("/metrics");
        value(reply.text(), "passgate_internal_errors_total")
    };
    app.get("/nowhere").expect(404);
    assert_eq!(failed(), Some(0.0));
    app.database
        .connect()
        .batch_execute("ALTER TABLE users RENAME TO gone")
        .unwrap();
    app.log_in("matt", PASSWORD).expect(500);
    assert_eq!(failed(), Some(1.0));
}

/// A rule, as far as tests look at it.
#[derive(Default)]
struct Rule {
    name: String,
    expr: String,
    wait: String,
    severity: String,
    summary: String,
}

/// The rules of alerts.yaml, which keeps to a few forms of YAML: `scripts/lint-deploy.sh` has the whole of
/// it read by promtool.
fn rules() -> Vec<Rule> {
    let text = deployed("alerts.yaml");
    let mut rules: Vec<Rule> = Vec::new();
    let mut folded = false;
    for line in text.lines() {
        let (indent, entry) = (line.len() - line.trim_start().len(), line.trim_start());
        if let Some(name) = entry.strip_prefix("- alert: ") {
            rules.push(Rule {
                name: name.to_owned(),
                ..Rule::default()
            });
            continue;
        }
        let Some(rule) = rules.last_mut() else {
            continue;
        };
        folded &= indent > 8;
        if folded {
            rule.expr.extend([entry, " "]);
            continue;
        }
        match entry.split_once(": ") {
            Some(("expr", ">-")) => folded = true,
            Some(("expr", expr)) => expr.clone_into(&mut rule.expr),
            Some(("labels", labels)) => {
                let severity = labels.strip_prefix("{ severity: ");
                let severity = severity.and_then(|severity| severity.strip_suffix(" }"));
                severity.unwrap().clone_into(&mut rule.severity);
            }
            Some(("summary", summary)) => summary.clone_into(&mut rule.summary),
            Some(("for", wait)) => wait.clone_into(&mut rule.wait),
            Some(("description", _)) => {}
            _ => assert_eq!(entry, "annotations:", "{}", rule.name),
        }
    }
    rules
}

#[test]
fn every_alert_has_a_name_of_its_own_and_says_what_is_wrong_and_how_bad_it_is() {
    let rules = rules();
    let names: BTreeSet<&str> = rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names.len(), rules.len());
    for Rule {
        name,
        expr,
        severity,
        summary,
        ..
    } in &rules
    {
        assert!(name.starts_with("Passgate"), "{name}");
        assert!(!expr.is_empty() && !summary.is_empty(), "{name}");
        assert!(["page", "ticket"].contains(&&**severity), "{name}");
        // In YAML this would begin a comment, or another mapping.
        assert!(!summary.contains(" #") && !summary.contains(": "), "{name}");
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
