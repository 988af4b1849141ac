//! The use-cases, on the store in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "flows")]

mod log_in;
mod sessions;
mod signing_keys;
mod world;
