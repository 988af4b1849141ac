//! The folder that a cluster and everything about it lives in.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::account::Account;
use crate::{Durability, LocalPostgresError};

/// The longest path of a Unix socket (macOS; Linux allows four bytes more).
const SOCKET_PATH: usize = 103;

/// The name that a server gives its socket on the port it never opens.
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

pub(crate) struct Home {
    path: PathBuf,
    account: Account,
}

impl Home {
    /// Finds or makes the home of the cluster that belongs to a data directory: inside it, unless
    /// we are root and the server's user cannot get there.
    pub(crate) fn of(data_dir: &Path, durability: Durability) -> Result<Self, LocalPostgresError> {
        let pointer = data_dir.join("postgres-location");
        let path = match fs::read_to_string(&pointer) {
            Ok(elsewhere) => PathBuf::from(elsewhere.trim_end()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => data_dir.join("postgres"),
            Err(error) => return Err(LocalPostgresError::file(&pointer, "read")(error)),
        };
        let account = Account::for_cluster_in(&path)?;
        if path.exists() {
            return Ok(Self { path, account });
        }
        if account.reaches(data_dir) {
            make_folder(&path)?;
            account.own(&path)?;
            return Ok(Self { path, account });
        }
        let path = elsewhere(durability)?;
        account.own(&path)?;
        let line = format!("{}\n", path.display());
        without_links()
            .write(true)
            .create_new(true)
            .open(&pointer)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(LocalPostgresError::file(&pointer, "written"))?;
        Ok(Self { path, account })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn account(&self) -> Account {
        self.account
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file of the home; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, LocalPostgresError> {
        let path = self.file(name);
        let read = || {
            let mut text = String::new();
            regular(without_links().read(true).open(&path)?)?.read_to_string(&mut text)?;
            Ok(text)
        };
        match read() {
            Ok(text) => Ok(Some(text)),
            Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LocalPostgresError::file(&path, "read")(error)),
        }
    }

    /// The superuser's password, made at the first call.
    pub(crate) fn password(&self) -> Result<SecretString, LocalPostgresError> {
        if let Some(password) = self.read("password")? {
            return Ok(password.trim_end().into());
        }
        let password =
            random_password().map_err(LocalPostgresError::file(&self.file("password"), "made"))?;
        self.write("password", &password)?;
        Ok(password.into())
    }

    /// Writes a file for the server, whole or not at all.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), LocalPostgresError> {
        let (path, new) = (self.file(name), self.file(&format!("{name}.new")));
        let written = || {
            // One that was given up half-way.
            drop(fs::remove_file(&new));
            let mut file = without_links()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            self.account.own_file(&file)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        written().map_err(LocalPostgresError::file(&path, "written"))
    }

    /// A folder for the server's socket: the home, unless its path is too long for one or its
    /// file system has none.
    pub(crate) fn socket_folder(&self) -> Result<PathBuf, LocalPostgresError> {
        let fits = self.path.join(SOCKET).as_os_str().len() <= SOCKET_PATH;
        if fits && can_hold_sockets(&self.path) {
            return Ok(self.path.clone());
        }
        if let Some(kept) = self.read("socket-location")? {
            let kept = PathBuf::from(kept.trim_end());
            if self.is_ours_alone(&kept) {
                return Ok(kept);
            }
        }
        let folder = unique_folder(Path::new("/tmp"))?;
        self.account.own(&folder)?;
        self.write("socket-location", &format!("{}\n", folder.display()))?;
        Ok(folder)
    }

    /// In `/tmp` anybody could put a folder where ours was.
    fn is_ours_alone(&self, folder: &Path) -> bool {
        let (Ok(there), Ok(home)) = (fs::symlink_metadata(folder), fs::metadata(&self.path)) else {
            return false;
        };
        there.is_dir() && there.uid() == home.uid() && there.mode() & 0o777 == 0o700
    }
}

/// How files in the home are opened. It belongs to the server's user, whom root must not follow
/// to other files.
pub(crate) fn without_links() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    options
}

/// Insists on an ordinary file with one name: nothing that blocks, nothing that is elsewhere, too.
pub(crate) fn regular(file: File) -> io::Result<File> {
    let meta = file.metadata()?;
    if meta.is_file() && meta.nlink() == 1 {
        return Ok(file);
    }
    Err(io::Error::other("it is no ordinary file of its own"))
}

fn make_folder(path: &Path) -> Result<(), LocalPostgresError> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(LocalPostgresError::file(path, "made"))
}

fn elsewhere(durability: Durability) -> Result<PathBuf, LocalPostgresError> {
    let parent = match durability {
        Durability::Full => Path::new("/var/lib/passgate"),
        Durability::Disposable => return unique_folder(Path::new("/tmp")),
    };
    if !parent.exists() {
        fs::create_dir_all(parent).map_err(LocalPostgresError::file(parent, "made"))?;
        // Whatever our umask: the server's user has to get through.
        fs::set_permissions(parent, Permissions::from_mode(0o755)).map_err(
            LocalPostgresError::file(parent, "opened to the server's user"),
        )?;
    }
    unique_folder(parent)
}

fn unique_folder(parent: &Path) -> Result<PathBuf, LocalPostgresError> {
    tempfile::Builder::new()
        .prefix("passgate-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map(tempfile::TempDir::keep)
        .map_err(LocalPostgresError::file(parent, "written to"))
}

fn can_hold_sockets(folder: &Path) -> bool {
    let probe = folder.join(".probe");
    drop(fs::remove_file(&probe));
    let bound = UnixListener::bind(&probe).is_ok();
    drop(fs::remove_file(&probe));
    bound
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate that needs randomness"
)]
fn random_password() -> io::Result<String> {
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
    Ok(random
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}
