//! Paths that look like others.

use crate::app::App;
use crate::client::Ask;
use crate::tools;

/// Ways to write a path that a proxy may let through and that must not mean the path.
fn disguises(path: &str) -> Vec<String> {
    let rest = path.trim_start_matches('/');
    let (first, last) = rest.rsplit_once('/').unwrap_or(("", rest));
    vec![
        format!("//{rest}"),
        format!("/./{rest}"),
        format!("/health/../{rest}"),
        format!("/docs/../{rest}"),
        format!("/docs/..%2f{rest}"),
        format!("/docs/..;/{rest}"),
        format!("/{first}%2f{last}"),
        format!("/{first}\\{last}"),
        format!("/{}", rest.to_uppercase()),
        format!("{path}/"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path};a=b"),
        format!("{path}/."),
        format!("{path}/%2e%2e/users"),
        format!("/%2561dmin/{last}"),
    ]
}

#[test]
fn no_disguise_opens_what_wants_a_token() {
    let app = App::spawn();
    app.register("matt");
    let mut sent = 0;
    for path in [
        "/admin/users",
        "/admin/audit",
        "/users/me",
        "/users/me/sessions",
    ] {
        assert_eq!(app.get(path).status, 401);
        for disguised in disguises(path) {
            let answer = app.get(&disguised);
            sent += 1;
            assert!(
                matches!(answer.status, 400 | 401 | 404 | 405),
                "{disguised}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
    tools::tell(&format!("disguised paths: {sent} sent, none opened"));
}

#[test]
fn a_user_gets_into_nothing_of_administrators_by_any_name() {
    let app = App::spawn();
    app.register("matt");
    let token = app.token("matt");
    for path in [
        "/admin/users",
        "/admin/users/1",
        "/admin/clients",
        "/admin/keys",
        "/admin/audit",
    ] {
        assert_eq!(app.get_as(&token, path).status, 403, "{path}");
        for disguised in disguises(path) {
            let status = app.get_as(&token, &disguised).status;
            assert!(
                matches!(status, 400 | 403 | 404 | 405),
                "{disguised}: {status}"
            );
        }
    }
}

#[test]
fn no_path_leads_to_a_file() {
    let app = App::spawn();
    for path in [
        "/docs/../../../../etc/passwd",
        "/docs/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs//etc/passwd",
        "/docs/....//....//etc/passwd",
        "/.env",
        "/.git/config",
        "/Cargo.toml",
        "/.well-known/../Cargo.toml",
    ] {
        let answer = app.get(path);
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains("root:"), "{path}");
    }
}

#[test]
fn a_line_of_any_length_is_answered_and_costs_no_more_than_a_connection() {
    let app = App::spawn();
    for length in [1_000, 8_000, 16_000, 64_000, 200_000] {
        let answer = app.get(&format!("/{}", "a".repeat(length)));
        assert!(
            matches!(answer.status, 400 | 404 | 414 | 431),
            "{length}: {}",
            answer.status
        );
    }
    assert_eq!(app.get("/health/live").status, 200);
}
