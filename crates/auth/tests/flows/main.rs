//! The use-cases, on the store in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![cfg(feature = "flows")]

mod client_sessions;
mod clients;
mod guessing;
mod introspect;
mod log_in;
mod sessions;
mod signing_keys;
mod world;
