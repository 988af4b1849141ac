use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::app::App;
use crate::client::{Ask, FORM, JSON, PASSWORD, Reply};

/// What a part of a token says, unverified.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn the_tutorials_call_gets_a_token() {
    let app = App::spawn();
    app.register("matt");
    let body = "grant_type=password&username=matt&password=correct+horse+battery&scope=\
                &client_id=string&client_secret=string";
    let reply = app.post_form("/token", body);
    let answer = reply.expect(200);
    assert_eq!(answer["token_type"], "bearer");
    assert_eq!(answer["expires_in"], 1500);
    assert_eq!(answer["scope"], "profile");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("pragma"), Some("no-cache"));

    let token = answer["access_token"].as_str().unwrap();
    let (header, claims) = (part(token, 0), part(token, 1));
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("at+jwt"), &json!("EdDSA"))
    );
    assert_eq!(
        (&claims["sub"], &claims["user_id"]),
        (&json!("matt"), &json!(1))
    );
    assert_eq!(claims["client_id"], "string");
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 25 * 60);
    let url = format!("http://{}", app.address());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(url), &json!(url)));
}

#[test]
fn the_grant_type_may_be_left_out() {
    let app = App::spawn();
    app.register("matt");
    app.post_form("/token", "username=matt&password=correct+horse+battery")
        .expect(200);
}

#[test]
fn the_name_is_the_same_in_another_case() {
    let app = App::spawn();
    app.register("Matt");
    let token = app.token("mATT");
    assert_eq!(part(&token, 1)["sub"], "Matt");
}

/// A client learns nothing of why: not by a status, a header or a byte.
#[test]
fn every_refusal_is_the_same() {
    let app = App::spawn();
    app.register("matt");
    app.register("gone");
    app.database
        .connect()
        .batch_execute("UPDATE users SET disabled_at = now() WHERE username = 'gone'")
        .unwrap();
    let refusals: Vec<Reply> = [
        ("matt", "wrong horse battery"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("gone", "wrong horse battery"),
        ("%2e%2e%2f", PASSWORD),
        (&"a".repeat(300), PASSWORD),
    ]
    .iter()
    .map(|(username, password)| app.log_in(username, password))
    .collect();
    let answer = refusals[0].expect(401);
    assert_eq!(answer["error"], "invalid_grant");
    assert_eq!(answer["detail"], "Incorrect username or password");
    assert_eq!(
        answer["error_description"],
        "Incorrect username or password"
    );
    assert_eq!(refusals[0].header("www-authenticate"), Some("Bearer"));
    for refusal in &refusals {
        assert_eq!(
            refusal.without_id_and_date(),
            refusals[0].without_id_and_date()
        );
    }
}

#[test]
fn requests_that_break_the_rules_are_refused_before_any_hash() {
    let app = App::spawn();
    app.register("matt");
    let long = "a".repeat(1025);
    for (body, status, error, says) in [
        ("", 400, "invalid_request", "grant_type"),
        (
            "grant_type=password&username=matt",
            400,
            "invalid_request",
            "password",
        ),
        (
            "grant_type=password&password=x",
            400,
            "invalid_request",
            "username",
        ),
        (
            "grant_type=password&username=matt&password=",
            400,
            "invalid_request",
            "password",
        ),
        (
            "grant_type=magic&username=matt&password=x",
            400,
            "unsupported_grant_type",
            "password",
        ),
        (
            "grant_type=password&username=a&username=b&password=x",
            400,
            "invalid_request",
            "username",
        ),
        (
            "grant_type=password&username=matt&password=a%00b",
            400,
            "invalid_request",
            "NUL",
        ),
        (
            "grant_type=password&username=matt&password=%ff",
            400,
            "invalid_request",
            "UTF-8",
        ),
        (
            &format!("username=matt&password={long}"),
            400,
            "invalid_request",
            "1024",
        ),
        (
            "username=matt&password=x&scope=a%22b",
            400,
            "invalid_scope",
            "scope",
        ),
        (
            &format!("username=matt&password=x&pad={}", "a".repeat(16 * 1024)),
            413,
            "invalid_request",
            "16384",
        ),
    ] {
        let reply = app.post_form("/token", body);
        let answer = reply.expect(status);
        assert_eq!(answer["error"], error, "{body}");
        assert!(
            answer["detail"].as_str().unwrap().contains(says),
            "{body}: {answer}"
        );
        assert_eq!(answer["detail"], answer["error_description"]);
    }
}

#[test]
fn another_content_type_is_refused_by_name() {
    let app = App::spawn();
    for content_type in [&[JSON][..], &[], &[("Content-Type", "text/plain")]] {
        let reply = app.ask("POST", "/token", content_type, "username=matt&password=x");
        let answer = reply.expect(415);
        let detail = answer["detail"].as_str().unwrap();
        assert!(
            detail.contains("application/x-www-form-urlencoded"),
            "{detail}"
        );
    }
    let with_charset = (
        "Content-Type",
        "application/x-www-form-urlencoded; charset=UTF-8",
    );
    let reply = app.ask(
        "POST",
        "/token",
        &[with_charset],
        "username=matt&password=x",
    );
    reply.expect(401);
}

#[test]
fn scopes_beyond_the_users_own_are_refused_by_name() {
    let app = App::spawn();
    app.register("matt");
    app.register("root");
    app.database
        .connect()
        .batch_execute("UPDATE users SET roles = '{admin}' WHERE username = 'root'")
        .unwrap();
    let ask = |username, scope| {
        let body = format!("username={username}&password=correct+horse+battery&scope={scope}");
        app.post_form("/token", &body)
    };
    let refused = ask("matt", "admin").expect(400);
    assert_eq!(refused["error"], "invalid_scope");
    assert!(
        refused["detail"].as_str().unwrap().contains("profile"),
        "{refused}"
    );
    assert_eq!(
        ask("root", "admin+profile").expect(200)["scope"],
        "admin profile"
    );
    assert_eq!(ask("root", "").expect(200)["scope"], "profile");
    // For administering only.
    let answer = ask("root", "admin").expect(200);
    let reply = app.get_as(answer["access_token"].as_str().unwrap(), "/users/me");
    reply.expect(403);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\", scope=\"profile\""),
        "{challenge}"
    );
}

