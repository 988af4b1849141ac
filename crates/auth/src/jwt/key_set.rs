use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Algorithm, KeyError, Kid, VerifyingKey};

/// Public keys by name: a snapshot that never changes.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Arc<HashMap<String, VerifyingKey>>);

/// A key of a JWK Set that was left out, and why. The others are not hurt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in the set, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: KeyError,
}

impl KeySet {
    /// Puts keys together; of two with one name the first stays.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        let mut by_kid = HashMap::new();
        for key in keys {
            by_kid.entry(key.kid().as_str().to_owned()).or_insert(key);
        }
        Self(Arc::new(by_kid))
    }

    /// Reads a JWK Set (RFC 7517 section 5) key by key: one that is broken, private or of a
    /// kind unknown here is skipped and reported. A name that two of the others have is skipped
    /// both times, since nobody can tell which key is meant.
    ///
    /// # Errors
    /// [`KeyError::NotJson`] if the text is no JWK Set at all.
    pub fn from_jwks(json: &[u8], allow: &[Algorithm]) -> Result<(Self, Vec<Skipped>), KeyError> {
        let document: Value = serde_json::from_slice(json).map_err(|_| KeyError::NotJson)?;
        let entries = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeyError::NotJson)?;
        let mut keys: HashMap<String, VerifyingKey> = HashMap::new();
        let mut skipped = Vec::new();
        let read: Vec<Result<VerifyingKey, KeyError>> =
            entries.iter().map(|entry| read(entry, allow)).collect();
        let mut uses: HashMap<Kid, usize> = HashMap::new();
        for key in read.iter().flatten() {
            *uses.entry(key.kid().clone()).or_default() += 1;
        }
        for (index, key) in read.into_iter().enumerate() {
            match key {
                Ok(key) if uses.get(key.kid()) == Some(&1) => {
                    keys.insert(key.kid().as_str().to_owned(), key);
                }
                Ok(_) => skipped.push(Skipped {
                    index,
                    reason: KeyError::DuplicateKid,
                }),
                Err(reason) => skipped.push(Skipped { index, reason }),
            }
        }
        Ok((Self(Arc::new(keys)), skipped))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a key of this name.
    pub fn contains(&self, kid: &Kid) -> bool {
        self.find(kid.as_str()).is_some()
    }

    /// Whether both are the same snapshot, not only equal.
    #[cfg(feature = "token-cache")]
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0.get(kid)
    }
}

fn read(entry: &Value, allow: &[Algorithm]) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_jwk_object(entry.as_object().ok_or(KeyError::NotJson)?, allow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::SigningKey;

    fn jwks(keys: &[String]) -> Vec<u8> {
        format!("{{\"keys\":[{}]}}", keys.join(",")).into_bytes()
    }

    #[test]
    fn one_broken_key_does_not_hurt_the_others() {
        let good = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let keys = [
            r#"{"kty":"AKP","kid":"pq","alg":"ML-DSA-44","pub":"AA"}"#.to_owned(),
            r#"{"kty":"OKP","crv":"Ed25519","kid":7,"x":"AA"}"#.to_owned(),
            r#"{"kty":"oct","kid":"secret","k":"AAAA"}"#.to_owned(),
            "7".to_owned(),
            good.public_jwk(),
        ];
        let (set, skipped) = KeySet::from_jwks(&jwks(&keys), &Algorithm::ALL).unwrap();
        assert_eq!(set.len(), 1);
        assert!(set.contains(good.kid()) && !set.contains(&Kid::parse("pq").unwrap()));
        assert_eq!(
            skipped.iter().map(|s| s.index).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
        assert_eq!(skipped[2].reason, KeyError::Private);
    }

    #[test]
    fn a_name_given_twice_names_no_key() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap().public_jwk();
        let (set, skipped) =
            KeySet::from_jwks(&jwks(&[key.clone(), key]), &Algorithm::ALL).unwrap();
        assert!(set.is_empty());
        assert!(skipped.iter().all(|s| s.reason == KeyError::DuplicateKid));
    }

    #[test]
    fn a_name_that_a_key_of_no_use_has_too_is_still_a_name() {
        let good = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let other = |member: &str, value: &str| {
            let mut jwk: Value = serde_json::from_str(&good.public_jwk()).unwrap();
            jwk[member] = value.into();
            jwk.to_string()
        };
        for (member, value) in [("use", "enc"), ("x", "AA"), ("crv", "X25519"), ("d", "AA")] {
            let keys = jwks(&[other(member, value), good.public_jwk()]);
            let (set, skipped) = KeySet::from_jwks(&keys, &Algorithm::ALL).unwrap();
            assert!(set.contains(good.kid()), "{member}");
            assert_eq!(skipped.iter().map(|s| s.index).collect::<Vec<_>>(), [0]);
        }
    }

    #[test]
    fn an_algorithm_that_is_not_allowed_is_skipped() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap().public_jwk();
        let (set, skipped) = KeySet::from_jwks(&jwks(&[key]), &[Algorithm::EdDsa]).unwrap();
        assert!(set.is_empty());
        assert_eq!(skipped[0].reason, KeyError::NotAllowed);
    }

    #[test]
    fn what_is_no_key_set_is_an_error() {
        for bad in ["", "[]", "{}", r#"{"keys":{}}"#] {
            let refused = KeySet::from_jwks(bad.as_bytes(), &Algorithm::ALL).unwrap_err();
            assert_eq!(refused, KeyError::NotJson, "{bad}");
        }
    }
}
