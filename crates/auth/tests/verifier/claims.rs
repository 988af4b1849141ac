use passgate_auth::jwt::{Algorithm, Forbidden, VerifyError};
use passgate_domain::Role;
use serde_json::{Value, json};
use time::Duration;

use crate::forge::{Forger, NOW};

/// Sets a claim, or takes it away, and returns why the token is refused then.
fn refused(claim: &str, value: Option<Value>) -> VerifyError {
    let forger = Forger::new(Algorithm::EdDsa);
    let token = forger.with_claims(|claims| match value {
        Some(value) => claims[claim] = value,
        None => drop(claims.as_object_mut().unwrap().remove(claim)),
    });
    forger.verify(&token).expect_err("a refusal")
}

#[test]
fn the_control_token_is_accepted() {
    for alg in Algorithm::ALL {
        let forger = Forger::new(alg);
        let verified = forger.verify(&forger.control()).unwrap();
        assert_eq!(verified.subject().as_str(), "matt");
        assert_eq!(verified.token_id(), "t1");
        assert_eq!(verified.kid(), forger.key.kid());
    }
}

#[test]
fn a_token_without_an_audience_or_with_null_for_one_is_refused() {
    assert_eq!(refused("aud", None), VerifyError::MissingClaim("aud"));
    assert_eq!(
        refused("aud", Some(Value::Null)),
        VerifyError::MissingClaim("aud")
    );
}

