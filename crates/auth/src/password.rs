//! Passwords: hashed with argon2id, checked against what is stored, moved to a stronger hash.
//!
//! [`Passwords`] keeps one arena of memory for each core and never runs more hashes at a time
//! than it has arenas: argon2 is bound by memory, so one more hash slows down all the others.
//! Whoever cannot be served soon is told so ([`PasswordError::Busy`]) instead of waiting.
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
mod cost;
mod error;
mod hasher;
mod policy;
mod stored;

pub use cost::{Cost, InvalidCost};
pub use error::PasswordError;
pub use hasher::{Check, Passwords, PasswordsBuilder};
pub use policy::{Policy, PolicyViolation};
pub use stored::Scheme;