#[test]
fn a_client_that_names_itself_by_basic_is_a_label_too() {
    let app = App::spawn();
    app.register("matt");
    // string:string
    let basic = ("Authorization", "Basic c3RyaW5nOnN0cmluZw==");
    let body = "username=matt&password=correct+horse+battery";
    let answer = app.ask("POST", "/token", &[FORM, basic], body).expect(200);
    assert_eq!(
        part(answer["access_token"].as_str().unwrap(), 1)["client_id"],
        "string"
    );
    let broken = ("Authorization", "Basic %%%");
    let answer = app.ask("POST", "/token", &[FORM, broken], body).expect(401);
    assert_eq!(answer["error"], "invalid_client");
}

#[test]
fn a_shared_secret_signs_and_is_never_published() {
    let secret = "0123456789abcdef0123456789abcdef";
    let app = App::with(&["--jwt-algorithm", "HS256", "--jwt-secret", secret]);
    app.register("matt");
    let token = app.token("matt");
    assert_eq!(part(&token, 0)["alg"], "HS256");
    app.get_as(&token, "/users/me").expect(200);
    assert_eq!(app.get("/.well-known/jwks.json").text(), r#"{"keys":[]}"#);
}

#[test]
fn every_algorithm_is_verified_by_the_server_itself() {
    for alg in ["EdDSA", "ES256", "RS256"] {
        let app = App::with(&["--jwt-algorithm", alg]);
        app.register("matt");
        let token = app.token("matt");
        assert_eq!(part(&token, 0)["alg"], alg);
        app.get_as(&token, "/users/me").expect(200);
    }
}
