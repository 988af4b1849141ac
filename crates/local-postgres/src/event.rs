use std::fmt;
use std::path::PathBuf;

/// Something that takes a moment, for whoever is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another process is starting the same server.
    Waiting,
    /// No installed PostgreSQL was found: one is being downloaded.
    Fetching,
    /// One was downloaded.
    Fetched {
        /// Its version.
        version: String,
        /// Where it was put.
        to: PathBuf,
    },
    /// A new cluster is being made.
    Initialising {
        /// Where.
        data: PathBuf,
        /// The server's version.
        version: String,
    },
    /// The server is being started.
    Starting {
        /// Where its cluster is.
        data: PathBuf,
    },
    /// The server was running already.
    Reusing {
        /// Where its cluster is.
        data: PathBuf,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting for another process to start PostgreSQL"),
            Self::Fetching => f.write_str("no PostgreSQL is installed, downloading one"),
            Self::Fetched { version, to } => {
                write!(f, "downloaded PostgreSQL {version} to {}", to.display())
            }
            Self::Initialising { data, version } => {
                write!(f, "setting up PostgreSQL {version} in {}", data.display())
            }
            Self::Starting { data } => write!(f, "starting PostgreSQL in {}", data.display()),
            Self::Reusing { data } => {
                write!(f, "using the PostgreSQL that runs in {}", data.display())
            }
        }
    }
}
