//! Where things are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Fallible;

/// The folder of the workspace, which holds the source that is measured.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// A file of this crate that is not compiled in.
pub(crate) fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The folder of a run: the cluster, the peers, the logs, the results.
pub(crate) fn folder() -> Fallible<PathBuf> {
    let folder = workspace().join("target/bench");
    fs::create_dir_all(folder.join("logs"))?;
    Ok(folder)
}
