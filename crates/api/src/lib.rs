//! The Passgate server: handlers that read top to bottom, and the command line around them.
//!
//! What happens in a log-in is in `passgate_auth::flows`; what is stored, in
//! `passgate_persistence`. Here is only what is HTTP, configuration or terminal.

pub mod blocking;
pub mod capacity;
pub mod cli;
pub mod config;
pub mod cors;
pub mod database;
mod descriptors;
pub mod error;
pub mod extract;
pub mod failure;
pub mod handlers;
pub mod hashing;
pub mod keeper;
pub mod live;
pub mod metrics;
pub mod openapi;
pub mod request_log;
pub mod routes;
pub mod secret;
pub mod server;
pub mod settings;
pub mod state;
mod stopping;
pub mod telemetry;
pub mod tls;
