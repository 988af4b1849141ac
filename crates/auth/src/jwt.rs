//! JSON Web Tokens, strict by construction.
//!
//! One key has one algorithm and one `kid`. Issuer and audience are arguments of the
//! constructor, not options, and what can be set afterwards only narrows. A [`Verified`] comes
//! out of a [`Verifier`] and from nowhere else.
//!
//! Signatures are made and checked through the provider `jsonwebtoken::crypto::aws_lc`, named
//! explicitly: the process-wide default panics when a host's features enable both providers or
//! none, and `decode` accepts much of what RFC 8725 forbids.

mod algorithm;
mod claims;
mod header;
mod issuer;
mod jwk;
mod key;
mod key_ring;
mod key_set;
mod names;
#[cfg(feature = "shared-secret")]
mod shared_secret;
mod verified;
mod verifier;
mod verify_error;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use issuer::{IssueError, Issuer, Mint, Minted, Signer};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use key_ring::{JwksDocument, KeyRing};
pub use key_set::{KeySet, KeySource, Skipped};
pub use names::{Audience, InvalidName, InvalidTtl, IssuerId, Kid, Subject, Ttl};
#[cfg(feature = "shared-secret")]
pub use shared_secret::{SharedSecret, ShortSecret};
pub use verified::{Forbidden, NoExtra, Verified};
pub use verifier::{Verifier, VerifierBuilder};
pub use verify_error::VerifyError;