#[test]
fn a_malformed_audience_is_refused_even_where_it_holds_the_right_one() {
    for bad in [
        json!(123),
        json!(["other", 1]),
        json!(["me", 1]),
        json!({"me": 1}),
        json!(true),
    ] {
        assert_eq!(
            refused("aud", Some(bad.clone())),
            VerifyError::BadClaim("aud"),
            "{bad}"
        );
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    for other in [
        json!("you"),
        json!("Me"),
        json!(""),
        json!([]),
        json!(["you", "them"]),
    ] {
        assert_eq!(
            refused("aud", Some(other.clone())),
            VerifyError::WrongAudience,
            "{other}"
        );
    }
}

#[test]
fn a_token_for_us_among_others_is_accepted() {
    let forger = Forger::new(Algorithm::EdDsa);
    let token = forger.with_claims(|claims| claims["aud"] = json!(["you", "me"]));
    assert!(forger.verify(&token).is_ok());
}

#[test]
fn a_token_without_an_issuer_is_refused() {
    assert_eq!(refused("iss", None), VerifyError::MissingClaim("iss"));
    assert_eq!(
        refused("iss", Some(Value::Null)),
        VerifyError::MissingClaim("iss")
    );
}

#[test]
fn an_issuer_that_is_no_string_is_refused_even_where_it_holds_the_right_one() {
    for bad in [
        json!(42),
        json!(["evil", "good"]),
        json!(["good"]),
        json!({"good": 1}),
    ] {
        assert_eq!(
            refused("iss", Some(bad.clone())),
            VerifyError::BadClaim("iss"),
            "{bad}"
        );
    }
}

#[test]
fn a_token_of_another_issuer_is_refused() {
    for other in ["evil", "Good", "good/", ""] {
        assert_eq!(
            refused("iss", Some(json!(other))),
            VerifyError::WrongIssuer,
            "{other}"
        );
    }
}

#[test]
fn no_claim_that_is_required_may_be_left_out() {
    for claim in ["exp", "iat", "sub", "jti", "iss", "aud"] {
        let (missing, ()) = (VerifyError::MissingClaim(claim), ());
        assert_eq!(refused(claim, None), missing);
        assert_eq!(refused(claim, Some(Value::Null)), missing);
    }
}

#[test]
fn claims_of_the_wrong_type_are_refused() {
    for (claim, bad) in [
        ("sub", json!(7)),
        ("sub", json!("")),
        ("sub", json!("a\nb")),
        ("jti", json!(7)),
        ("jti", json!("")),
        ("exp", json!("1793538000")),
        ("iat", json!("1793538000")),
        ("iat", json!([])),
        ("nbf", json!("now")),
        ("client_id", json!(7)),
        ("scope", json!(["profile"])),
        ("scope", json!("a\tb")),
        ("roles", json!("admin")),
        ("roles", json!(["admin", 7])),
    ] {
        assert!(
            matches!(refused(claim, Some(bad.clone())), VerifyError::BadClaim(named) if named == claim),
            "{claim}: {bad}"
        );
    }
}

#[test]
fn what_a_token_says_is_read() {
    let forger = Forger::new(Algorithm::EdDsa);
    let token = forger.with_claims(|claims| {
        claims["scope"] = json!("profile todos:read");
        claims["roles"] = json!(["admin", "cook"]);
        claims["client_id"] = json!("app");
        claims["sid"] = json!("s1");
    });
    let verified = forger.verify(&token).unwrap();
    assert_eq!(verified.client_id(), Some("app"));
    assert_eq!(verified.session_id(), Some("s1"));
    assert_eq!(verified.issued_at(), NOW);
    assert_eq!(verified.expires_at(), NOW + Duration::minutes(25));
    assert_eq!(verified.scopes().to_string(), "profile todos:read");
    assert!(verified.has_scope("profile") && !verified.has_scope("todos"));
    assert_eq!(verified.require_scope("todos:read"), Ok(()));
    let refused = verified.require_scope("todos").unwrap_err();
    assert_eq!(refused, Forbidden::Scope("todos".to_owned()));
    assert_eq!(
        refused.www_authenticate("a\"pi"),
        "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"todos\""
    );
    let roles: Vec<_> = verified.roles().iter().map(Role::as_str).collect();
    assert_eq!(roles, ["admin", "cook"]);
    assert_eq!(verified.require_role("cook"), Ok(()));
    let refused = verified.require_role("chef").unwrap_err();
    assert_eq!(refused, Forbidden::Role("chef".to_owned()));
    assert_eq!(
        refused.www_authenticate("api"),
        "Bearer realm=\"api\", error=\"insufficient_scope\""
    );
}

/// One role that cannot be read could be the one that keeps somebody out.
#[test]
fn one_role_that_is_none_refuses_the_token() {
    for odd in ["", "a b", "ROLE_ü", "a/b", &"a".repeat(65)] {
        let error = refused("roles", Some(json!(["cook", odd])));
        assert_eq!(error, VerifyError::BadClaim("roles"), "{odd}");
    }
}

#[test]
fn what_a_token_does_not_say_is_not_there() {
    let forger = Forger::new(Algorithm::EdDsa);
    let verified = forger.verify(&forger.control()).unwrap();
    assert_eq!((verified.client_id(), verified.session_id()), (None, None));
    assert_eq!(verified.scopes().to_string(), "");
    assert!(verified.roles().is_empty());
}

#[test]
fn a_claim_given_twice_is_refused() {
    let forger = Forger::new(Algorithm::EdDsa);
    let twice = crate::forge::claims()
        .to_string()
        .replacen('{', r#"{"sub":"eve","#, 1);
    let token = forger.sign(&forger.header().to_string(), &twice);
    assert_eq!(forger.verify(&token).unwrap_err(), VerifyError::Malformed);
}

#[test]
fn claims_that_are_no_object_are_refused() {
    let forger = Forger::new(Algorithm::EdDsa);
    for claims in ["[]", "null", "7", "\"text\"", "", "{", "{} {}"] {
        let token = forger.sign(&forger.header().to_string(), claims);
        assert!(forger.verify(&token).is_err(), "{claims}");
    }
}

#[test]
fn the_applications_claims_are_checked_by_its_type() {
    use crate::forge::{AUDIENCE, ISSUER, NOW};
    use passgate_auth::jwt::{Audience, IssuerId, KeyRing, SigningKey, Verifier};
    use passgate_domain::testing::ManualClock;
    use passgate_domain::token::UserClaims;

    let forger = Forger::new(Algorithm::EdDsa);
    let key = SigningKey::from_pkcs8_der(Algorithm::EdDsa, &forger.key.to_pkcs8_der()).unwrap();
    let verifier: Verifier<UserClaims> = Verifier::builder(
        IssuerId::parse(ISSUER).unwrap(),
        Audience::parse(AUDIENCE).unwrap(),
        KeyRing::new(key),
    )
    .clock(std::sync::Arc::new(ManualClock::at(NOW)))
    .build();
    let verify = |id: Value| verifier.verify_now(&forger.with_claims(|c| c["user_id"] = id));
    assert_eq!(verify(json!(7)).unwrap().extra().user_id.get(), 7);
    for bad in [json!("7"), json!(0), json!(-1), json!(7.5), Value::Null] {
        assert_eq!(
            verify(bad.clone()).unwrap_err(),
            VerifyError::BadExtra,
            "{bad}"
        );
    }
}
