use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use thiserror::Error;

/// Why there is no server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LocalPostgresError {
    /// PostgreSQL is not installed, and was not fetched.
    #[error("PostgreSQL was not found{}; {hint}, or name a database of your own", reason(.fetch.as_deref()))]
    NotFound {
        /// What to do on this system.
        hint: String,
        /// Why it could not be fetched, if that was tried.
        fetch: Option<String>,
    },
    /// The cluster is of another major version than every PostgreSQL found.
    #[error(
        "the cluster in {} was made by PostgreSQL {wanted}, and only {found} is there; install \
         PostgreSQL {wanted}, or use another data directory", data.display()
    )]
    OtherVersion {
        /// Where the cluster is.
        data: PathBuf,
        /// The version that made it.
        wanted: u32,
        /// The versions found.
        found: String,
    },
    /// A file or folder cannot be used.
    #[error("{} cannot be {action}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The operating system's reason.
        error: io::Error,
    },
    /// The cluster belongs to another user than the one who wants to use it.
    #[error(
        "{} belongs to the user with the id {owner}, and this process runs as {we}; run as that \
         user, or use another data directory", path.display()
    )]
    OtherOwner {
        /// What belongs to them.
        path: PathBuf,
        /// The owner's user id.
        owner: u32,
        /// Ours.
        we: u32,
    },
    /// Anybody may write to the data directory, and so choose what we run and trust.
    #[error("{} can be written to by everybody; run `chmod o-w` on it, or use another data directory", .0.display())]
    OpenToAll(PathBuf),
    /// The cluster is root's, as a copy is that was not made with its owners.
    #[error(
        "{path} belongs to root, and PostgreSQL refuses to run as root; give it to the user that \
         the server ran as before, for example with `chown -R postgres {path}`", path = .0.display()
    )]
    OwnedByRoot(PathBuf),
    /// We are root, and there is nobody to run the server as: PostgreSQL refuses to run as root.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user named postgres nor one \
         named nobody to run it as; run as an ordinary user"
    )]
    NoAccount,
    /// A program of PostgreSQL failed.
    #[error("{program} failed ({status}){}", said(.output))]
    Program {
        /// Which.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        output: String,
    },
    /// A program could not be started.
    #[error("{} could not be run: {error}", program.display())]
    Spawn {
        /// Which.
        program: PathBuf,
        /// The operating system's reason.
        error: io::Error,
    },
}

impl LocalPostgresError {
    pub(crate) fn file(
        path: &Path,
        action: &'static str,
    ) -> impl FnOnce(io::Error) -> LocalPostgresError + use<> {
        let path = path.to_owned();
        move |error| Self::File {
            path,
            action,
            error,
        }
    }
}

fn said(output: &str) -> String {
    if output.is_empty() {
        String::new()
    } else {
        format!(", it said: {output}")
    }
}

fn reason(fetch: Option<&str>) -> String {
    fetch.map_or_else(String::new, |why| {
        format!(" and could not be downloaded from github.com ({why})")
    })
}
