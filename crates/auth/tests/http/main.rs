//! Guards over real HTTP: one list of expectations, held against both frameworks.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![cfg(all(feature = "actix", feature = "axum", feature = "test-util"))]

mod cases;
mod client;
mod log;
mod on_actix;
mod on_axum;
mod world;
