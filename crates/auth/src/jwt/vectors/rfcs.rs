use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{base64url, data, key, list, text};
use crate::jwt::header::Header;
use crate::jwt::verifier::open;
use crate::jwt::{Algorithm, KeyError, KeySet, SigningKey, VerifyError, VerifyingKey};

/// What becomes of a token whose header names no key: the verifier refuses it, so its signature
/// is asked for without the verifier.
fn judge_unnamed(jws: &str, key: &VerifyingKey) -> Result<(), VerifyError> {
    let refused = open(jws, &KeySet::new([key.clone()]), |_| true).err();
    assert_eq!(refused.unwrap().error, VerifyError::UnknownKey);
    let (signed, signature) = jws.rsplit_once('.').unwrap();
    let header = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().0);
    let header = header.unwrap();
    if !key.is_for(&Header::parse(&header)?.alg) {
        return Err(VerifyError::AlgorithmMismatch);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    if key.verifies(signed.as_bytes(), &signature) {
        Ok(())
    } else {
        Err(VerifyError::BadSignature)
    }
}

fn names_a_key(jws: &str) -> bool {
    let header = jws.split_once('.').map(|(header, _)| header).unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header.get("kid").is_some()
}

/// The outcome in the words of the data.
fn outcome(jwk: &Value, jws: &str) -> &'static str {
    let key = match key(jwk) {
        Ok(key) => key,
        Err(KeyError::Unsupported) => return "unsupported key",
        Err(other) => panic!("{other}"),
    };
    let judged = if jws.starts_with('{') || names_a_key(jws) {
        let keys = KeySet::new([key]);
        let opened = open(jws, &keys, |_| true);
        opened.map(|_| ()).map_err(|refused| refused.error)
    } else {
        judge_unnamed(jws, &key)
    };
    match judged {
        Ok(()) => "signed",
        Err(VerifyError::AlgorithmMismatch) => "other algorithm",
        Err(VerifyError::BadSignature) => "detached",
        Err(VerifyError::Malformed) => "JSON",
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_examples_of_the_rfcs_verify_unless_no_token_of_ours_may_be_so() {
    let examples = data("jose_rfcs.json");
    for example in list(&examples) {
        if example["key"]["kty"] == "oct" && cfg!(not(feature = "shared-secret")) {
            continue;
        }
        let found = outcome(&example["key"], text(&example["jws"]));
        assert_eq!(found, text(&example["outcome"]), "{}", example["example"]);
    }
}

#[test]
fn no_example_verifies_with_a_signature_that_differs() {
    let examples = data("jose_rfcs.json");
    for example in list(&examples) {
        if example["outcome"] != "signed"
            || (example["key"]["kty"] == "oct" && cfg!(not(feature = "shared-secret")))
        {
            continue;
        }
        let (signed, signature) = text(&example["jws"]).rsplit_once('.').unwrap();
        let mut signature = base64url(&signature.into());
        for at in [0, signature.len() / 2, signature.len() - 1] {
            signature[at] ^= 1;
            let changed = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature));
            let found = outcome(&example["key"], &changed);
            assert_eq!(found, "detached", "{} at {at}", example["example"]);
            signature[at] ^= 1;
        }
    }
}

#[test]
fn the_key_of_rfc_8037_signs_its_example() {
    let d = base64url(&"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into());
    // Before the key in PKCS#8: RFC 8410 section 7.
    let head = [
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    let der = [&head[..], &d].concat();
    let key = SigningKey::from_pkcs8_der(Algorithm::EdDsa, &der).unwrap();
    let examples = data("jose_rfcs.json");
    let example = list(&examples)
        .iter()
        .rfind(|example| text(&example["example"]).starts_with("RFC 8037"))
        .unwrap();
    let (signed, signature) = text(&example["jws"]).rsplit_once('.').unwrap();
    let made = key.sign(signed.as_bytes()).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(made), signature);
}
