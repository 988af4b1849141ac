//! One verifier for several issuers: each token by its own issuer's rules.

use std::sync::Arc;

use passgate_auth::jwt::{
    Algorithm, Audience, DuplicateIssuer, IssuerId, KeyRing, SigningKey, Verifier, VerifyError,
};
use passgate_domain::testing::ManualClock;
use serde_json::json;

use crate::forge::{Forger, NOW};

fn verifier(issuer: &str, audience: &str, forger: &Forger) -> Verifier {
    let der = forger.key.to_pkcs8_der();
    let key = SigningKey::from_pkcs8_der(forger.alg, &der).unwrap();
    Verifier::builder(
        IssuerId::parse(issuer).unwrap(),
        Audience::parse(audience).unwrap(),
        KeyRing::new(key),
    )
    .clock(Arc::new(ManualClock::at(NOW)))
    .build()
}

#[test]
fn a_token_is_judged_by_the_rules_of_the_issuer_that_it_names() {
    let (one, two) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::Es256));
    let both = Verifier::for_issuers([
        verifier("one", "first", &one),
        verifier("two", "second", &two),
    ])
    .unwrap();
    let token = |forger: &Forger, iss: &str, aud: &str| {
        forger.with_claims(|claims| (claims["iss"], claims["aud"]) = (json!(iss), json!(aud)))
    };
    assert!(both.verify_now(&token(&one, "one", "first")).is_ok());
    assert!(both.verify_now(&token(&two, "two", "second")).is_ok());
    for (forged, expected) in [
        (token(&one, "two", "second"), VerifyError::UnknownKey),
        (token(&two, "one", "first"), VerifyError::UnknownKey),
        (token(&one, "one", "second"), VerifyError::WrongAudience),
        (token(&one, "three", "first"), VerifyError::WrongIssuer),
    ] {
        assert_eq!(both.verify_now(&forged).unwrap_err(), expected);
    }
}

/// The key's name is an issuer's own affair: another's key of that name verifies nothing.
#[test]
fn a_kid_that_two_issuers_use_is_each_ones_own() {
    let (one, two) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::EdDsa));
    let both =
        Verifier::for_issuers([verifier("one", "me", &one), verifier("two", "me", &two)]).unwrap();
    let mut header = one.header();
    header["kid"] = json!(two.key.kid().as_str());
    let mut claims = crate::forge::claims();
    claims["iss"] = json!("two");
    let forged = one.sign(&header.to_string(), &claims.to_string());
    assert_eq!(
        both.verify_now(&forged).unwrap_err(),
        VerifyError::BadSignature
    );
}

#[test]
fn what_names_no_issuer_is_refused() {
    let (one, two) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::EdDsa));
    let both =
        Verifier::for_issuers([verifier("one", "me", &one), verifier("two", "me", &two)]).unwrap();
    for bad in [
        json!(null),
        json!(7),
        json!(["one"]),
        json!({"one": 1}),
        json!(""),
    ] {
        let token = one.with_claims(|claims| claims["iss"] = bad.clone());
        assert!(both.verify_now(&token).is_err(), "{bad}");
    }
    for bad in ["", ".", "a", "a.b.c", "..", &"a.".repeat(5000)] {
        assert!(both.verify_now(bad).is_err(), "{bad}");
    }
    let none: Verifier = Verifier::for_issuers([]).unwrap();
    assert_eq!(
        none.verify_now(&one.control()).unwrap_err(),
        VerifyError::WrongIssuer
    );
}

#[test]
fn a_verifier_shows_whose_tokens_it_takes() {
    let forger = Forger::new(Algorithm::EdDsa);
    let both = [verifier("one", "a", &forger), verifier("two", "b", &forger)];
    let shown = format!("{:?}", Verifier::for_issuers(both).unwrap());
    assert!(shown.contains("one") && shown.contains("two"), "{shown}");
}

#[test]
fn one_issuer_has_one_set_of_rules() {
    let forger = Forger::new(Algorithm::EdDsa);
    let twice = [verifier("one", "a", &forger), verifier("one", "b", &forger)];
    assert_eq!(
        Verifier::for_issuers(twice).unwrap_err(),
        DuplicateIssuer(IssuerId::parse("one").unwrap())
    );
}
