//! The server as its clients and its operators meet it: over HTTP, on a real PostgreSQL, and as
//! the program on a command line.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod admin;
mod app;
mod attacks;
mod browser;
mod client;
mod client_tokens;
mod clients;
mod clients_admin;
mod command_line;
mod configuration;
mod cors;
mod crashes;
mod errors_of_users;
mod first_run;
mod forward;
mod guessing;
mod hashing;
mod import;
mod interop;
mod interop_clients;
mod introspection;
mod keys;
mod limits;
mod log_filter;
mod metrics;
mod oauth2_crate;
mod operations;
mod policy;
mod program;
mod runbooks;
mod schemathesis;
mod sessions;
mod site;
mod stopping;
mod tls;
mod token;
mod tools;
mod traces;
mod tune;
mod users;
