//! Tokens that nobody was given.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::app::App;
use crate::client::{Ask, PASSWORD};
use crate::tools;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct Tokens {
    access: String,
    refresh: String,
}

fn log_in(app: &App) -> Tokens {
    app.register("matt");
    let granted = app.log_in("matt", PASSWORD).expect(200);
    let text = |name: &str| granted[name].as_str().unwrap().to_owned();
    Tokens {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}

/// The text with another character at a place.
fn mutated(token: &str, at: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[at] = match bytes[at] {
        b'.' => b'A',
        byte => {
            let place = ALPHABET.iter().position(|other| *other == byte);
            ALPHABET[(place.map_or(0, |place| place + 1 + at % 62)) % ALPHABET.len()]
        }
    };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_access_token_with_any_character_changed_is_nobodys() {
    let app = App::spawn();
    let Tokens { access, .. } = log_in(&app);
    for at in 0..access.len() {
        let token = mutated(&access, at);
        assert_ne!(token, access);
        assert_eq!(app.get_as(&token, "/users/me").status, 401, "{at}: {token}");
    }
    tools::tell(&format!(
        "forged access tokens: {} sent, none taken",
        access.len()
    ));
    assert_eq!(app.get_as(&access, "/users/me").status, 200);
}

#[test]
fn a_refresh_token_with_any_character_changed_is_refused_and_spoils_nothing() {
    let app = App::spawn();
    let Tokens { refresh, .. } = log_in(&app);
    let ask = |token: &str| {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        app.post_form("/token", &form)
    };
    for at in 0..refresh.len() {
        let token = mutated(&refresh, at);
        let answer = ask(&token).expect(400);
        assert_eq!(answer["error"], "invalid_grant", "{at}: {token}");
    }
    tools::tell(&format!(
        "forged refresh tokens: {} sent, none taken",
        refresh.len()
    ));
    ask(&refresh).expect(200);
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_header_that_says_how_to_verify_is_not_believed() {
    let app = App::spawn();
    let Tokens { access, .. } = log_in(&app);
    let [header, payload, signature] = access.split('.').collect::<Vec<_>>()[..] else {
        panic!("{access}")
    };
    let jwks = app.get("/.well-known/jwks.json").json();
    let good = decoded(header);
    let with = |name: &str, value: Value| {
        let mut header = good.clone();
        header[name] = value;
        encoded(&header)
    };
    let headers = [
        with("alg", json!("none")),
        with("alg", json!("None")),
        with("alg", json!("HS256")),
        with("alg", json!("ES256")),
        with("typ", json!("JWT")),
        with("kid", json!("../../../../dev/null")),
        with("kid", json!("' OR 1=1 --")),
        with("jwk", jwks["keys"][0].clone()),
        with("jku", json!("https://attacker.example/jwks.json")),
        with("x5u", json!("https://attacker.example/cert.pem")),
        with("crit", json!(["exp"])),
        with("b64", json!(false)),
        with("zip", json!("DEF")),
    ];
    for header in headers {
        for signature in [signature, ""] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(app.get_as(&token, "/users/me").status, 401, "{token}");
        }
    }
    // Five parts are a JWE; two, none at all.
    for token in [
        format!("{access}.."),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!(".{payload}."),
        "..".to_owned(),
    ] {
        assert_eq!(app.get_as(&token, "/users/me").status, 401, "{token}");
    }
}

#[test]
fn one_kind_of_token_is_not_taken_for_another() {
    let app = App::spawn();
    let Tokens { access, refresh } = log_in(&app);
    let claims = decoded(access.split('.').nth(1).unwrap());
    let session = claims["sid"].as_str().unwrap();
    for token in [&*refresh, session, claims["jti"].as_str().unwrap()] {
        assert_eq!(app.get_as(token, "/users/me").status, 401, "{token}");
        assert_eq!(app.get_as(token, "/verify").status, 401, "{token}");
    }
    for token in [&*access, session] {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        let answer = app.post_form("/token", &form).expect(400);
        assert_eq!(answer["error"], "invalid_grant");
    }
    for (scheme, token) in [("Basic", &access), ("Token", &access), ("bearer,", &access)] {
        let header = format!("{scheme} {token}");
        let answer = app.ask("GET", "/users/me", &[("Authorization", &header)], "");
        assert_eq!(answer.status, 401, "{scheme}");
    }
    // RFC 6750 section 2.3, and cookies, are not offered.
    assert_eq!(
        app.get(&format!("/users/me?access_token={access}")).status,
        401
    );
    let cookie = format!("access_token={access}");
    assert_eq!(
        app.ask("GET", "/users/me", &[("Cookie", &cookie)], "")
            .status,
        401
    );
}
