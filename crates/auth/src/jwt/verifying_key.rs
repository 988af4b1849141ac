use std::fmt;

use serde_json::{Map, Value};

use super::algorithm::KeyAlgorithm;
use super::crypto::Checker;
#[cfg(feature = "shared-secret")]
use super::crypto::HmacKey;
use super::jwk::PublicKey;
use super::{Algorithm, KeyError, Kid, pem};

/// A public key. It verifies one algorithm, under one name.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Kid,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Pair {
        algorithm: Algorithm,
        checker: Box<Checker>,
        public: PublicKey,
    },
    #[cfg(feature = "shared-secret")]
    Shared(Box<HmacKey>),
}

impl VerifyingKey {
    /// The caller has checked that the key fits the algorithm.
    pub(super) fn new(kid: Kid, algorithm: Algorithm, public: PublicKey) -> Self {
        let pair = Kind::Pair {
            algorithm,
            checker: Box::new(Checker::new(algorithm, &public)),
            public,
        };
        Self { kid, kind: pair }
    }

    #[cfg(feature = "shared-secret")]
    pub(super) fn of_shared_secret(kid: Kid, key: HmacKey) -> Self {
        Self {
            kid,
            kind: Kind::Shared(Box::new(key)),
        }
    }

    /// Reads a public JSON Web Key that has a `kid`, and an `alg` if it is an RSA key.
    ///
    /// # Errors
    /// [`KeyError`] names the member that is wrong, or says what the key is instead.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let jwk: Map<String, Value> = serde_json::from_str(json).map_err(|_| KeyError::NotJson)?;
        Self::from_jwk_object(&jwk, &Algorithm::ALL)
    }

    pub(super) fn from_jwk_object(
        jwk: &Map<String, Value>,
        allow: &[Algorithm],
    ) -> Result<Self, KeyError> {
        let kid = jwk
            .get("kid")
            .and_then(Value::as_str)
            .ok_or(KeyError::Member("kid"))?;
        let kid = Kid::parse(kid).map_err(|_| KeyError::Member("kid"))?;
        let (public, algorithm) = PublicKey::from_jwk(jwk, allow)?;
        Ok(Self::new(kid, algorithm, public))
    }

    /// Reads a public key in PEM (`BEGIN PUBLIC KEY`, as `openssl pkey -pubout` writes it), to
    /// be known by `kid`.
    ///
    /// # Errors
    /// [`KeyError::NotPem`] if it is not one such block, [`KeyError::NotSpki`] if the key in it
    /// is not for the algorithm, [`KeyError::Member`] if a number has the wrong size or a point is
    /// not on its curve.
    pub fn from_pem(kid: Kid, algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        let der = pem::decode(text, pem::PUBLIC).ok_or(KeyError::NotPem(pem::PUBLIC))?;
        let public = pem::public_key(&der)
            .filter(|public| public.fits(algorithm))
            .ok_or(KeyError::NotSpki(algorithm))?
            .check()?;
        Ok(Self::new(kid, algorithm, public))
    }

    /// The key's name.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The key pair's algorithm; none for a shared secret.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match &self.kind {
            Kind::Pair { algorithm, .. } => Some(*algorithm),
            #[cfg(feature = "shared-secret")]
            Kind::Shared(_) => None,
        }
    }

    /// The key as others read it; none for a shared secret.
    #[cfg_attr(
        not(feature = "shared-secret"),
        expect(clippy::unnecessary_wraps, reason = "a shared secret has none")
    )]
    pub(super) fn to_jwk(&self) -> Option<Value> {
        match &self.kind {
            Kind::Pair {
                algorithm, public, ..
            } => Some(public.to_jwk(&self.kid, *algorithm)),
            #[cfg(feature = "shared-secret")]
            Kind::Shared(_) => None,
        }
    }

    /// Whether both are one key under one name. Shared secrets are not compared, and differ.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self.to_jwk(), other.to_jwk()) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }

    fn key_algorithm(&self) -> KeyAlgorithm {
        match &self.kind {
            Kind::Pair { algorithm, .. } => KeyAlgorithm::Pair(*algorithm),
            #[cfg(feature = "shared-secret")]
            Kind::Shared(_) => KeyAlgorithm::Hs256,
        }
    }

    pub(super) fn is_for(&self, alg: &str) -> bool {
        self.key_algorithm().is_named(alg)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Pair { checker, .. } => checker.verifies(message, signature),
            #[cfg(feature = "shared-secret")]
            Kind::Shared(key) => key.verifies(message, signature),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.key_algorithm())
            .finish_non_exhaustive()
    }
}
