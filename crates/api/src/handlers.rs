//! Handlers: extract, build the command, run the flow, render.

pub mod health;
pub mod jwks;
pub mod revoke;
pub mod token;
pub mod users;
pub mod version;
