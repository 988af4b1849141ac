//! Use-cases, one a file: a command in, an outcome or that flow's error out.
//!
//! Flows are synchronous and generic over the ports of `passgate-domain`; a server runs each in
//! one hop to a thread that may block. None holds a database connection while a password is
//! hashed: they read, hash, then write.

mod log_in;
mod register;
mod signing_keys;

pub use log_in::{LogIn, LogInError, LoggedIn, log_in};
pub use register::{Register, RegisterError, register};
pub use signing_keys::{SigningKeysError, open_key_ring};
