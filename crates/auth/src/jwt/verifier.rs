use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use thiserror::Error;

mod builder;
#[cfg(feature = "token-cache")]
mod cache;
mod rules;

pub(super) use builder::MAX_LEEWAY;
pub use builder::VerifierBuilder;
pub(super) use rules::MAX_TOKEN;
#[cfg(test)]
pub(super) use rules::open;

use super::claims::issuer_of;
use super::{Audience, IssuerId, KeySource, NoExtra, Refresh, Verified, VerifyError};
use rules::{Refused, Rules};

/// Checks access tokens. Cheap to clone.
///
/// In this order: length, form, header, key by `kid`, the key's algorithm against the header's,
/// token type, signature, and only then the claims, every one of them by type and range, the
/// application's claims, and whether the token was revoked.
pub struct Verifier<X = NoExtra>(Arc<[Arc<Rules<X>>]>);

/// Two verifiers are for one issuer, and nobody can tell whose rules apply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there are two verifiers for the issuer {0}: one issuer has one set of rules")]
pub struct DuplicateIssuer(pub IssuerId);

impl<X: DeserializeOwned> Verifier<X> {
    /// A verifier of tokens that `issuer` made for `audience`, with 30 s of leeway for clocks
    /// and a life of at most 24 h.
    pub fn new(issuer: IssuerId, audience: Audience, keys: impl KeySource) -> Self {
        Self::builder(issuer, audience, keys).build()
    }

    /// A verifier whose rules are to be narrowed.
    pub fn builder(
        issuer: IssuerId,
        audience: Audience,
        keys: impl KeySource,
    ) -> VerifierBuilder<X> {
        VerifierBuilder::new(issuer, audience, keys)
    }

    /// One verifier of the tokens of several issuers. A token is judged by the rules, the keys
    /// and the audiences of the issuer that it names, and by nobody else's.
    ///
    /// # Errors
    /// [`DuplicateIssuer`] if two are for one issuer.
    pub fn for_issuers(verifiers: impl IntoIterator<Item = Self>) -> Result<Self, DuplicateIssuer> {
        let mut all: Vec<Arc<Rules<X>>> = Vec::new();
        for rules in verifiers.into_iter().flat_map(|each| each.0.to_vec()) {
            if all.iter().any(|other| other.issuer == rules.issuer) {
                return Err(DuplicateIssuer(rules.issuer.clone()));
            }
            all.push(rules);
        }
        Ok(Self(all.into()))
    }

    /// Checks a token, without I/O and without waiting. A key that the source has not read yet is
    /// unknown, also where [`verify`](Self::verify) would find it.
    ///
    /// # Errors
    /// [`VerifyError`], the first rule that the token breaks; of an unknown key
    /// [`VerifyError::KeysUnavailable`] while the source cannot tell which keys there are.
    pub fn verify_now(&self, token: &str) -> Result<Verified<X>, VerifyError> {
        let rules = self.rules_for(token)?;
        let verified = rules.check(token).map_err(|refused| match refused {
            Refused {
                missing: Some(_), ..
            } if !rules.keys.is_current() => VerifyError::KeysUnavailable,
            Refused { error, .. } => error,
        })?;
        rules.ask_hooks_now(&verified)?;
        Ok(verified)
    }

    /// Checks a token. If it names a key that is unknown, the source of keys is asked once
    /// whether it has newer ones; a hook may ask somebody else whether the token was revoked.
    /// Tokens of known keys never wait for the source. `RemoteJwks` looks once in 30 s at
    /// most: a key that is published and used within that time is unknown until it is over.
    ///
    /// # Errors
    /// [`VerifyError`], the first rule that the token breaks; of an unknown key
    /// [`VerifyError::KeysUnavailable`] where the source could not look, or not the last time.
    pub async fn verify(&self, token: &str) -> Result<Verified<X>, VerifyError> {
        let rules = self.rules_for(token)?;
        let verified = match rules.check(token) {
            Ok(verified) => verified,
            Err(Refused {
                error,
                missing: Some(kid),
            }) => match rules.keys.refresh_for(&kid).await {
                Refresh::Changed => rules.check(token).map_err(|refused| refused.error)?,
                Refresh::Unchanged => return Err(error),
                Refresh::Failed => return Err(VerifyError::KeysUnavailable),
            },
            Err(refused) => return Err(refused.error),
        };
        rules.ask_hooks(&verified).await?;
        Ok(verified)
    }

    /// Whether both are the same verifier, not only an equal one.
    #[cfg(any(feature = "actix", feature = "axum"))]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn rules_for(&self, token: &str) -> Result<&Rules<X>, VerifyError> {
        if let [only] = &*self.0 {
            return Ok(only);
        }
        if token.len() > MAX_TOKEN {
            return Err(VerifyError::TooLong);
        }
        let mut parts = token.split('.');
        let payload = parts.nth(1).ok_or(VerifyError::Malformed)?;
        let payload = URL_SAFE_NO_PAD.decode(payload);
        let issuer = issuer_of(&payload.map_err(|_| VerifyError::Malformed)?)?;
        let mut all = self.0.iter();
        all.find(|rules| rules.issuer.as_str() == issuer)
            .map(|rules| &**rules)
            .ok_or(VerifyError::WrongIssuer)
    }
}

impl<X> Clone for Verifier<X> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<X> fmt::Debug for Verifier<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = self.0.iter().map(|rules| &rules.issuer);
        f.debug_struct("Verifier")
            .field("issuers", &issuers.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, any(feature = "actix", feature = "axum")))]
mod tests {
    use super::*;
    use crate::jwt::KeySet;

    #[test]
    fn a_clone_is_the_same_verifier_and_an_equal_one_is_not() {
        let issuer = IssuerId::parse("https://id.test").unwrap();
        let audience = Audience::parse("orders").unwrap();
        let new = || Verifier::<NoExtra>::new(issuer.clone(), audience.clone(), KeySet::default());
        let one = new();
        assert!(one.is(&one.clone()));
        assert!(!one.is(&new()));
    }
}
