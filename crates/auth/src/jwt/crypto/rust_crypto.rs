use ed25519_dalek::Signer;
use jsonwebtoken::crypto::CryptoProvider;
#[cfg(feature = "shared-secret")]
use jsonwebtoken::{DecodingKey, EncodingKey};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::rand_core::{OsRng, RngCore};
use rsa::sha2::{Digest, Sha256, Sha384, Sha512};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use zeroize::Zeroizing;

use super::uncompressed;
use crate::jwt::Algorithm;
use crate::jwt::jwk::PublicKey;

pub(super) static PROVIDER: &CryptoProvider = &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;

/// The longest RSA modulus that `rsa` verifies with.
pub(in crate::jwt) const RSA_MAX_BYTES: usize = 4096 / 8;

/// The length of the keys that are made.
const RSA_BITS: usize = 2048;

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 version 1 (RFC 8410 section 7).
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

pub(in crate::jwt) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A private key, parsed once.
pub(in crate::jwt) enum Pair {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Rsa(Box<RsaPrivateKey>, Algorithm),
}

impl Pair {
    /// A new key in PKCS#8.
    pub(in crate::jwt) fn generate(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
        match algorithm {
            Algorithm::EdDsa => {
                let mut der = Zeroizing::new([ED25519_PKCS8, [0; 16], [0; 16]].concat());
                OsRng.try_fill_bytes(der.get_mut(16..)?).ok()?;
                Some(der)
            }
            Algorithm::Es256 => p256::SecretKey::random(&mut OsRng)
                .to_pkcs8_der()
                .ok()
                .map(|document| document.to_bytes()),
            Algorithm::Es384 => p384::SecretKey::random(&mut OsRng)
                .to_pkcs8_der()
                .ok()
                .map(|document| document.to_bytes()),
            _ => RsaPrivateKey::new(&mut OsRng, RSA_BITS)
                .ok()?
                .to_pkcs8_der()
                .ok()
                .map(|document| document.to_bytes()),
        }
    }

    pub(in crate::jwt) fn parse(algorithm: Algorithm, der: &[u8]) -> Option<(Self, PublicKey)> {
        match algorithm {
            Algorithm::EdDsa => {
                let pair = ed25519_dalek::SigningKey::from_pkcs8_der(der).ok()?;
                let x = pair.verifying_key().to_bytes().to_vec();
                Some((Self::Ed25519(pair), PublicKey::Ed25519 { x }))
            }
            Algorithm::Es256 => {
                let pair = p256::ecdsa::SigningKey::from_pkcs8_der(der).ok()?;
                let point = pair.verifying_key().to_encoded_point(false);
                let (x, y) = (point.x()?.to_vec(), point.y()?.to_vec());
                Some((Self::P256(pair), PublicKey::P256 { x, y }))
            }
            Algorithm::Es384 => {
                let pair = p384::ecdsa::SigningKey::from_pkcs8_der(der).ok()?;
                let point = pair.verifying_key().to_encoded_point(false);
                let (x, y) = (point.x()?.to_vec(), point.y()?.to_vec());
                Some((Self::P384(pair), PublicKey::P384 { x, y }))
            }
            _ => {
                let pair = RsaPrivateKey::from_pkcs8_der(der).ok()?;
                let (n, e) = (pair.n().to_bytes_be(), pair.e().to_bytes_be());
                Some((
                    Self::Rsa(Box::new(pair), algorithm),
                    PublicKey::Rsa { n, e },
                ))
            }
        }
    }

    /// `None` if the library fails.
    pub(in crate::jwt) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(pair) => Some(pair.try_sign(message).ok()?.to_vec()),
            Self::P256(pair) => {
                let signature: p256::ecdsa::Signature = pair.try_sign(message).ok()?;
                Some(signature.to_vec())
            }
            Self::P384(pair) => {
                let signature: p384::ecdsa::Signature = pair.try_sign(message).ok()?;
                Some(signature.to_vec())
            }
            Self::Rsa(pair, algorithm) => sign_rsa(pair, *algorithm, message),
        }
    }
}

/// Whether the numbers are a point of their curve; of other kinds of keys nothing is asked.
pub(in crate::jwt) fn is_on_curve(public: &PublicKey) -> bool {
    match public {
        PublicKey::P256 { x, y } => p256::PublicKey::from_sec1_bytes(&uncompressed(x, y)).is_ok(),
        PublicKey::P384 { x, y } => p384::PublicKey::from_sec1_bytes(&uncompressed(x, y)).is_ok(),
        PublicKey::Ed25519 { .. } | PublicKey::Rsa { .. } => true,
    }
}

fn sign_rsa(pair: &RsaPrivateKey, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
    let digest = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => Sha256::digest(message).to_vec(),
        Algorithm::Rs384 | Algorithm::Ps384 => Sha384::digest(message).to_vec(),
        Algorithm::Rs512 | Algorithm::Ps512 => Sha512::digest(message).to_vec(),
        Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384 => return None,
    };
    match algorithm {
        Algorithm::Rs256 => pair.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), &digest),
        Algorithm::Rs384 => pair.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha384>(), &digest),
        Algorithm::Rs512 => pair.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha512>(), &digest),
        Algorithm::Ps256 => pair.sign_with_rng(&mut OsRng, Pss::new_blinded::<Sha256>(), &digest),
        Algorithm::Ps384 => pair.sign_with_rng(&mut OsRng, Pss::new_blinded::<Sha384>(), &digest),
        _ => pair.sign_with_rng(&mut OsRng, Pss::new_blinded::<Sha512>(), &digest),
    }
    .ok()
}

/// A secret for HMAC with SHA-256.
#[cfg(feature = "shared-secret")]
#[derive(Clone)]
pub(in crate::jwt) struct HmacKey {
    signs: EncodingKey,
    verifies: DecodingKey,
}

#[cfg(feature = "shared-secret")]
impl HmacKey {
    pub(in crate::jwt) fn new(secret: &[u8]) -> Self {
        Self {
            signs: EncodingKey::from_secret(secret),
            verifies: DecodingKey::from_secret(secret),
        }
    }

    pub(in crate::jwt) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let algorithm = jsonwebtoken::Algorithm::HS256;
        let signer = (PROVIDER.signer_factory)(&algorithm, &self.signs).ok()?;
        signer.try_sign(message).ok()
    }

    pub(in crate::jwt) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        let algorithm = jsonwebtoken::Algorithm::HS256;
        (PROVIDER.verifier_factory)(&algorithm, &self.verifies)
            .is_ok_and(|verifier| verifier.verify(message, &tag.to_vec()).is_ok())
    }
}
