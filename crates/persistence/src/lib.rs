//! The stores of Passgate on PostgreSQL.
//!
//! [`PgStore`] keeps the contracts of `passgate_domain::ports`; [`migrations`] brings a database
//! to the schema that it expects. Rows, domain types and errors are kept apart: what comes out of
//! a table is checked like input, and what breaks a rule is an error that names table, column and
//! row.

pub mod migrations;

mod audit;
mod clients;
mod dsn;
mod error;
mod estimates;
mod expectations;
mod generation;
mod guesses;
mod import;
mod keys;
mod manager;
mod open;
mod patience;
mod pool;
mod readiness;
#[cfg(all(test, feature = "testing"))]
mod reads;
mod rows;
mod schema;
mod sessions;
mod statement;
#[cfg(feature = "testing")]
pub mod testing;
mod users;

pub use estimates::Estimates;
pub use expectations::Expectations;
pub use open::OpenError;
pub use patience::Patience;
pub use pool::{Connections, PgStore, PoolSettings};

// Linked, not called: see Cargo.toml.
use openssl_sys as _;
use pq_sys as _;
