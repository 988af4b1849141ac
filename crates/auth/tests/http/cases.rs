use passgate_auth::jwt::{Audience, IssuerId, KeySet, Verifier};

use crate::client::{Answer, get};
use crate::world::{Parts, Service, parts};

/// Paths that want a token, and what else it has to have.
const GUARDED: [&str; 8] = [
    "/bearer",
    "/scoped",
    "/in-role",
    "/handler",
    "/layer/token",
    "/layer/scope",
    "/layer/role",
    "/two",
];

fn ask(service: &Service, path: &str, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    get(service.address, path, &[("authorization", &authorization)])
}

/// A refusal as RFC 9457 and RFC 6750 want it.
fn assert_refused(service: &Service, path: &str, answer: &Answer, status: u16, error: &str) {
    let what = format!("{} {path}: {}", service.name, answer.body);
    assert_eq!(answer.status, status, "{what}");
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"), "{what}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["status"], status, "{what}");
    assert!(body["detail"].is_string() && body["title"].is_string());
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm=\"api\""), "{challenge}");
    assert_eq!(
        challenge.contains("error="),
        !error.is_empty(),
        "{challenge}"
    );
    assert!(challenge.contains(error), "{challenge}");
}

#[test]
fn a_good_token_passes_every_guard_that_it_is_good_for() {
    let parts = parts();
    let token = parts.token().scope("orders:read").roles(&["clerk"]);
    let token = token.claim("aud", ["orders", "admin"]).build();
    for service in parts.services() {
        for path in GUARDED.into_iter().chain(["/maybe", "/maybe-extractor"]) {
            let answer = ask(&service, path, &token);
            assert_eq!(answer.status, 200, "{} {path}", service.name);
            assert_eq!(answer.body, "matt of acme", "{} {path}", service.name);
        }
    }
}

#[test]
fn without_a_token_the_challenge_names_no_error() {
    for service in parts().services() {
        for path in GUARDED {
            for headers in [&[][..], &[("authorization", "Basic bWF0dDpw")]] {
                let answer = get(service.address, path, headers);
                assert_refused(&service, path, &answer, 401, "");
            }
        }
    }
}

#[test]
fn an_invalid_token_passes_no_guard_not_even_an_optional_one() {
    let parts = parts();
    let invalid = parts.issuer.every_invalid_token("matt");
    for service in parts.services() {
        for path in GUARDED.into_iter().chain(["/maybe", "/maybe-extractor"]) {
            for (_, token) in &invalid {
                let answer = ask(&service, path, token);
                assert_refused(&service, path, &answer, 401, "error=\"invalid_token\"");
            }
            let answer = ask(&service, path, "");
            assert_refused(&service, path, &answer, 401, "error=\"invalid_token\"");
        }
    }
}

#[test]
fn an_optional_guard_lets_nobody_pass_as_nobody() {
    for service in parts().services() {
        for path in ["/maybe", "/maybe-extractor"] {
            let answer = get(service.address, path, &[]);
            assert_eq!((answer.status, &*answer.body), (200, "nobody"), "{path}");
        }
    }
}

#[test]
fn a_token_without_the_scope_or_the_role_is_forbidden() {
    let parts = parts();
    let token = parts.token().scope("orders").roles(&["boss"]).build();
    for service in parts.services() {
        for path in ["/scoped", "/layer/scope", "/handler"] {
            let answer = ask(&service, path, &token);
            let error = "error=\"insufficient_scope\", scope=\"orders:read\"";
            assert_refused(&service, path, &answer, 403, error);
        }
        for path in ["/in-role", "/layer/role"] {
            let answer = ask(&service, path, &token);
            assert_refused(&service, path, &answer, 403, "error=\"insufficient_scope\"");
        }
    }
}

