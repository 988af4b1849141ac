//! Use-cases, one a file: a command in, an outcome or that flow's error out.
//!
//! Flows are synchronous and generic over the ports of `passgate-domain`; a server runs each in
//! one hop to a thread that may block. None holds a database connection while a password is
//! hashed: they read, hash, then write.

mod authenticate;
mod change_password;
mod client_token;
mod clients;
mod guessing;
mod holder;
mod introspect;
mod log_in;
mod refresh;
mod register;
mod revoke;
mod signing_keys;
mod tokens;

pub use authenticate::{ClientCredentials, ClientError};
pub use change_password::{ChangePassword, ChangePasswordError, change_password};
pub use client_token::{ClientToken, ClientTokenError, client_token};
pub use clients::{
    AddSecretError, RegisterClient, RegisterClientError, add_client_secret, register_client,
};
pub use guessing::{DEVICE_LIFE, DeviceToken, GuessLimits, Guessing, TooManyGuesses};
pub use holder::Holder;
pub use introspect::{IntrospectError, Introspection, Introspector, TokenKind, introspect};
pub use log_in::{LogIn, LogInError, LoggedIn, log_in};
pub use refresh::{Refresh, RefreshError, refresh};
pub use register::{Register, RegisterError, register};
pub use revoke::{Revoke, RevokeError, Revoked, revoke};
pub use signing_keys::{
    AnnounceError, Followed, InvalidSchedule, KeySchedule, ReplacedKeys, SigningKeys,
    SigningKeysError, announce_key, replace_keys, reseal_keys,
};
pub use tokens::{ClientGranted, Granted, InvalidLifetimes, Lifetimes, Tokens};

/// Has a password hashed, in a span of its own: it is what a log-in waits for.
fn hashing<T>(work: impl FnOnce() -> T) -> T {
    tracing::trace_span!("hash").in_scope(work)
}
