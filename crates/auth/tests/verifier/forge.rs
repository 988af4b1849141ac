//! Tokens made by hand, good and bad.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm as Alg, EncodingKey};
use passgate_auth::jwt::{
    Algorithm, Audience, IssuerId, KeyRing, KeySource, SharedSecret, SigningKey, Verified,
    Verifier, VerifyError,
};
use passgate_domain::testing::ManualClock;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
pub(crate) const ISSUER: &str = "good";
pub(crate) const AUDIENCE: &str = "me";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A key that signs anything, under any header.
pub(crate) struct Forger {
    pub(crate) key: SigningKey,
    pub(crate) alg: Algorithm,
}

impl Forger {
    pub(crate) fn new(alg: Algorithm) -> Self {
        Self {
            key: SigningKey::generate(alg).unwrap(),
            alg,
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.alg.as_str(), "kid": self.key.kid().as_str(), "typ": "at+jwt"})
    }

    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let der = self.key.to_pkcs8_der();
        let alg = Alg::from_str(self.alg.as_str()).unwrap();
        let key = match self.alg {
            Algorithm::EdDsa => EncodingKey::from_ed_der(&der),
            Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_der(&der),
            _ => EncodingKey::from_rsa_pem(self.key.to_pem().expose_secret().as_bytes()).unwrap(),
        };
        sign_with(alg, &key, header, claims)
    }

    /// The control token with something changed in its claims.
    pub(crate) fn with_claims(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// The control token with something changed in its header.
    pub(crate) fn with_header(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header();
        change(&mut header);
        self.sign(&header.to_string(), &claims().to_string())
    }

    pub(crate) fn control(&self) -> String {
        self.with_claims(|_| ())
    }

    pub(crate) fn verifier(&self) -> Verifier {
        let der = self.key.to_pkcs8_der();
        verifier(KeyRing::new(
            SigningKey::from_pkcs8_der(self.alg, &der).unwrap(),
        ))
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Verified, VerifyError> {
        self.verifier().verify_now(token)
    }
}

pub(crate) fn sign_with(alg: Alg, key: &EncodingKey, header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signer = (DEFAULT_PROVIDER.signer_factory)(&alg, key).unwrap();
    let signature = signer.try_sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn sign_hs256(secret: &[u8], header: &str, claims: &str) -> String {
    sign_with(
        Alg::HS256,
        &EncodingKey::from_secret(secret),
        header,
        claims,
    )
}

pub(crate) fn shared_secret() -> SharedSecret {
    SharedSecret::parse(&SecretString::from(SECRET)).unwrap()
}

pub(crate) fn verifier(keys: impl KeySource) -> Verifier {
    verifier_of(ISSUER, keys)
}

pub(crate) fn verifier_of(issuer: &str, keys: impl KeySource) -> Verifier {
    let issuer = IssuerId::parse(issuer).unwrap();
    let audience = Audience::parse(AUDIENCE).unwrap();
    Verifier::builder(issuer, audience, keys)
        .clock(Arc::new(ManualClock::at(NOW)))
        .build()
}

pub(crate) fn claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({
        "iss": ISSUER, "sub": "matt", "aud": AUDIENCE,
        "iat": now, "nbf": now, "exp": now + 1500, "jti": "t1",
    })
}
