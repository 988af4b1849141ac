//! The cryptography, behind one set of names. AWS-LC is used where both are compiled in.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc")))]
mod rust_crypto;

#[cfg(feature = "aws-lc")]
use aws_lc as chosen;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc")))]
use rust_crypto as chosen;

#[cfg(not(any(feature = "aws-lc", feature = "rust-crypto")))]
compile_error!(
    "passgate-auth: the feature `jwt` wants a provider: turn on `aws-lc` (the default) or `rust-crypto`"
);

#[cfg(feature = "shared-secret")]
pub(super) use chosen::HmacKey;
pub(super) use chosen::{Pair, RSA_MAX_BYTES, is_on_curve, sha256};

use jsonwebtoken::DecodingKey;

use super::Algorithm;
use super::jwk::PublicKey;

/// A point as SEC 1 section 2.3.3 writes it.
fn uncompressed(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// A public key in the provider's form.
#[derive(Clone)]
pub(super) struct Checker {
    algorithm: jsonwebtoken::Algorithm,
    key: DecodingKey,
}

impl Checker {
    pub(super) fn new(algorithm: Algorithm, public: &PublicKey) -> Self {
        // The provider takes raw points here, whatever the names say.
        let key = match public {
            PublicKey::Ed25519 { x } => DecodingKey::from_ed_der(x),
            PublicKey::P256 { x, y } | PublicKey::P384 { x, y } => {
                DecodingKey::from_ec_der(&uncompressed(x, y))
            }
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        };
        Self {
            algorithm: algorithm.provider_name(),
            key,
        }
    }

    /// The provider is named: the process-wide one panics when a host's features enable both
    /// or none.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        (chosen::PROVIDER.verifier_factory)(&self.algorithm, &self.key)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}
