//! Use-cases, one a file: a command in, an outcome or that flow's error out.
//!
//! Flows are synchronous and generic over the ports of `passgate-domain`; a server runs each in
//! one hop to a thread that may block. None holds a database connection while a password is
//! hashed: they read, hash, then write.

mod change_password;
mod log_in;
mod refresh;
mod register;
mod revoke;
mod signing_keys;
mod tokens;

pub use change_password::{ChangePassword, ChangePasswordError, change_password};
pub use log_in::{LogIn, LogInError, LoggedIn, log_in};
pub use refresh::{Refresh, RefreshError, refresh};
pub use register::{Register, RegisterError, register};
pub use revoke::{Revoked, revoke};
pub use signing_keys::{SigningKeysError, open_key_ring};
pub use tokens::{Granted, InvalidLifetimes, Lifetimes, Tokens};
