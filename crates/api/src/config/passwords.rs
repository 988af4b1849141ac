use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use passgate_auth::password::{Backend, Cost};
use secrecy::SecretString;

/// Which code computes argon2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HashBackend {
    /// The one with vector instructions, after it has proved itself at start-up.
    Auto,
    /// The slower one, which more people have read.
    Reference,
}

impl From<HashBackend> for Backend {
    fn from(backend: HashBackend) -> Self {
        match backend {
            HashBackend::Auto => Self::Auto,
            HashBackend::Reference => Self::Reference,
        }
    }
}

/// What makes and stores passwords.
#[derive(Debug, Clone, Args)]
pub struct PasswordArgs {
    /// The cost of a password hash: memory in KiB, passes, lanes (argon2id, RFC 9106).
    #[arg(
        long,
        env = "PASSGATE_ARGON2",
        default_value = "m=19456,t=2,p=1",
        value_name = "COST"
    )]
    pub argon2: Cost,

    /// How many passwords are hashed at once, each in memory of its own; never more than there
    /// are cores [default: the number of cores].
    #[arg(long, env = "PASSGATE_HASH_ARENAS", value_name = "N")]
    pub hash_arenas: Option<NonZeroUsize>,

    /// Which code computes argon2.
    #[arg(
        long,
        env = "PASSGATE_HASH_BACKEND",
        default_value = "auto",
        value_name = "BACKEND"
    )]
    pub hash_backend: HashBackend,

    /// Goes into every new password hash, so that a copy of the database alone gives nothing to
    /// guess at: at least 32 bytes, kept apart from the database and its backups. Who loses it
    /// locks everybody out.
    #[arg(
        long,
        env = "PASSGATE_PEPPER",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub pepper: Option<SecretString>,

    /// The pepper of older hashes, which move to the new one as their owners log in; several are
    /// separated by commas.
    #[arg(
        long,
        env = "PASSGATE_PREVIOUS_PEPPER",
        hide_env_values = true,
        value_name = "SECRET",
        value_delimiter = ','
    )]
    pub previous_pepper: Vec<SecretString>,

    /// The fewest characters of a new password: 8 to 512 (NIST SP 800-63B-4 wants 15 where nothing
    /// but the password is asked for).
    #[arg(long, env = "PASSGATE_PASSWORD_MIN_LENGTH", default_value_t = 12, value_name = "N",
          value_parser = clap::value_parser!(u16).range(8..=512))]
    pub password_min_length: u16,

    /// A file of passwords that are known from breaches, which no new password may be: Have I Been
    /// Pwned's, ordered by hash. It is looked up where it lies, and never read as a whole.
    #[arg(long, env = "PASSGATE_BREACHED_PASSWORDS", value_name = "FILE")]
    pub breached_passwords: Option<PathBuf>,
}
