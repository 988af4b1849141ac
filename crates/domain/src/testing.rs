//! For tests: a clock that moves when told to, a store in memory, and the contract suite that
//! the store in memory and every other one pass.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test suite in library form: a broken rule is a panic"
)]

mod clock;
pub mod contract;
mod memory;
mod samples;

pub use clock::ManualClock;
pub use memory::MemoryStore;
pub use samples::{act, new_client, new_secret, new_user, signing_key};