/// actix-web's own `Option` knows no difference between a token that is bad and none.
#[test]
fn in_actix_an_option_of_a_guard_takes_a_bad_token_for_nobody() {
    let parts = parts();
    let service = crate::on_actix::serve(&parts, true);
    let good = parts.token().build();
    for (token, greeted) in [(&*good, "matt of acme"), ("not.a.token", "nobody")] {
        let answer = ask(&service, "/swallowed", token);
        assert_eq!((answer.status, &*answer.body), (200, greeted));
    }
}

#[test]
fn two_authorization_headers_are_a_bad_request() {
    let parts = parts();
    let good = format!("Bearer {}", parts.token().build());
    for service in parts.services() {
        let both = [("authorization", &*good), ("authorization", &*good)];
        let answer = get(service.address, "/bearer", &both);
        let error = "error=\"invalid_request\"";
        assert_refused(&service, "/bearer", &answer, 400, error);
    }
}

/// What one verifier has checked is not good for another of other rules.
#[test]
fn a_token_that_the_middleware_accepts_is_checked_by_the_extractors_own_rules() {
    let parts = parts();
    for service in parts.services() {
        let answer = ask(&service, "/two", &parts.token().build());
        assert_refused(&service, "/two", &answer, 401, "another audience");
    }
}

#[test]
fn without_keys_the_answer_is_503_with_a_time_to_come_again() {
    let without_keys = Verifier::new(
        IssuerId::parse("https://id.test").unwrap(),
        Audience::parse("orders").unwrap(),
        KeySet::default(),
    );
    let parts = Parts {
        verifier: without_keys,
        ..parts()
    };
    for service in parts.services() {
        for path in ["/bearer", "/maybe", "/layer/token"] {
            let answer = ask(&service, path, &parts.token().build());
            assert_eq!(answer.status, 503, "{} {path}", service.name);
            assert_eq!(answer.header("retry-after"), Some("5"));
            assert_eq!(answer.header("www-authenticate"), None);
        }
    }
}

/// In axum such a router does not compile.
#[test]
fn a_guard_without_a_verifier_is_a_500_and_a_line_in_the_log() {
    crate::log::lines();
    let parts = parts();
    let service = crate::on_actix::serve(&parts, false);
    let good = parts.token().build();
    let open = ["/maybe", "/maybe-extractor", "/jwks"];
    // In `/two` there is one, if another's.
    let guarded = GUARDED.into_iter().filter(|path| *path != "/two");
    for path in guarded.chain(open) {
        for token in [&*good, "not.a.token"] {
            let answer = ask(&service, path, token);
            assert_eq!(answer.status, 500, "{path}");
            assert!(!answer.body.contains("matt"), "{}", answer.body);
        }
        assert_eq!(get(service.address, path, &[]).status, 500, "{path}");
    }
    let lines = crate::log::lines();
    for wanted in ["Verifier", "KeyRing"] {
        let logged = lines
            .lines()
            .any(|line| line.contains("ERROR") && line.contains(wanted));
        assert!(logged, "{wanted}: {lines}");
    }
}

#[test]
fn the_public_keys_are_shown_with_an_entity_tag() {
    let parts = parts();
    for service in parts.services() {
        let answer = get(service.address, "/jwks", &[]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let max_age = "public, max-age=300";
        assert_eq!(answer.header("cache-control"), Some(max_age));
        let algorithms = [passgate_auth::jwt::Algorithm::EdDsa];
        let (keys, skipped) = KeySet::from_jwks(answer.body.as_bytes(), &algorithms).unwrap();
        assert_eq!((keys.len(), skipped.len()), (1, 0));

        let etag = answer.header("etag").unwrap();
        for known in [etag, &format!("\"x\", W/{etag}"), "*"] {
            let again = get(service.address, "/jwks", &[("if-none-match", known)]);
            assert_eq!((again.status, &*again.body), (304, ""), "{known}");
            assert_eq!(again.header("etag"), Some(etag));
            assert_eq!(again.header("cache-control"), Some(max_age));
        }
        let other = get(service.address, "/jwks", &[("if-none-match", "\"x\"")]);
        assert_eq!(other.status, 200);
    }
}
