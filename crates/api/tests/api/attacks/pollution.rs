//! Parameters that are there twice, elsewhere, too large, or of another type.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_api::routes::PATHS;
use serde_json::json;

use crate::admin::root;
use crate::app::App;
use crate::client::{Ask, FORM, JSON, PASSWORD, Reply, compose, send};

const LOG_IN: &str = "grant_type=password&username=matt&password=correct+horse+battery";

#[test]
fn a_parameter_that_is_there_twice_is_refused_whichever_is_right() {
    let app = App::spawn();
    app.register("matt");
    for twice in [
        "username=matt",
        "username=root",
        "password=wrong",
        "grant_type=refresh_token",
        "grant_type=password",
    ] {
        for form in [format!("{LOG_IN}&{twice}"), format!("{twice}&{LOG_IN}")] {
            let answer = app.post_form("/token", &form).expect(400);
            assert_eq!(answer["error"], "invalid_request", "{form}");
        }
    }
    // Spelt in another way it is the same name.
    let answer = app.post_form("/token", &format!("{LOG_IN}&user%6eame=root"));
    assert_eq!(answer.status, 400);
}

#[test]
fn a_parameter_elsewhere_is_none() {
    let app = App::spawn();
    app.register("matt");
    // In the address it would be in every log on the way.
    let answer = app.ask("POST", &format!("/token?{LOG_IN}"), &[FORM], "");
    assert_eq!(answer.status, 400);
    for (method, path) in [("GET", "/token"), ("PUT", "/token"), ("GET", "/revoke")] {
        assert_eq!(
            app.ask(method, path, &[], "").status,
            405,
            "{method} {path}"
        );
    }
    // Names of arrays and objects, as other frameworks have them, are other names.
    for names in ["username[]=matt", "username[0]=matt", "username.a=matt"] {
        let form = format!("grant_type=password&{names}&password=correct+horse+battery");
        assert_eq!(app.post_form("/token", &form).status, 400, "{names}");
    }
    // A method in a header is not the method.
    let headers = [FORM, ("X-HTTP-Method-Override", "DELETE")];
    assert_eq!(app.ask("POST", "/token", &headers, LOG_IN).status, 200);
}

#[test]
fn a_grant_is_called_by_its_name() {
    let app = App::spawn();
    app.register("matt");
    for name in [
        "Password",
        "password%20",
        "password%00",
        "passw%C3%B6rd",
        "implicit",
        "authorization_code",
    ] {
        let form = LOG_IN.replace("grant_type=password", &format!("grant_type={name}"));
        let answer = app.post_form("/token", &form);
        assert_eq!(answer.status, 400, "{name}");
    }
    // A password is no refresh token, and the other way round.
    let form = LOG_IN.replace("grant_type=password", "grant_type=refresh_token");
    assert_eq!(app.post_form("/token", &form).status, 400);
}

