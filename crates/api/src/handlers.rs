//! Handlers: extract, build the command, run the flow, render.

pub mod admin;
mod caller;
mod fields;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod me;
pub mod metadata;
pub mod metrics;
pub mod page;
mod refusals;
pub mod revoke;
pub mod sessions;
pub mod token;
pub mod users;
pub mod verify;
pub mod version;
