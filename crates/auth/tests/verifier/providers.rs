//! This test binary has both providers of `jsonwebtoken` on, as a host's features may. Then its
//! process-wide default panics; ours is named.

use passgate_auth::jwt::Algorithm;

use crate::forge::{Forger, SECRET, claims, shared_secret, sign_hs256, verifier};

#[test]
fn with_both_providers_on_the_default_panics_and_a_verifier_works() {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let by_default = std::panic::catch_unwind(|| {
        jsonwebtoken::crypto::sign(b"message", &key, jsonwebtoken::Algorithm::HS256)
    });
    assert!(by_default.is_err(), "both providers are on, are they?");

    for alg in Algorithm::ALL {
        let forger = Forger::new(alg);
        assert!(forger.verify(&forger.control()).is_ok(), "{alg}");
    }
    let secret = shared_secret();
    let header = serde_json::json!({"alg": "HS256", "kid": secret.kid().as_str(), "typ": "at+jwt"});
    let token = sign_hs256(
        SECRET.as_bytes(),
        &header.to_string(),
        &claims().to_string(),
    );
    assert!(verifier(secret).verify_now(&token).is_ok());
}
