//! Makes cargo notice a new migration, which `embed_migrations!` alone does not, and names the
//! state of all of them, so that tests know a template database of another state.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

const MIGRATIONS: &str = "../../migrations";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={MIGRATIONS}");
    let mut files = BTreeMap::new();
    read(Path::new(MIGRATIONS), &mut files)?;
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    println!(
        "cargo::rustc-env=PASSGATE_MIGRATIONS={:016x}",
        hasher.finish()
    );
    Ok(())
}

fn read(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, files)?;
        } else {
            files.insert(path.clone(), fs::read(path)?);
        }
    }
    Ok(())
}
