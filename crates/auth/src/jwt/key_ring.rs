use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::crypto::sha256;
use super::{KeySet, KeySource, SigningKey, VerifyingKey};

/// The keys of an issuer: one that signs, and all that verify. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyRing(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    active: SigningKey,
    keys: KeySet,
    jwks: JwksDocument,
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(active: SigningKey) -> Self {
        Self::with_published(active, Vec::new())
    }

    /// A ring whose `published` keys sign nothing and still verify.
    pub fn with_published(active: SigningKey, published: Vec<VerifyingKey>) -> Self {
        let verifying: Vec<VerifyingKey> = std::iter::once(active.verifying_key())
            .chain(published)
            .collect();
        let jwks = JwksDocument::of(&verifying);
        let keys = KeySet::new(verifying);
        Self(Arc::new(Ring { active, keys, jwks }))
    }

    /// The key that signs.
    pub fn active(&self) -> &SigningKey {
        &self.0.active
    }

    /// The public keys as others read them.
    pub fn jwks(&self) -> JwksDocument {
        self.0.jwks.clone()
    }
}

impl KeySource for KeyRing {
    fn snapshot(&self) -> KeySet {
        self.0.keys.clone()
    }
}

/// A JWK Set ready to send: public keys only. Cheap to clone.
#[derive(Debug, Clone)]
pub struct JwksDocument {
    body: Arc<str>,
    etag: Arc<str>,
}

impl JwksDocument {
    /// The set without keys, which is what an issuer with a shared secret shows.
    pub fn empty() -> Self {
        Self::of(&[])
    }

    fn of(keys: &[VerifyingKey]) -> Self {
        let keys: Vec<Value> = keys.iter().filter_map(VerifyingKey::to_jwk).collect();
        let body = json!({ "keys": keys }).to_string();
        let etag = URL_SAFE_NO_PAD.encode(&sha256(body.as_bytes())[..16]);
        Self {
            body: body.into(),
            etag: etag.into(),
        }
    }

    /// The JSON.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// A strong entity tag of the body, without quotes.
    pub fn etag(&self) -> &str {
        &self.etag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Algorithm;

    #[test]
    fn retired_keys_are_published_and_private_parts_are_not() {
        let old = SigningKey::generate(Algorithm::Es256).unwrap();
        let ring = KeyRing::with_published(
            SigningKey::generate(Algorithm::EdDsa).unwrap(),
            vec![old.verifying_key()],
        );
        let body = ring.jwks().body().to_owned();
        let (read, skipped) = KeySet::from_jwks(body.as_bytes(), &Algorithm::ALL).unwrap();
        assert_eq!((read.len(), skipped.len()), (2, 0));
        assert!(!body.contains("\"d\""));
    }

    #[test]
    fn the_entity_tag_changes_with_the_keys() {
        let ring = || KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
        assert_ne!(ring().jwks().etag(), ring().jwks().etag());
        assert_eq!(JwksDocument::empty().body(), r#"{"keys":[]}"#);
    }
}
