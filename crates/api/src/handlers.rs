//! Handlers: extract, build the command, run the flow, render.

mod caller;
pub mod health;
pub mod jwks;
pub mod me;
pub mod metadata;
pub mod revoke;
pub mod sessions;
pub mod token;
pub mod users;
pub mod verify;
pub mod version;
