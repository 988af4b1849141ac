use std::time::Duration;

use thiserror::Error;

/// Why a password could be neither hashed nor checked. Repeats nothing of password or hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// It could not be done in time, or was not.
    #[error("too many passwords are being checked just now")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Whoever asked has gone away, so that it was not done.
    #[error("nobody waits for the password any more")]
    Abandoned,
    /// The stored text is damaged.
    #[error("the stored password hash is malformed: {0}")]
    Corrupt(&'static str),
    /// The stored text is of a scheme that is not checked here.
    #[error(
        "the stored password hash is of a scheme that is not supported: argon2, bcrypt, scrypt and \
         PBKDF2 are, in PHC strings ($argon2id$, $2b$, $scrypt$, $pbkdf2-sha256$), in passlib's and \
         in Django's (pbkdf2_sha256$), and Firebase's scrypt as $fbscrypt$"
    )]
    UnsupportedScheme,
    /// The stored text names a pepper that is not among those given.
    #[error(
        "the stored password hash was made with a pepper that is not configured: give it as a \
         previous one"
    )]
    UnknownPepper,
    /// Checking it would cost more than any check may: whoever can write to the store must not
    /// be able to stop the service.
    #[error("the stored password hash costs more than is allowed: {0}")]
    LimitExceeded(&'static str),
    /// The library failed.
    #[error("the password could not be hashed")]
    Internal,
}
