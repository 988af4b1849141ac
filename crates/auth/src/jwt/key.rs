use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

use super::crypto::Pair;
use super::jwk::PublicKey;
use super::{Algorithm, Kid, VerifyingKey, pem};

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is no PKCS#8 private key of the algorithm.
    #[error("it is not a PKCS#8 private key for {0}")]
    NotPkcs8(Algorithm),
    /// It is no PEM of the kind that is wanted: one block, with nothing around it.
    #[error("it is not one PEM block of the label {0:?}")]
    NotPem(&'static str),
    /// It is no public key of the algorithm.
    #[error("it is not a public key (SubjectPublicKeyInfo) for {0}")]
    NotSpki(Algorithm),
    /// The text is no JSON object, or no JWK Set.
    #[error("it is not the JSON of a key or key set (RFC 7517)")]
    NotJson,
    /// A member of the JWK is missing, of the wrong type or of the wrong size, or is no coordinate
    /// of a point on its curve.
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
    /// An RSA key names no algorithm, and several are allowed.
    #[error("an RSA key without \"alg\" needs an allow list that leaves one algorithm for it")]
    Ambiguous,
    /// The library made no key.
    #[error("no key could be generated")]
    Generate,
}

/// A private key. It signs with one algorithm, under one name: its thumbprint.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    public: PublicKey,
    kid: Kid,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl SigningKey {
    /// Makes a new key; RSA keys get 2048 bits.
    ///
    /// # Errors
    /// [`KeyError::Generate`] if the operating system gives no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let pkcs8 = Pair::generate(algorithm).ok_or(KeyError::Generate)?;
        Self::from_pkcs8_der(algorithm, &pkcs8)
    }

    /// Reads a key in PKCS#8.
    ///
    /// # Errors
    /// [`KeyError::NotPkcs8`] if it is of another form or for another algorithm,
    /// [`KeyError::Member`] for an RSA key of less than 2048 bits.
    pub fn from_pkcs8_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let refused = KeyError::NotPkcs8(algorithm);
        let (pair, public) = Pair::parse(algorithm, der).ok_or(refused)?;
        let public = public.check()?;
        let kid = Kid::parse(&public.thumbprint()).map_err(|_| refused)?;
        Ok(Self {
            algorithm,
            pair,
            public,
            kid,
            pkcs8: Zeroizing::new(der.to_vec()),
        })
    }

    /// Reads a key in PKCS#8 in PEM, as `openssl genpkey` writes it.
    ///
    /// # Errors
    /// [`KeyError::NotPem`] if it is not one block `PRIVATE KEY`, and as
    /// [`SigningKey::from_pkcs8_der`].
    pub fn from_pem(algorithm: Algorithm, text: &SecretString) -> Result<Self, KeyError> {
        let der = pem::decode(text.expose_secret(), pem::PRIVATE)
            .ok_or(KeyError::NotPem(pem::PRIVATE))?;
        Self::from_pkcs8_der(algorithm, &der)
    }

    /// The key in PKCS#8, for keeping it.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// The key in PKCS#8 in PEM, for keeping it.
    pub fn to_pem(&self) -> SecretString {
        SecretString::from(pem::encode(&self.pkcs8, pem::PRIVATE).as_str())
    }

    /// The key's name: its RFC 7638 thumbprint.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// What the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a JSON Web Key.
    pub fn public_jwk(&self) -> String {
        self.public.to_jwk(&self.kid, self.algorithm).to_string()
    }

    /// The public half, for verifying.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::new(self.kid.clone(), self.algorithm, self.public.clone())
    }

    /// The signature of a message; `None` if the library fails.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.pair.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
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
    fn a_key_is_for_algorithms_of_its_own_kind_only() {
        let rsa = |algorithm: Algorithm| algorithm.as_str().starts_with(['R', 'P']);
        for made in Algorithm::ALL {
            let der = SigningKey::generate(made).unwrap().to_pkcs8_der();
            for read in Algorithm::ALL {
                let expected = made == read || (rsa(made) && rsa(read));
                assert_eq!(SigningKey::from_pkcs8_der(read, &der).is_ok(), expected);
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
    fn a_key_reads_back_from_its_pem() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let again = SigningKey::from_pem(algorithm, &key.to_pem()).unwrap();
            assert_eq!(key.kid(), again.kid());
        }
        let not_pem = SecretString::from("-----BEGIN EC PRIVATE KEY-----");
        assert_eq!(
            SigningKey::from_pem(Algorithm::Es256, &not_pem).unwrap_err(),
            KeyError::NotPem("PRIVATE KEY")
        );
    }

    /// `openssl genrsa 1024`, which nobody should have any more.
    #[test]
    fn an_rsa_key_of_1024_bits_is_refused() {
        let pem = SecretString::from(include_str!("../../tests/data/rsa1024.pem"));
        assert!(SigningKey::from_pem(Algorithm::Rs256, &pem).is_err());
    }

    #[test]
    fn debug_shows_no_private_part() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains("EdDsa") && shown.contains(key.kid().as_str()));
        assert!(shown.len() < 120, "{shown}");
    }
}
