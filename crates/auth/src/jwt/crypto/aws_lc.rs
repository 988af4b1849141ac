use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
#[cfg(feature = "shared-secret")]
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use jsonwebtoken::crypto::CryptoProvider;
use zeroize::Zeroizing;

use super::uncompressed;
use crate::jwt::Algorithm;
use crate::jwt::jwk::PublicKey;

pub(super) static PROVIDER: &CryptoProvider = &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

/// The longest RSA modulus that AWS-LC verifies with.
pub(in crate::jwt) const RSA_MAX_BYTES: usize = 8192 / 8;

pub(in crate::jwt) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// A private key, parsed once: parsing costs as much as signing with Ed25519, and twice as much
/// with RSA.
pub(in crate::jwt) enum Pair {
    Ed25519(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
}

impl Pair {
    /// A new key in PKCS#8.
    pub(in crate::jwt) fn generate(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
        let random = SystemRandom::new();
        let kept = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        match algorithm {
            // Version 1: other libraries read no public key inside (RFC 8410 section 7).
            Algorithm::EdDsa => {
                Ed25519KeyPair::generate_pkcs8v1(&random).map(|document| kept(document.as_ref()))
            }
            Algorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(P256, &random).map(|document| kept(document.as_ref()))
            }
            Algorithm::Es384 => {
                EcdsaKeyPair::generate_pkcs8(P384, &random).map(|document| kept(document.as_ref()))
            }
            _ => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|der| kept(der.as_ref())),
        }
        .ok()
    }

    pub(in crate::jwt) fn parse(algorithm: Algorithm, der: &[u8]) -> Option<(Self, PublicKey)> {
        match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
                let x = pair.public_key().as_ref().to_vec();
                Some((Self::Ed25519(pair), PublicKey::Ed25519 { x }))
            }
            Algorithm::Es256 => {
                let (pair, x, y) = parse_ec(P256, der)?;
                Some((Self::Ec(pair), PublicKey::P256 { x, y }))
            }
            Algorithm::Es384 => {
                let (pair, x, y) = parse_ec(P384, der)?;
                Some((Self::Ec(pair), PublicKey::P384 { x, y }))
            }
            _ => {
                let encoding = rsa_encoding(algorithm)?;
                let pair = RsaKeyPair::from_pkcs8(der).ok()?;
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                Some((Self::Rsa(Box::new(pair), encoding), PublicKey::Rsa { n, e }))
            }
        }
    }

    /// `None` if the library fails.
    pub(in crate::jwt) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Self::Ec(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }
}

/// Whether the numbers are a point of their curve; of other kinds of keys nothing is asked.
pub(in crate::jwt) fn is_on_curve(public: &PublicKey) -> bool {
    let parsed = match public {
        PublicKey::P256 { x, y } => {
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed(x, y))
        }
        PublicKey::P384 { x, y } => {
            ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, uncompressed(x, y))
        }
        PublicKey::Ed25519 { .. } | PublicKey::Rsa { .. } => return true,
    };
    parsed.is_ok()
}

static P256: &EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
static P384: &EcdsaSigningAlgorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;

fn parse_ec(
    curve: &'static EcdsaSigningAlgorithm,
    der: &[u8],
) -> Option<(EcdsaKeyPair, Vec<u8>, Vec<u8>)> {
    let pair = EcdsaKeyPair::from_pkcs8(curve, der).ok()?;
    let coordinates = pair.public_key().as_ref().strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
    let (x, y) = (x.to_vec(), y.to_vec());
    Some((pair, x, y))
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384 => return None,
    })
}

/// A secret for HMAC with SHA-256, its key schedule computed once.
#[cfg(feature = "shared-secret")]
#[derive(Clone)]
pub(in crate::jwt) struct HmacKey(hmac::Key);

#[cfg(feature = "shared-secret")]
impl HmacKey {
    pub(in crate::jwt) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the other provider can fail here")]
    pub(in crate::jwt) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(hmac::sign(&self.0, message).as_ref().to_vec())
    }

    pub(in crate::jwt) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}
