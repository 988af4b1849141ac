use passgate_api::routes::PATHS;

use crate::app::App;
use crate::client::Ask;

#[test]
fn keys_are_published_for_caches() {
    let app = App::spawn();
    let reply = app.get("/.well-known/jwks.json");
    let keys = reply.expect(200);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0]["alg"], "EdDSA");
    assert!(keys["keys"][0].get("d").is_none());
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    let etag = reply.header("etag").unwrap();
    let again = app.ask(
        "GET",
        "/.well-known/jwks.json",
        &[("If-None-Match", etag)],
        "",
    );
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn ready_means_that_the_database_answers_and_alive_does_not() {
    let app = App::spawn();
    assert_eq!(app.get("/health/ready").status, 200);
    assert_eq!(app.get("/health/live").status, 200);
    app.database.take_away();
    let reply = app.get("/health/ready");
    let problem = reply.expect(503);
    assert!(reply.header("retry-after").is_some());
    assert!(!problem.to_string().contains("passgate_test"), "{problem}");
    assert_eq!(app.get("/health/live").status, 200);
    assert_eq!(
        app.log_in("matt", "x").expect(503)["error"],
        "temporarily_unavailable"
    );
}

#[test]
fn the_description_has_every_path_and_the_way_to_log_in() {
    let app = App::spawn();
    let description = app.get("/openapi.json").expect(200);
    let paths: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, PATHS.iter().collect::<Vec<_>>());
    let flow = &description["components"]["securitySchemes"]["password"]["flows"]["password"];
    assert_eq!(flow["tokenUrl"], "/token");
    let printed = passgate_api::openapi::json().unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&printed).unwrap(),
        description
    );
}

#[test]
fn the_pages_of_the_description_come_from_the_binary() {
    let app = App::spawn();
    let reply = app.get("/docs");
    assert_eq!(
        (reply.status, reply.header("location")),
        (308, Some("/docs/"))
    );
    let page = app.get("/docs/");
    assert!(page.text().contains("swagger-ui"));
    assert!(
        !page.text().contains("https://"),
        "nothing is loaded from elsewhere"
    );
    assert_eq!(app.get("/docs/swagger-ui-bundle.js").status, 200);
}

#[test]
fn a_request_keeps_its_id_if_it_is_a_good_one() {
    let app = App::spawn();
    let id = |given: &str| {
        let reply = app.ask("GET", "/nothing", &[("X-Request-Id", given)], "");
        let header = reply.header("x-request-id").unwrap().to_owned();
        assert_eq!(reply.json()["request_id"], header);
        header
    };
    assert_eq!(id("trace-1_a.b"), "trace-1_a.b");
    for bad in ["a b", "<script>", "", &"a".repeat(129), "a\"b"] {
        assert_ne!(id(bad), bad);
    }
}

#[test]
fn unknown_paths_and_methods_are_problems_too() {
    let app = App::spawn();
    let reply = app.get("/nothing");
    assert_eq!(reply.expect(404)["status"], 404);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    for (method, path, allow) in [
        ("GET", "/token", "POST"),
        ("DELETE", "/users", "POST"),
        ("POST", "/users/me", "GET, HEAD, PATCH, DELETE"),
    ] {
        let reply = app.ask(method, path, &[], "");
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some(allow)),
            "{method} {path}"
        );
    }
}

#[test]
fn the_version_is_told() {
    let version = App::spawn().get("/version").expect(200);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn head_is_get_without_a_body() {
    let app = App::spawn();
    for path in ["/health/live", "/.well-known/jwks.json", "/version"] {
        let reply = app.ask("HEAD", path, &[], "");
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{path}");
    }
}

#[test]
fn browsers_are_told_to_do_nothing_with_an_answer_but_what_it_is_for() {
    let app = App::spawn();
    for path in [
        "/health/live",
        "/nowhere",
        "/token",
        "/docs/",
        "/docs/index.html",
    ] {
        let reply = app.get(path);
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            reply.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        let policy = reply.header("content-security-policy").unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        let is_page = path.starts_with("/docs");
        assert_eq!(policy.contains("default-src 'none'"), !is_page, "{path}");
    }
}
