//! The examples as their users meet them: real programs, a real Passgate, a real PostgreSQL.
//!
//! `scripts/test-examples.sh` runs it. By itself, `cargo test` builds what it needs;
//! `PASSGATE_TEST_PROGRAM` names a Passgate that is built already.

mod client;
mod database;
mod embedded;
mod passgate;
mod process;
mod programs;
mod todos;
mod trouble;
