//! Keys from a real HTTP server on this machine: well, ill, gone and hostile.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(feature = "jwks-http", feature = "test-util"))]

mod ill;
mod keeping;
mod log;
mod server;
mod time;
