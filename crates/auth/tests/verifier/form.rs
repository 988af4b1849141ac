use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use passgate_auth::jwt::{
    Algorithm, Audience, IssueError, Issuer, IssuerId, KeyRing, KeySet, SigningKey, Subject, Ttl,
    Verifier, VerifyError,
};
use passgate_domain::testing::ManualClock;
use serde_json::json;

use crate::forge::{self, Forger};

fn forger() -> Forger {
    Forger::new(Algorithm::EdDsa)
}

/// RFC 9864 calls it so.
#[test]
fn eddsa_may_be_called_ed25519() {
    let forger = forger();
    let token = forger.with_header(|header| header["alg"] = json!("Ed25519"));
    assert!(forger.verify(&token).is_ok());
    let token = forger.with_header(|header| header["alg"] = json!("Ed448"));
    let error = forger.verify(&token).unwrap_err();
    assert_eq!(error, VerifyError::AlgorithmMismatch);
}

#[test]
fn escapes_in_a_header_and_in_claims_are_read() {
    let forger = forger();
    let kid = forger.key.kid().as_str();
    let header = format!(r#"{{"\u0061lg":"\u0045dDSA","kid":"{kid}","typ":"at\u002bjwt"}}"#);
    let claims = forge::claims().to_string().replace("matt", r"m\u0061tt");
    let verified = forger.verify(&forger.sign(&header, &claims)).unwrap();
    assert_eq!(verified.subject().as_str(), "matt");
}

#[test]
fn critical_header_parameters_are_refused() {
    let forger = forger();
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!(null)] {
        let token = forger.with_header(|header| header["crit"] = crit.clone());
        assert_eq!(
            forger.verify(&token).unwrap_err(),
            VerifyError::CriticalHeader,
            "{crit}"
        );
    }
}

#[test]
fn another_kind_of_token_is_refused() {
    let forger = forger();
    for typ in ["refresh+jwt", "JWT", "at+jwt ", "logout+jwt", ""] {
        let token = forger.with_header(|header| header["typ"] = json!(typ));
        assert_eq!(
            forger.verify(&token).unwrap_err(),
            VerifyError::WrongType,
            "{typ}"
        );
    }
    let without = forger.with_header(|header| drop(header.as_object_mut().unwrap().remove("typ")));
    assert_eq!(forger.verify(&without).unwrap_err(), VerifyError::WrongType);
}

#[test]
fn a_kid_that_names_no_key_of_ours_is_refused() {
    let forger = forger();
    for kid in [
        json!("other"),
        json!(""),
        json!("../../dev/null"),
        json!("' OR 1=1 --"),
    ] {
        let token = forger.with_header(|header| header["kid"] = kid.clone());
        assert_eq!(
            forger.verify(&token).unwrap_err(),
            VerifyError::UnknownKey,
            "{kid}"
        );
    }
    let without = forger.with_header(|header| drop(header.as_object_mut().unwrap().remove("kid")));
    assert_eq!(
        forger.verify(&without).unwrap_err(),
        VerifyError::UnknownKey
    );
    let number = forger.with_header(|header| header["kid"] = json!(7));
    assert_eq!(forger.verify(&number).unwrap_err(), VerifyError::Malformed);
}

#[test]
fn keys_that_a_token_brings_along_are_never_used() {
    let ours = forger();
    let theirs = forger();
    let jwk: serde_json::Value = serde_json::from_str(&theirs.key.public_jwk()).unwrap();
    for member in ["jwk", "jku", "x5u", "x5c"] {
        let token = theirs.with_header(|header| {
            header[member] = if member == "jwk" {
                jwk.clone()
            } else {
                json!("https://evil")
            };
            header["kid"] = json!(ours.key.kid().as_str());
        });
        assert_eq!(
            ours.verify(&token).unwrap_err(),
            VerifyError::BadSignature,
            "{member}"
        );
    }
}

#[test]
fn every_changed_character_is_refused() {
    for alg in Algorithm::ALL {
        let forger = Forger::new(alg);
        let token = forger.control();
        let verifier = forger.verifier();
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(verifier.verify_now(&changed).is_err(), "{alg} at {place}");
        }
    }
}

