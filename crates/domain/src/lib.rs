//! The nouns of Passgate and the rules of their states.
//!
//! This crate knows no database, no web framework and no cryptography. What it needs from
//! the outside is written down as [`ports`]: traits whose documentation is the contract that
//! every store keeps, checked by the suite in [`testing`].

pub mod audit;
pub mod client;
pub mod clock;
pub mod email;
pub mod guess;
pub mod ids;
pub mod password;
pub mod ports;
pub mod role;
pub mod scope;
pub mod session;
pub mod signing_key;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;
pub mod user;
pub mod username;

pub use client::ClientId;
pub use clock::{Clock, SystemClock};
pub use email::Email;
pub use ids::UserId;
pub use password::{Password, PasswordHash};
pub use role::Role;
pub use scope::{Scope, ScopeSet};
pub use user::{Credentials, ImportedUser, NewUser, Patch, User, UserChange, UserStatus};
pub use username::Username;
