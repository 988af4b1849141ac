//! A real PostgreSQL, in real folders, under real deaths.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod deaths;
mod errors;
mod folder;
mod lives;
mod owner;
mod places;
