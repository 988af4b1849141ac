use serde_json::Value;

use super::{data, list, text};
use crate::jwt::verifier::open;
use crate::jwt::{Algorithm, KeySet};

/// The vectors of a file, each with the key or the key set of its group.
fn vectors(file: &str) -> Vec<(Value, Value)> {
    let document = data(&format!("wycheproof/{file}"));
    let mut vectors = Vec::new();
    for group in list(&document["testGroups"]) {
        let keys = match &group["public"] {
            Value::Null => &group["private"],
            public => public,
        };
        let of_group = list(&group["tests"]).iter();
        vectors.extend(of_group.map(|vector| (vector.clone(), keys.clone())));
    }
    assert_eq!(document["numberOfTests"], vectors.len());
    vectors
}

#[cfg(feature = "shared-secret")]
#[test]
fn tokens_of_wycheproof() {
    for (vector, jwk) in vectors("json_web_signature_test.json") {
        let verified = super::key(&jwk).is_ok_and(|key| {
            // The JSON serialization is an object there.
            let jws = match &vector["jws"] {
                Value::String(compact) => compact.clone(),
                other => other.to_string(),
            };
            open(&jws, &KeySet::new([key]), |_| true).is_ok()
        });
        let expected = match vector["tcId"].as_u64().unwrap() {
            // They are said to have padding, but do not: the text is that of a valid token.
            367 | 370 => true,
            // The key is for PS256 and the token for PS384; P-521; and a character that is not of
            // the alphabet of base64 (RFC 4648 section 3.3).
            346 | 350 | 347 | 351 | 372 | 373 => false,
            _ => vector["result"] == "valid",
        };
        assert_eq!(verified, expected, "{vector} with {jwk}");
    }
}

#[test]
fn key_sets_of_wycheproof() {
    for (vector, jwks) in vectors("json_web_key_test.json") {
        let read = KeySet::from_jwks(jwks.to_string().as_bytes(), &Algorithm::ALL);
        let verified =
            read.is_ok_and(|(keys, _)| open(text(&vector["jws"]), &keys, |_| true).is_ok());
        let expected = match vector["tcId"].as_u64().unwrap() {
            // Secrets, which are in no set of public keys.
            2 | 13..=15 => false,
            // A modulus that a broken generator made, which cannot be told by its size.
            7 => true,
            _ => vector["result"] == "valid",
        };
        assert_eq!(verified, expected, "{vector} with {jwks}");
    }
}
