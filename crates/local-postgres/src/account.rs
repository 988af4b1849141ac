//! Who runs the server.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, chown, fchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use crate::LocalPostgresError;

/// The user that PostgreSQL's programs run as: ourselves, unless we are root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    Ourselves,
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// The owner of what is there already; else somebody who is not root.
    pub(crate) fn for_cluster_in(home: &Path) -> Result<Self, LocalPostgresError> {
        let we = Uid::effective();
        let owner = match fs::metadata(home) {
            Ok(meta) => Some((meta.uid(), meta.gid())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(LocalPostgresError::file(home, "read")(error)),
        };
        match owner {
            Some((owner, _)) if owner == we.as_raw() && !we.is_root() => Ok(Self::Ourselves),
            Some((owner, gid)) if we.is_root() && owner != 0 => Ok(Self::Other { uid: owner, gid }),
            Some((owner, _)) if !we.is_root() => Err(LocalPostgresError::OtherOwner {
                path: home.to_owned(),
                owner,
                we: we.as_raw(),
            }),
            Some((0, _)) => Err(LocalPostgresError::OwnedByRoot(home.to_owned())),
            None if !we.is_root() => Ok(Self::Ourselves),
            _ => Self::unprivileged(),
        }
    }

    /// Whoever may run programs that we know nothing about.
    pub(crate) fn for_strangers() -> Result<Self, LocalPostgresError> {
        if Uid::effective().is_root() {
            Self::unprivileged()
        } else {
            Ok(Self::Ourselves)
        }
    }

    fn unprivileged() -> Result<Self, LocalPostgresError> {
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self::Other {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            })
            .ok_or(LocalPostgresError::NoAccount)
    }

    /// Makes a command run as this user, without any group of ours.
    pub(crate) fn applied_to(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Ourselves => command,
            Self::Other { uid, gid } => command.uid(uid).gid(gid),
        }
    }

    /// Gives the user an open file.
    pub(crate) fn own_file(self, file: &File) -> io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => fchown(file, Some(uid), Some(gid)),
        }
    }

    /// Gives the user a folder that we just made, where nobody else can write.
    pub(crate) fn own(self, path: &Path) -> Result<(), LocalPostgresError> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid))
                .map_err(LocalPostgresError::file(path, "given to the server's user")),
        }
    }

    /// Whether the user can get to the folder: home directories are often closed to others.
    pub(crate) fn reaches(self, folder: &Path) -> bool {
        match self {
            Self::Ourselves => true,
            Self::Other { .. } => self
                .applied_to(&mut Command::new("/bin/sh"))
                .args(["-c", "cd \"$0\""])
                .arg(folder)
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success()),
        }
    }
}
