//! What the examples' tests need of `passgate-auth`, and the code of `docs/coming-from.md` and
//! `docs/revocation.md`, which is compiled and run as this crate's documentation.

use passgate_auth::jwt::{Algorithm, Audience, IssuerId, KeySet, Verifier};

/// Whom a token is about, after it was verified with a JWK Set.
///
/// # Panics
/// If it is not good.
pub fn subject(token: &str, issuer: &str, audience: &str, jwks: &str) -> String {
    let (keys, _) = KeySet::from_jwks(jwks.as_bytes(), &[Algorithm::EdDsa]).unwrap();
    let issuer = IssuerId::parse(issuer).unwrap();
    let verifier: Verifier = Verifier::new(issuer, Audience::parse(audience).unwrap(), keys);
    verifier.verify_now(token).unwrap().subject().to_string()
}

#[cfg(doctest)]
#[doc = include_str!("../../../../../docs/coming-from.md")]
struct ComingFrom;

#[cfg(doctest)]
#[doc = include_str!("../../../../../docs/revocation.md")]
struct Revocation;
