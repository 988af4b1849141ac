use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{data, key, list, text};
use crate::jwt::VerifyingKey;
use crate::jwt::crypto::RSA_MAX_BYTES;

/// How many vectors have which result, and how many of them verified.
type Tally = BTreeMap<String, (usize, usize)>;

fn hex(value: &Value) -> Vec<u8> {
    let digits = text(value);
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// A number as JWKs have it: of a fixed length, or without leading zeros.
fn number(value: &Value, length: Option<usize>) -> String {
    let bytes = hex(value);
    let first = bytes.iter().position(|byte| *byte > 0).unwrap();
    let mut fixed = vec![0; length.map_or(0, |length| length + first - bytes.len())];
    fixed.extend(&bytes[first..]);
    URL_SAFE_NO_PAD.encode(fixed)
}

/// The JWK of a group, which a few have as numbers only.
fn jwk(group: &Value, alg: &str) -> Value {
    let public = &group["publicKey"];
    let mut jwk = match (&group["publicKeyJwk"], &group["keyJwk"]) {
        (Value::Null, Value::Null) if alg.starts_with("ES") => {
            let (crv, length) = match alg {
                "ES256" => ("P-256", 32),
                _ => ("P-384", 48),
            };
            json!({
                "kty": "EC",
                "crv": crv,
                "x": number(&public["wx"], Some(length)),
                "y": number(&public["wy"], Some(length)),
            })
        }
        (Value::Null, Value::Null) => json!({
            "kty": "RSA",
            "n": number(&public["modulus"], None),
            "e": number(&public["publicExponent"], None),
        }),
        (Value::Null, jwk) | (jwk, _) => jwk.clone(),
    };
    jwk["alg"] = alg.into();
    jwk
}

/// Asks the key of each group for each of its vectors.
fn run(file: &str, group_key: impl Fn(&Value) -> VerifyingKey) -> Vec<(Value, bool)> {
    let document = data(&format!("wycheproof/{file}_test.json"));
    let mut judged = Vec::new();
    for group in list(&document["testGroups"]) {
        let key = group_key(group);
        for vector in list(&group["tests"]) {
            let verified = key.verifies(&hex(&vector["msg"]), &hex(&vector["sig"]));
            judged.push((vector.clone(), verified));
        }
    }
    assert_eq!(json!(judged.len()), document["numberOfTests"]);
    judged
}

fn tally(judged: &[(Value, bool)]) -> Tally {
    let mut tally = Tally::new();
    for (vector, verified) in judged {
        let entry = tally.entry(text(&vector["result"]).to_owned()).or_default();
        entry.0 += 1;
        entry.1 += usize::from(*verified);
    }
    tally
}

/// Every valid vector verifies and no other, the merely acceptable included.
fn all_as_they_say(file: &str, alg: &str) {
    let judged = run(file, |group| key(&jwk(group, alg)).unwrap());
    for (vector, verified) in &judged {
        assert_eq!(*verified, vector["result"] == "valid", "{file}: {vector}");
    }
    let tally = tally(&judged);
    assert!(
        tally["valid"].0 > 0 && tally["invalid"].0 > 0,
        "{file}: {tally:?}"
    );
}

#[test]
fn eddsa() {
    all_as_they_say("ed25519", "EdDSA");
}

#[test]
fn es256_and_es384() {
    all_as_they_say("ecdsa_secp256r1_sha256_p1363", "ES256");
    all_as_they_say("ecdsa_secp384r1_sha384_p1363", "ES384");
}

#[test]
fn rs256_rs384_and_rs512() {
    all_as_they_say("rsa_signature_2048_sha256", "RS256");
    all_as_they_say("rsa_signature_2048_sha384", "RS384");
    all_as_they_say("rsa_signature_2048_sha512", "RS512");
}

#[test]
fn ps256_ps384_and_ps512() {
    all_as_they_say("rsa_pss_2048_sha256_mgf1_32", "PS256");
    all_as_they_say("rsa_pss_2048_sha384_mgf1_48", "PS384");
    const { assert!(RSA_MAX_BYTES >= 4096 / 8) };
    all_as_they_say("rsa_pss_4096_sha512_mgf1_64", "PS512");
}

#[test]
fn a_salt_that_is_not_as_long_as_the_hash_is_refused() {
    let file = "rsa_pss_2048_sha256_mgf1_0";
    let judged = run(file, |group| key(&jwk(group, "PS256")).unwrap());
    for (vector, verified) in judged {
        // RFC 7518 section 3.5: the salt has the length of the hash. One of the vectors that are
        // wrong where there is to be no salt has that length.
        let of_that_length = vector["comment"] == "s_len changed to 32";
        assert_eq!(verified, of_that_length, "{vector}");
    }
}

#[cfg(feature = "shared-secret")]
#[test]
fn hs256_with_whole_tags() {
    use crate::jwt::crypto::HmacKey;

    let document = data("wycheproof/hmac_sha256_test.json");
    let mut verifying = 0;
    for group in list(&document["testGroups"]) {
        // RFC 7518 section 3.2 knows no shortened tags.
        let whole = group["tagSize"] == 256;
        for vector in list(&group["tests"]) {
            let key = HmacKey::new(&hex(&vector["key"]));
            let (message, tag) = (hex(&vector["msg"]), hex(&vector["tag"]));
            let right = whole && vector["result"] == "valid";
            assert_eq!(key.verifies(&message, &tag), right, "{vector}");
            if right {
                assert_eq!(key.sign(&message), Some(tag));
                verifying += 1;
            }
        }
    }
    assert_eq!(verifying, 33);
}
