use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::VerifyingKey;
use super::super::crypto::sha256;
use super::MAX_AGE;

/// A JWK Set ready to send: public keys only. Cheap to clone.
#[derive(Debug, Clone)]
pub struct JwksDocument {
    body: Arc<str>,
    etag: Arc<str>,
    max_age: Duration,
}

impl JwksDocument {
    /// The set without keys, which is what an issuer with a shared secret shows.
    pub fn empty() -> Self {
        Self::of([], MAX_AGE)
    }

    pub(super) fn of<'a>(
        keys: impl IntoIterator<Item = &'a VerifyingKey>,
        max_age: Duration,
    ) -> Self {
        let keys: Vec<Value> = keys.into_iter().filter_map(VerifyingKey::to_jwk).collect();
        let body = json!({ "keys": keys }).to_string();
        let etag = URL_SAFE_NO_PAD.encode(&sha256(body.as_bytes())[..16]);
        Self {
            body: body.into(),
            etag: etag.into(),
            max_age,
        }
    }

    pub(super) fn not_to_be_cached(&self) -> Self {
        Self {
            max_age: Duration::ZERO,
            ..self.clone()
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

    /// How long others may keep it without asking, in whole seconds: `max-age` of
    /// `Cache-Control`. Zero while nobody knows whether it is still right.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// The same as the value of `Cache-Control`.
    pub fn cache_control(&self) -> String {
        match self.max_age.as_secs() {
            0 => "no-cache".to_owned(),
            seconds => format!("public, max-age={seconds}"),
        }
    }
}
