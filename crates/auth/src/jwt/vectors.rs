//! Signatures and keys that others published, good and bad. What is where, from whom, and what
//! is left out: `tests/data/README.md`.

mod rfcs;
mod wycheproof;
mod wycheproof_jose;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{KeyError, VerifyingKey};
#[cfg(feature = "shared-secret")]
use super::{Kid, crypto::HmacKey};

/// A name for keys that came without.
const KID: &str = "vector";

fn data(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn base64url(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text(value)).unwrap()
}

/// The key of a JWK. A symmetric one is a shared secret, which no JWK Set of ours may hold.
fn key(jwk: &Value) -> Result<VerifyingKey, KeyError> {
    let mut jwk = jwk.clone();
    if jwk["kid"].is_null() {
        jwk["kid"] = KID.into();
    }
    #[cfg(feature = "shared-secret")]
    if jwk["kty"] == "oct" {
        let kid = Kid::parse(text(&jwk["kid"])).unwrap();
        let secret = HmacKey::new(&base64url(&jwk["k"]));
        return Ok(VerifyingKey::of_shared_secret(kid, secret));
    }
    VerifyingKey::from_jwk(&jwk.to_string())
}
