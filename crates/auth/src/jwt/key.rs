use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde_json::{Map, Value};
use thiserror::Error;
use zeroize::Zeroizing;

use super::algorithm::KeyAlgorithm;
use super::jwk::PublicKey;
use super::{Algorithm, Kid};

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is no PKCS#8 private key of the algorithm.
    #[error("it is not a PKCS#8 private key for {0}")]
    NotPkcs8(Algorithm),
    /// The text is no JSON object, or no JWK Set.
    #[error("it is not the JSON of a key or key set (RFC 7517)")]
    NotJson,
    /// A member of the JWK is missing, of the wrong type or of the wrong size.
    #[error("the member {0:?} of the key is missing or malformed")]
    Member(&'static str),
    /// The key type or curve is none of ours.
    #[error("the key is of a type that this crate does not verify with")]
    Unsupported,
    /// Private or symmetric key material stands where a public key belongs.
    #[error("the key has private parts: publish and read public keys only")]
    Private,
    /// The key is for encryption, or for signing only.
    #[error("the key is not for verifying signatures")]
    NotForSignatures,
    /// The same `kid` stands there twice.
    #[error("the kid is given twice")]
    DuplicateKid,
    /// The algorithm is not among those allowed.
    #[error("the key's algorithm is not allowed here")]
    NotAllowed,
    /// The library made no key.
    #[error("no key could be generated")]
    Generate,
}

/// A private key. It signs with one algorithm, under one name: its thumbprint.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
    kid: Kid,
    pkcs8: Zeroizing<Vec<u8>>,
}

// Parsed once: parsing costs as much as signing with Ed25519, and twice as much with RSA.
enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`KeyError::Generate`] if the operating system gives no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            // Version 1: other libraries read no public key inside (RFC 8410 section 7).
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&random)
                .map(|document| Zeroizing::new(document.as_ref().to_vec())),
            Algorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map(|document| Zeroizing::new(document.as_ref().to_vec()))
            }
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
        };
        Self::from_pkcs8_der(algorithm, &pkcs8.map_err(|_| KeyError::Generate)?)
    }

    /// Reads a key in PKCS#8.
    ///
    /// # Errors
    /// [`KeyError::NotPkcs8`] if it is of another form or for another algorithm; RSA keys have
    /// at least 2048 bits.
    pub fn from_pkcs8_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let refused = KeyError::NotPkcs8(algorithm);
        let (pair, public) = match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| refused)?;
                let x = pair.public_key().as_ref().to_vec();
                (Pair::Ed25519(pair), PublicKey::Ed25519 { x })
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
                    .map_err(|_| refused)?;
                let point = pair.public_key().as_ref();
                let coordinates = point.strip_prefix(&[4]).ok_or(refused)?;
                let (x, y) = coordinates.split_at_checked(32).ok_or(refused)?;
                let public = PublicKey::P256 {
                    x: x.to_vec(),
                    y: y.to_vec(),
                };
                (Pair::P256(pair), public)
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| refused)?;
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                (Pair::Rsa(Box::new(pair)), PublicKey::Rsa { n, e })
            }
        };
        let kid = Kid::parse(&public.thumbprint()).map_err(|_| refused)?;
        Ok(Self {
            pair,
            public,
            kid,
            pkcs8: Zeroizing::new(der.to_vec()),
        })
    }

    /// The key in PKCS#8, for keeping it.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// The key's name: its RFC 7638 thumbprint.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// What the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The public half as a JSON Web Key.
    pub fn public_jwk(&self) -> String {
        self.public.to_jwk(&self.kid).to_string()
    }

    /// The public half, for verifying.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::new(self.kid.clone(), self.public.clone())
    }

    /// The signature of a message; `None` if the library fails.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .ok()?;
                Some(signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// A public key. It verifies one algorithm, under one name.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Kid,
    algorithm: KeyAlgorithm,
    key: DecodingKey,
    public: Option<PublicKey>,
}

impl VerifyingKey {
    pub(super) fn new(kid: Kid, public: PublicKey) -> Self {
        // The provider takes raw points here, whatever the names say.
        let key = match &public {
            PublicKey::Ed25519 { x } => DecodingKey::from_ed_der(x),
            PublicKey::P256 { x, y } => DecodingKey::from_ec_der(&[&[4], &x[..], &y[..]].concat()),
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        };
        let algorithm = KeyAlgorithm::Pair(public.algorithm());
        Self {
            kid,
            algorithm,
            key,
            public: Some(public),
        }
    }

    #[cfg(feature = "shared-secret")]
    pub(super) fn of_shared_secret(kid: Kid, secret: &[u8]) -> Self {
        let key = DecodingKey::from_secret(secret);
        Self {
            kid,
            algorithm: KeyAlgorithm::Hs256,
            key,
            public: None,
        }
    }

    /// Reads a public JSON Web Key that has a `kid`.
    ///
    /// # Errors
    /// [`KeyError`] names the member that is wrong, or says what the key is instead.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let jwk: Map<String, Value> = serde_json::from_str(json).map_err(|_| KeyError::NotJson)?;
        Self::from_jwk_object(&jwk)
    }

    pub(super) fn from_jwk_object(jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        let kid = jwk
            .get("kid")
            .and_then(Value::as_str)
            .ok_or(KeyError::Member("kid"))?;
        let kid = Kid::parse(kid).map_err(|_| KeyError::Member("kid"))?;
        Ok(Self::new(kid, PublicKey::from_jwk(jwk)?))
    }

    /// The key's name.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The key pair's algorithm; none for a shared secret.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.public.as_ref().map(PublicKey::algorithm)
    }

    /// The key as others read it; none for a shared secret.
    pub(super) fn to_jwk(&self) -> Option<Value> {
        self.public.as_ref().map(|public| public.to_jwk(&self.kid))
    }

    pub(super) fn is_for(&self, alg: &str) -> bool {
        self.algorithm.is_named(alg)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm.provider_name(), &self.key)
            .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn a_key_of_each_algorithm_signs_what_its_public_half_verifies() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let signature = key.sign(b"message").unwrap();
            let verifying = VerifyingKey::from_jwk(&key.public_jwk()).unwrap();
            assert_eq!(verifying.kid(), key.kid());
            assert!(verifying.verifies(b"message", &signature), "{algorithm}");
            assert!(!verifying.verifies(b"massage", &signature), "{algorithm}");
        }
    }

    #[test]
    fn a_key_is_for_its_own_algorithm_only() {
        for made in Algorithm::ALL {
            let der = SigningKey::generate(made).unwrap().to_pkcs8_der();
            for read in Algorithm::ALL {
                assert_eq!(SigningKey::from_pkcs8_der(read, &der).is_ok(), made == read);
            }
        }
    }

    #[test]
    fn a_kept_key_has_the_same_name() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let again = SigningKey::from_pkcs8_der(Algorithm::EdDsa, &key.to_pkcs8_der()).unwrap();
        assert_eq!(key.kid(), again.kid());
    }

    /// RFC 8037 appendix A.4: its key, its signing input, its signature.
    #[test]
    fn the_signature_is_that_of_rfc_8037_a_4() {
        let mut der = vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        let d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        der.extend(URL_SAFE_NO_PAD.decode(d).unwrap());
        let key = SigningKey::from_pkcs8_der(Algorithm::EdDsa, &der).unwrap();
        assert_eq!(
            key.kid().as_str(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert_eq!(
            URL_SAFE_NO_PAD.encode(key.sign(input).unwrap()),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn debug_shows_no_private_part() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains("EdDsa") && shown.contains(key.kid().as_str()));
        assert!(shown.len() < 120, "{shown}");
    }
}
