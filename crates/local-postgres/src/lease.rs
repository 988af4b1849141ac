//! Locks between processes.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::LocalPostgresError;
use crate::account::Account;
use crate::home::{regular, without_links};
use crate::program::prepare;

/// Opens a lock file, making it if need be; whoever makes it gives it away.
fn open(path: &Path, account: Account) -> Result<File, LocalPostgresError> {
    let mut options = without_links();
    options.read(true).write(true).mode(0o600);
    let made = options.clone().create_new(true).open(path);
    let file = match made {
        Ok(file) => account.own_file(&file).map(|()| file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.open(path).and_then(regular)
        }
        Err(error) => Err(error),
    };
    file.map_err(LocalPostgresError::file(path, "opened"))
}

/// Held by the one process that is starting or stopping the server.
pub(crate) struct StartLock(#[expect(dead_code, reason = "holds the lock")] File);

impl StartLock {
    pub(crate) fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self, LocalPostgresError> {
        let file = open(path, Account::Ourselves)?;
        match file.try_lock() {
            Ok(()) => return Ok(Self(file)),
            Err(TryLockError::WouldBlock) => waiting(),
            Err(TryLockError::Error(error)) => {
                return Err(LocalPostgresError::file(path, "locked")(error));
            }
        }
        file.lock()
            .map_err(LocalPostgresError::file(path, "locked"))?;
        Ok(Self(file))
    }
}

/// Held by every process that uses the server.
pub(crate) struct Lease {
    file: File,
    path: PathBuf,
}

impl Lease {
    /// Waits while somebody is stopping the server.
    pub(crate) fn take(path: &Path, account: Account) -> Result<Self, LocalPostgresError> {
        let file = open(path, account)?;
        file.lock_shared()
            .map_err(LocalPostgresError::file(path, "locked"))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Gives the lease back. `true` if nobody else has one; nobody gets one then, until the
    /// value is dropped.
    pub(crate) fn is_last(&self) -> Result<bool, LocalPostgresError> {
        let locked = self.file.unlock();
        locked.map_err(LocalPostgresError::file(&self.path, "unlocked"))?;
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => {
                Err(LocalPostgresError::file(&self.path, "locked")(error))
            }
        }
    }
}

impl Lease {
    /// Waits while somebody else's watcher is stopping the server.
    pub(crate) fn wait(&self) -> Result<(), LocalPostgresError> {
        self.file
            .lock_shared()
            .map_err(LocalPostgresError::file(&self.path, "locked"))
    }
}

/// A process that runs a command once nobody has a lease any more, whatever became of them.
pub(crate) struct Watcher(Child);

impl Watcher {
    /// `None` where the system has no program for that.
    pub(crate) fn start(
        account: Account,
        home: &Path,
        lease: &Path,
        then: &[&str],
    ) -> Option<Self> {
        ["flock", "lockf"].into_iter().find_map(|locker| {
            let mut command = Command::new(locker);
            prepare(&mut command, account, home);
            if locker == "lockf" {
                // Do not remove the file afterwards.
                command.arg("-k");
            }
            command
                .arg(lease)
                .args(then)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                // Ctrl-C is for us, not for it.
                .process_group(0)
                .spawn()
                .ok()
                .map(Self)
        })
    }

    /// Ends it before its time.
    pub(crate) fn dismiss(mut self) {
        // Failing means that it has ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
