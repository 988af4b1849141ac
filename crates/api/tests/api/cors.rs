//! Pages of other origins, which read nothing unless they are named.

use crate::app::App;
use crate::client::{Ask, FORM, PASSWORD, Reply};

const OURS: &str = "https://app.example.com";
const FLAGS: [&str; 2] = [
    "--allowed-origin",
    "https://app.example.com,http://localhost:5173",
];

fn cors_fields(reply: &Reply) -> Vec<&str> {
    let names = reply.headers.iter().map(|(name, _)| name.as_str());
    names
        .filter(|name| name.starts_with("access-control") || *name == "vary")
        .collect()
}

fn preflight(app: &App, origin: &str, path: &str) -> Reply {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "PUT"),
        (
            "Access-Control-Request-Headers",
            "authorization,content-type",
        ),
    ];
    app.ask("OPTIONS", path, &headers, "")
}

#[test]
fn nobody_is_told_anything_unless_somebody_is_named() {
    let app = App::spawn();
    let reply = app.ask("GET", "/version", &[("Origin", OURS)], "");
    assert_eq!((reply.status, cors_fields(&reply)), (200, vec![]));
    let reply = preflight(&app, OURS, "/users/me/password");
    assert_eq!((reply.status, cors_fields(&reply)), (405, vec![]));
}

#[test]
fn a_page_of_a_named_origin_asks_and_reads() {
    let app = App::with(&FLAGS);
    app.register("matt");
    for origin in [OURS, "http://localhost:5173"] {
        let reply = preflight(&app, origin, "/users/me/password");
        assert_eq!((reply.status, reply.text()), (204, ""));
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(
            reply.header("access-control-allow-credentials"),
            Some("true")
        );
        let methods = reply.header("access-control-allow-methods").unwrap();
        assert!(methods.contains("PUT"), "{methods}");
        let fields = reply.header("access-control-allow-headers").unwrap();
        assert!(
            fields.contains("Authorization") && fields.contains("Content-Type"),
            "{fields}"
        );
        assert_eq!(reply.header("access-control-max-age"), Some("600"));
        assert_eq!(reply.header("vary"), Some("Origin"));
        assert!(reply.header("x-request-id").is_some());
        // Errors, too: a page has to show them.
        for (password, status) in [(PASSWORD, 200), ("wrong horse", 401)] {
            let password = password.replace(' ', "+");
            let form = format!("username=matt&password={password}");
            let reply = app.ask("POST", "/token", &[FORM, ("Origin", origin)], &form);
            reply.expect(status);
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
            let readable = reply.header("access-control-expose-headers").unwrap();
            assert!(readable.contains("Retry-After"), "{readable}");
            assert_eq!(reply.header("vary"), Some("Origin"));
        }
    }
}

#[test]
fn a_preflight_is_no_grant() {
    let app = App::with(&FLAGS);
    app.register("matt");
    assert_eq!(preflight(&app, OURS, "/token").status, 204);
    let granted = r#"passgate_token_requests_total{outcome="granted"}"#;
    let granted = |count: u32| {
        let text = app.get("/metrics").text().to_owned();
        assert!(text.contains(&format!("{granted} {count}\n")), "{text}");
    };
    granted(0);
    app.log_in("matt", PASSWORD).expect(200);
    granted(1);
}

#[test]
fn a_page_of_another_origin_reads_nothing_and_caches_keep_the_two_apart() {
    let app = App::with(&FLAGS);
    for other in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://APP.example.com",
        "null",
        "*",
        "",
    ] {
        let reply = app.ask("GET", "/version", &[("Origin", other)], "");
        assert_eq!(
            (reply.status, cors_fields(&reply)),
            (200, vec!["vary"]),
            "{other}"
        );
        let reply = preflight(&app, other, "/users/me/password");
        assert_eq!(
            (reply.status, cors_fields(&reply)),
            (405, vec!["vary"]),
            "{other}"
        );
    }
    let both = [("Origin", OURS), ("Origin", "https://evil.example")];
    assert_eq!(
        cors_fields(&app.ask("GET", "/version", &both, "")),
        ["vary"]
    );
    assert_eq!(cors_fields(&app.get("/version")), ["vary"]);
    // OPTIONS without the question is a method as any other.
    assert_eq!(
        app.ask("OPTIONS", "/version", &[("Origin", OURS)], "")
            .status,
        405
    );
}
