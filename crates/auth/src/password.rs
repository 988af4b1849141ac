//! Passwords: hashed with argon2id, checked against what is stored, moved to a stronger hash.
//!
//! [`Passwords`] has one thread with an arena of memory for each core and never runs more hashes
//! at a time: argon2 is bound by memory, so one more slows down all the others. Whoever cannot be
//! served in time is told so at once ([`PasswordError::Busy`]), whoever goes away is not hashed
//! for, and nobody takes more than a fair share ([`Passwords::for_caller`]). There are two doors:
//! [`Passwords::check_blocking`] for threads, [`Passwords::check`] for any async runtime.
//!
//! ```
//! use passgate_auth::domain::Password;
//! use passgate_auth::password::{Check, Passwords};
//!
//! let passwords = Passwords::builder().build()?;
//! let password = Password::parse("correct horse battery staple")?;
//! let stored = passwords.hash_blocking(&password)?;
//!
//! assert_eq!(passwords.check_blocking(&password, Some(&stored))?, Check::Match { upgrade: false });
//! // An unknown user costs the same time and is told the same.
//! assert_eq!(passwords.check_blocking(&password, None)?, Check::Mismatch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arena;
mod backend;
#[cfg(feature = "breached")]
mod breached;
mod caller;
mod cost;
mod engine;
mod error;
mod hasher;
mod pepper;
mod policy;
mod stored;
pub mod tune;
mod work;

pub use backend::{Backend, InUse};
#[cfg(feature = "breached")]
pub use breached::{BreachedPasswords, InvalidBreachedFile};
pub use caller::Caller;
pub use cost::{Cost, InvalidCost};
pub use error::PasswordError;
pub use hasher::{Check, Passwords, PasswordsBuilder, Presence};
pub use pepper::{InvalidPepper, Pepper};
pub use policy::{BreachCheckError, Personal, Policy, PolicyViolation, PolicyViolations};
pub use stored::Scheme;
