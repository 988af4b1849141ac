use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_domain::{Clock, SystemClock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::crypto::HmacKey;
use super::{
    Algorithm, Audience, IssuerId, KeyRing, KeySet, SigningKey, Verifier, VerifierBuilder,
};

mod token;

pub use token::TestToken;

/// A clock that stands still until it is moved. Cheap to clone; clones show the same time.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<Mutex<OffsetDateTime>>);

impl FixedClock {
    /// A clock that stands at `now`.
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An issuer for tests of services that check tokens. What it makes goes through real
/// signatures, and so does what it makes wrong.
pub struct TestIssuer {
    issuer: String,
    audience: String,
    key: SigningKey,
    other_key: SigningKey,
    clock: Arc<dyn Clock>,
}

impl TestIssuer {
    /// An issuer of this name, whose tokens are for this audience, with a key of its own.
    ///
    /// # Panics
    /// If a name is none, or there is no randomness for a key.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn new(issuer: &str, audience: &str) -> Self {
        let key = || SigningKey::generate(Algorithm::EdDsa).expect("a key");
        IssuerId::parse(issuer).expect("the name of an issuer");
        Audience::parse(audience).expect("the name of an audience");
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            key: key(),
            other_key: key(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Another algorithm than EdDSA, with a new key.
    ///
    /// # Panics
    /// If there is no randomness for a key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Self {
        let key = || SigningKey::generate(algorithm).expect("a key");
        (self.key, self.other_key) = (key(), key());
        self
    }

    /// Another clock than the machine's, for tokens and for verifiers.
    #[must_use]
    pub fn with_clock(mut self, clock: FixedClock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A verifier of this issuer's tokens.
    pub fn verifier<X: DeserializeOwned>(&self) -> Verifier<X> {
        self.verifier_builder().build()
    }

    /// A verifier of this issuer's tokens whose rules are to be narrowed.
    ///
    /// # Panics
    /// Never: the names were checked before.
    #[expect(clippy::expect_used, reason = "checked by `new`")]
    pub fn verifier_builder<X: DeserializeOwned>(&self) -> VerifierBuilder<X> {
        let issuer = IssuerId::parse(&self.issuer).expect("the name of an issuer");
        let audience = Audience::parse(&self.audience).expect("the name of an audience");
        Verifier::builder(issuer, audience, self.keys()).clock(Arc::clone(&self.clock))
    }

    /// The public keys.
    pub fn keys(&self) -> KeySet {
        KeySet::new([self.key.verifying_key()])
    }

    /// The keys as an issuer has them, to be shown as a JWK Set.
    ///
    /// # Panics
    /// Never: the key was read before.
    #[expect(clippy::expect_used, reason = "the key was made by `new`")]
    pub fn key_ring(&self) -> KeyRing {
        let der = self.key.to_pkcs8_der();
        KeyRing::new(SigningKey::from_pkcs8_der(self.key.algorithm(), &der).expect("a key"))
    }

    /// A good token about somebody, good for ten minutes, to be made otherwise or to be made
    /// wrong.
    pub fn token(&self, subject: &str) -> TestToken<'_> {
        TestToken::new(self, subject)
    }

    /// A token for each way to be wrong, with the way's name. A guard refuses all of them.
    pub fn every_invalid_token(&self, subject: &str) -> Vec<(&'static str, String)> {
        TestToken::every_invalid(|| self.token(subject))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::jwt::{NoExtra, VerifyError};
    use time::macros::datetime;

    #[test]
    fn every_invalid_token_is_refused_for_its_own_reason() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
            let issuer = TestIssuer::new("https://id.test", "orders").with_algorithm(algorithm);
            let verifier = issuer.verifier::<NoExtra>();
            let good = verifier.verify_now(&issuer.token("matt").scope("a b").build());
            assert!(good.unwrap().has_scope("b"), "{algorithm}");
            let mut reasons = HashSet::new();
            for (way, token) in issuer.every_invalid_token("matt") {
                reasons.insert(verifier.verify_now(&token).expect_err(way).to_string());
            }
            // Some share one: a wrong key and a changed claim are both a wrong signature.
            assert!(reasons.len() >= 15, "{algorithm}: {reasons:?}");
        }
    }

    /// A verifier that takes its algorithm from the header, and its key for a secret, takes it.
    #[test]
    fn a_token_signed_with_the_public_key_is_good_for_whoever_holds_that_for_a_secret() {
        for algorithm in Algorithm::ALL {
            let issuer = TestIssuer::new("https://id.test", "orders").with_algorithm(algorithm);
            let token = issuer.token("matt").signed_with_public_key().build();
            let error = issuer.verifier::<NoExtra>().verify_now(&token).unwrap_err();
            assert_eq!(error, VerifyError::AlgorithmMismatch);
            let (message, tag) = token.rsplit_once('.').unwrap();
            let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
            let public = HmacKey::new(issuer.key.public_jwk().as_bytes());
            assert!(public.verifies(message.as_bytes(), &tag), "{algorithm}");
            let header = URL_SAFE_NO_PAD.decode(message.split('.').next().unwrap());
            let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
            assert_eq!(header["alg"], "HS256");
        }
    }

    #[test]
    fn a_clock_that_is_moved_ends_a_token() {
        let clock = FixedClock::at(datetime!(2026-11-01 12:00 UTC));
        let issuer = TestIssuer::new("https://id.test", "orders").with_clock(clock.clone());
        let verifier = issuer.verifier::<NoExtra>();
        let token = issuer
            .token("matt")
            .expires_in(Duration::from_mins(1))
            .build();
        assert!(verifier.verify_now(&token).is_ok());
        clock.advance(Duration::from_secs(90));
        let error = verifier.verify_now(&token).unwrap_err();
        assert_eq!(error, VerifyError::Expired);
    }
}
