use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How a key pair signs (RFC 7518 section 3.1, RFC 8037). There is no `none`, and a shared secret
/// is another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Algorithm {
    /// Ed25519: small keys, fast to sign, nothing to get wrong.
    #[default]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// The text names no algorithm of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the algorithm must be EdDSA, ES256 or RS256")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The name in a token's `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    pub(super) const fn provider_name(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Reads the names of RFC 7518, and `Ed25519` as RFC 9864 calls the same thing.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "EdDSA" | "Ed25519" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            "RS256" => Ok(Self::Rs256),
            _ => Err(UnknownAlgorithm),
        }
    }
}

/// What a verifying key is for: a key pair's algorithm, or the one with a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyAlgorithm {
    Pair(Algorithm),
    #[cfg(feature = "shared-secret")]
    Hs256,
}

impl KeyAlgorithm {
    pub(super) fn is_named(self, name: &str) -> bool {
        match self {
            Self::Pair(algorithm) => name.parse() == Ok(algorithm),
            #[cfg(feature = "shared-secret")]
            Self::Hs256 => name == "HS256",
        }
    }

    pub(super) const fn provider_name(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Pair(algorithm) => algorithm.provider_name(),
            #[cfg(feature = "shared-secret")]
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa));
    }

    #[test]
    fn neither_none_nor_a_shared_secret_is_an_algorithm_of_a_key_pair() {
        for name in ["none", "None", "HS256", "eddsa", "", "RS1"] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
        }
    }
}
