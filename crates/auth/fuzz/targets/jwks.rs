//! Any bytes as a JWK Set. Each entry is either a key or skipped, and a key is one that a
//! verifier can ask without a panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use passgate_auth::jwt::{
    Algorithm, Audience, IssuerId, KeySet, NoExtra, Verifier, VerifyError, VerifyingKey,
};
use serde_json::Value;

/// A token of each key in the seeds, whose `kid` is the algorithm's name.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let token = |algorithm: Algorithm| {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let header = format!(r#"{{"alg":"{algorithm}","kid":"{algorithm}","typ":"at+jwt"}}"#);
        let length = match algorithm {
            Algorithm::EdDsa | Algorithm::Es256 => 64,
            Algorithm::Es384 => 96,
            _ => 256,
        };
        let signature = URL_SAFE_NO_PAD.encode(vec![1; length]);
        format!("{}.e30.{signature}", URL_SAFE_NO_PAD.encode(header))
    };
    Algorithm::ALL.into_iter().map(token).collect()
});

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = str::from_utf8(input) {
        let _ = VerifyingKey::from_jwk(text);
    }
    let Ok((keys, skipped)) = KeySet::from_jwks(input, &Algorithm::ALL) else {
        return;
    };
    let document: Value = serde_json::from_slice(input).unwrap();
    let entries = document["keys"].as_array().unwrap().len();
    assert_eq!(keys.len() + skipped.len(), entries);
    let verifier = Verifier::<NoExtra>::new(
        IssuerId::parse("https://id.example").unwrap(),
        Audience::parse("api").unwrap(),
        keys,
    );
    for token in &*TOKENS {
        let refused = verifier.verify_now(token).unwrap_err();
        assert!(matches!(
            refused,
            VerifyError::BadSignature
                | VerifyError::UnknownKey
                | VerifyError::AlgorithmMismatch
                | VerifyError::KeysUnavailable
        ));
    }
});