#[test]
fn a_token_has_one_spelling() {
    let forger = forger();
    let token = forger.control();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // The last character of 64 bytes has four bits to spare.
    let stray = {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (head, last) = signature.split_at(signature.len() - 1);
        let value = ALPHABET
            .iter()
            .position(|c| *c == last.as_bytes()[0])
            .unwrap();
        format!("{head}{}", char::from(ALPHABET[value | 1]))
    };
    assert_ne!(stray, signature);
    for other in [
        URL_SAFE.encode(&bytes),
        STANDARD.encode(&bytes),
        stray,
        format!("{signature}="),
    ] {
        let respelt = format!("{message}.{other}");
        assert_eq!(
            forger.verify(&respelt).unwrap_err(),
            VerifyError::Malformed,
            "{other}"
        );
    }
    for padded in [
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
    ] {
        assert!(forger.verify(&padded).is_err(), "{padded:?}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let forger = forger();
    let token = forger.control();
    let parts: Vec<&str> = token.split('.').collect();
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        "é.é.é".into(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!("{}..{}.{}", parts[0], parts[1], parts[2]),
        format!(".{}.{}", parts[1], parts[2]),
    ] {
        assert!(forger.verify(&bad).is_err(), "{bad}");
    }
}

/// A good token that is as long as it is told to be.
fn token_of(forger: &Forger, length: usize) -> String {
    let claims = forge::claims().to_string();
    let fill = (length - forger.control().len()) * 3 / 4;
    // Space before the end of a JSON text means nothing, and not every length is one of base64's.
    let spaces = (0..3).flat_map(|header| (fill - 3..fill + 3).map(move |claims| (header, claims)));
    spaces
        .map(|(of_header, of_claims)| {
            let header = format!("{}{}", forger.header(), " ".repeat(of_header));
            forger.sign(&header, &format!("{claims}{}", " ".repeat(of_claims)))
        })
        .find(|token| token.len() == length)
        .unwrap()
}

#[test]
fn eight_kibibytes_are_read_and_not_one_byte_more() {
    let forger = forger();
    let of_many = Verifier::for_issuers([
        forger.verifier(),
        forge::verifier_of("other", KeySet::default()),
    ])
    .unwrap();
    for verifier in [forger.verifier(), of_many] {
        assert!(verifier.verify_now(&token_of(&forger, 8192)).is_ok());
        let refused = verifier.verify_now(&token_of(&forger, 8193)).unwrap_err();
        assert_eq!(refused, VerifyError::TooLong);
    }
}

#[test]
fn what_no_verifier_reads_is_not_issued() {
    let forger = forger();
    let der = forger.key.to_pkcs8_der();
    let ring = KeyRing::new(SigningKey::from_pkcs8_der(forger.alg, &der).unwrap());
    let issuer = Issuer::new(
        IssuerId::parse(forge::ISSUER).unwrap(),
        ring,
        Ttl::try_new(std::time::Duration::from_mins(25)).unwrap(),
        Arc::new(ManualClock::at(forge::NOW)),
    );
    let (subject, audience) = (
        Subject::parse("matt").unwrap(),
        Audience::parse(forge::AUDIENCE).unwrap(),
    );
    let issue = |bytes: usize| {
        let extra = json!({"padding": "a".repeat(bytes)});
        issuer.access(&subject, &audience).extra(&extra).sign()
    };
    let longest = (5000..6100).rev().find_map(|bytes| issue(bytes).ok());
    let token = longest.unwrap();
    assert!(token.as_str().len() > 8192 - 4);
    assert!(forger.verify(token.as_str()).is_ok());
    for bytes in [6100, 20_000] {
        let refused = issue(bytes).unwrap_err();
        assert!(matches!(refused, IssueError::TooLong(length) if length > 8192));
    }
}

#[test]
fn a_header_given_twice_or_not_an_object_is_refused() {
    let forger = forger();
    let claims = forge::claims().to_string();
    let twice = forger
        .header()
        .to_string()
        .replacen('{', r#"{"alg":"none","#, 1);
    for header in [twice.as_str(), "[]", "null", "", "{", "{}"] {
        assert!(
            forger.verify(&forger.sign(header, &claims)).is_err(),
            "{header}"
        );
    }
}

#[test]
fn without_keys_the_fault_is_ours() {
    let forger = forger();
    let verifier = forge::verifier(KeySet::new([]));
    let error = verifier.verify_now(&forger.control()).unwrap_err();
    assert_eq!(error, VerifyError::KeysUnavailable);
}

#[test]
fn no_refusal_repeats_the_token() {
    let forger = forger();
    let token = forger.with_claims(|claims| claims["aud"] = json!("topsecret"));
    let error = forger.verify(&token).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("topsecret"));
}
