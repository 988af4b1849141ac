//! What a verifier must refuse. Every case is the control token, which is accepted, with one
//! thing changed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![cfg(all(feature = "jwt", feature = "shared-secret"))]

#[cfg(feature = "token-cache")]
mod cache;
mod claims;
mod confusion;
mod forge;
mod form;
mod issuers;
mod keys;
mod providers;
mod refresh;
mod revocation;
mod times;
