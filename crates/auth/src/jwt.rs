//! JSON Web Tokens, strict by construction.
//!
//! One key has one algorithm and one `kid`. Issuer and audience are arguments of the
//! constructor, not options, and what can be set afterwards only narrows. A [`Verified`] comes
//! out of a [`Verifier`] and from nowhere else.
//!
//! Signatures are checked through a provider of `jsonwebtoken` that is named explicitly (AWS-LC,
//! or `RustCrypto` without it): the process-wide default panics when a host's features enable both
//! or none, and `decode` accepts much of what RFC 8725 forbids.

mod algorithm;
mod claim;
mod claims;
mod crypto;
mod header;
mod issuer;
mod jwk;
mod key;
mod key_ring;
mod key_set;
mod key_source;
mod names;
mod pem;
#[cfg(feature = "jwks-http")]
mod remote_jwks;
mod revocation;
#[cfg(feature = "shared-secret")]
mod shared_secret;
#[cfg(feature = "test-util")]
pub(crate) mod test_util;
mod text;
#[cfg(test)]
mod vectors;
mod verified;
mod verifier;
mod verify_error;
mod verifying_key;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use issuer::{IssueError, Issuer, Mint, Minted, Signer};
pub use key::{KeyError, SigningKey};
#[cfg(feature = "flows")]
pub(crate) use key_ring::LEAST_PUBLISHED;
pub use key_ring::{HeldKey, JwksDocument, KeyRing, KeyRingBuilder, Lease, RotationError};
pub use key_set::{KeySet, Skipped};
pub use key_source::{BoxFuture, KeySource, Refresh};
pub use names::{Audience, InvalidName, InvalidTtl, IssuerId, Kid, Subject, Ttl};
#[cfg(feature = "jwks-http")]
pub use remote_jwks::{JwksError, JwksStatus, RemoteJwks, RemoteJwksBuilder};
pub use revocation::{DenyList, Full, HookError, NotBefore, OnHookError, Revocation, TokenMeta};
#[cfg(feature = "shared-secret")]
pub use shared_secret::{SharedSecret, ShortSecret};
pub use verified::{Forbidden, NoExtra, Verified};
pub use verifier::{DuplicateIssuer, Verifier, VerifierBuilder};
pub use verify_error::VerifyError;
pub use verifying_key::VerifyingKey;