/// Bodies that are to cost a reader much.
fn heavy() -> Vec<(&'static str, String)> {
    let deep = 15_000;
    vec![
        ("deep lists", "[".repeat(deep)),
        ("deep objects", "{\"a\":".repeat(deep / 5)),
        ("a deep field", format!("{{\"username\":{}", "[".repeat(deep))),
        ("a huge number", format!("{{\"username\":{}}}", "9".repeat(deep))),
        ("a huge exponent", "{\"username\":1e999999999}".to_owned()),
        ("a long name", format!("{{\"username\":\"{}\"}}", "a".repeat(deep))),
        ("many fields", format!("{{{}\"z\":1}}", "\"a\":1,".repeat(1500))),
        ("half a surrogate", r#"{"username":"\ud800","password":"correct horse battery"}"#.to_owned()),
        ("a NUL", "{\"username\":\"a\\u0000b\",\"password\":\"correct horse battery\"}".to_owned()),
        ("another type", r#"{"username":{"$ne":null},"password":true}"#.to_owned()),
        ("a prototype", r#"{"__proto__":{"roles":["admin"]},"username":"eve","password":"correct horse battery"}"#.to_owned()),
        ("roles", r#"{"roles":["admin"],"username":"eve","password":"correct horse battery"}"#.to_owned()),
        ("an id", r#"{"id":1,"username":"eve","password":"correct horse battery"}"#.to_owned()),
    ]
}

#[test]
fn what_is_to_cost_much_is_refused_at_once_and_makes_nothing() {
    let app = App::spawn();
    for (what, body) in heavy() {
        let begun = Instant::now();
        let answer = app.ask("POST", "/users", &[JSON], &body);
        assert!(
            matches!(answer.status, 400 | 413 | 422),
            "{what}: {}",
            answer.status
        );
        assert!(begun.elapsed() < Duration::from_secs(2), "{what}");
    }
    assert_eq!(app.register("first")["id"], 1);
}

/// PostgreSQL takes no NUL and no other encoding in a text: it would answer with an error of its own. A
/// time that is in no year of ours would not even reach it.
#[test]
fn what_is_no_text_or_no_time_is_refused_before_the_database_is_asked() {
    let app = App::spawn();
    let token = root(&app);
    let cursor = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for query in [
        "users?email=%00".to_owned(),
        "users?username=%00".to_owned(),
        "users?email=%ff".to_owned(),
        format!("users?email=a&after={}", cursor("e\0")),
        format!("users?username=a&after={}", cursor("ua\0")),
        format!("clients?after={}", cursor("c\0")),
        "audit?since=9999-12-31T23:59:59-01:00".to_owned(),
        "audit?until=9999-12-31T23:59:59-23:59".to_owned(),
        "audit?actor=%00".to_owned(),
        "audit?actor=%C3%28".to_owned(),
        "audit?action=%00".to_owned(),
        "audit?%00=a".to_owned(),
    ] {
        let answer = app.get_as(&token, &format!("/admin/{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    for path in [
        "users/%00",
        "users/1%00/sessions",
        "clients/a%00",
        "clients/%ff",
    ] {
        let answer = app.get_as(&token, &format!("/admin/{path}"));
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
    }
    let answer = app.get_as(&token, "/verify?scope=%00");
    assert_eq!(answer.status, 400, "{}", answer.text());
    let bearer = format!("Bearer {token}");
    let headers = [JSON, ("Authorization", &bearer)];
    for (method, path, body) in [
        (
            "POST",
            "/users",
            json!({"username": "eve~", "password": PASSWORD}),
        ),
        (
            "POST",
            "/users",
            json!({"username": "eve", "password": "correct horse battery ~"}),
        ),
        ("PATCH", "/users/me", json!({"display_name": "~"})),
        ("PATCH", "/users/me", json!({"email": "a~@example.com"})),
        (
            "POST",
            "/admin/clients",
            json!({"id": "billing", "name": "~"}),
        ),
        ("PUT", "/admin/log", json!({"filter": "a~"})),
        ("PATCH", "/admin/users/1", json!({"roles": ["a~"]})),
        (
            "PATCH",
            "/admin/users/1",
            json!({"email": "a~@example.com"}),
        ),
        (
            "POST",
            "/admin/clients",
            json!({"id": "billing~", "scope": "a~"}),
        ),
        ("PATCH", "/admin/clients/billing", json!({"name": "a~"})),
    ] {
        let as_text = compose(app.address(), method, path, &headers, &body.to_string());
        let as_bytes = as_text.iter().map(|b| if *b == b'~' { 0xff } else { *b });
        let answer = raw(&app, &as_bytes.collect::<Vec<u8>>());
        assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text());
        let nul = body.to_string().replace('~', "\\u0000");
        let answer = app.ask(method, path, &headers, &nul);
        assert_eq!(answer.status, 400, "{nul}: {}", answer.text());
    }
}

/// Who is told to go elsewhere with a 307 or 308 takes what they sent along.
#[test]
fn no_form_is_sent_on_to_another_place() {
    let app = App::spawn();
    app.register("matt");
    for path in PATHS
        .iter()
        .copied()
        .chain(["/docs", "/docs/", "/nowhere", "/token/", "//token"])
    {
        for (kind, body) in [(FORM, LOG_IN), (JSON, "{}")] {
            let answer = app.ask("POST", path, &[kind], body);
            assert!(
                !(300..400).contains(&answer.status),
                "{path}: {}",
                answer.status
            );
            assert_eq!(answer.header("location"), None, "{path}");
        }
    }
}

fn raw(app: &App, request: &[u8]) -> Reply {
    send(app.address(), request)
}

#[test]
fn a_request_whose_end_two_readers_could_see_differently_is_refused() {
    let app = App::spawn();
    let head = format!(
        "POST /token HTTP/1.1\r\nHost: {}\r\n{}: {}\r\n",
        app.address(),
        FORM.0,
        FORM.1
    );
    for (what, rest) in [
        (
            "two lengths",
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\na=b&c=d",
        ),
        (
            "a length and chunks",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("a signed length", "Content-Length: +5\r\n\r\na=b&c"),
        (
            "an unknown coding",
            "Transfer-Encoding: gzip, identity\r\n\r\na=b&c",
        ),
        (
            "a space before the colon",
            "Content-Length : 5\r\n\r\na=b&c",
        ),
        ("a folded field", "X-A: b\r\n c\r\n\r\n"),
        ("a bare CR in a field", "X-A: b\rc\r\n\r\n"),
        ("a NUL in a field", "X-A: b\0c\r\n\r\n"),
    ] {
        let answer = raw(&app, format!("{head}{rest}").as_bytes());
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    }
}

#[test]
fn nothing_of_a_request_comes_back_as_a_header() {
    let app = App::spawn();
    let body =
        "username=a%0d%0aSet-Cookie:+x%3d1&password=b%0d%0aX-Evil:+1&client_id=c%0d%0aX-Evil:+1";
    let answers = [
        app.post_form("/token", body),
        app.get("/users/me%0d%0aX-Evil:%201"),
        app.get("/verify?scope=a%0d%0aX-Evil:%201"),
        raw(
            &app,
            &compose(
                app.address(),
                "GET",
                "/version",
                &[("X-Request-Id", "a\tb\"<script>")],
                "",
            ),
        ),
    ];
    for answer in answers {
        assert!(answer.status < 500);
        assert!(answer.header("x-evil").is_none() && answer.header("set-cookie").is_none());
        let id = answer.header("x-request-id").unwrap();
        assert!(!id.contains("script"), "{id}");
    }
}

#[test]
fn a_page_of_somebody_else_can_neither_frame_nor_read_nor_use_us() {
    let app = App::spawn();
    let from = [
        FORM,
        ("Origin", "https://attacker.example"),
        ("Cookie", "session=1"),
    ];
    let token = app.register("matt");
    assert_eq!(token["id"], 1);
    for (method, path, body) in [
        ("POST", "/token", LOG_IN),
        ("POST", "/revoke", "token=x"),
        ("GET", "/users/me", ""),
        ("DELETE", "/users/me", ""),
        (
            "PUT",
            "/users/me/password",
            "current_password=a&new_password=b",
        ),
        ("GET", "/admin/users", ""),
        ("GET", "/docs/", ""),
        ("GET", "/nowhere", ""),
    ] {
        let answer = app.ask(method, path, &from, body);
        assert!(
            answer.header("access-control-allow-origin").is_none(),
            "{path}"
        );
        // The one cookie says that a device is known, and opens nothing.
        if let Some(cookie) = answer.header("set-cookie") {
            assert!(path == "/token" && cookie.contains("HttpOnly"), "{cookie}");
            assert!(cookie.contains("SameSite=Strict"), "{cookie}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        // Without a token in a header, which no page can make a browser send, nobody is anybody.
        if path.starts_with("/users/me") || path.starts_with("/admin") {
            assert_eq!(answer.status, 401, "{path}");
        }
    }
}
