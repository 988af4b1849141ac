//! `scripts/check-layers.sh` says nothing where nothing is wrong, and fails by name where an edge
//! is added that its layer must not have.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn workspace() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

fn check(root: &Path) -> Output {
    Command::new(workspace().join("scripts/check-layers.sh"))
        .arg(root)
        .output()
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// The workspace with one more line in the dependencies of a crate, locked as it is.
fn with_edge(krate: &str, dependency: &str) -> (tempfile::TempDir, Output) {
    let root = tempfile::tempdir().unwrap();
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(workspace().join(file), root.path().join(file)).unwrap();
    }
    copy(&workspace().join("crates"), &root.path().join("crates"));
    let manifest = root.path().join("crates").join(krate).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let edge = format!("\n[dependencies]\n{dependency}.workspace = true\n");
    fs::write(&manifest, text.replacen("\n[dependencies]\n", &edge, 1)).unwrap();
    // The script reads the lock file as it is: bring it up to date first, from what is there.
    let locked = Command::new(env!("CARGO"))
        .args(["update", "--workspace", "--offline", "--quiet"])
        .current_dir(root.path())
        .output()
        .unwrap();
    assert!(
        locked.status.success(),
        "{}",
        String::from_utf8_lossy(&locked.stderr)
    );
    let output = check(root.path());
    (root, output)
}

#[test]
fn the_layers_hold() {
    let output = check(&workspace());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_forbidden_edge_fails_by_name() {
    for (krate, dependency) in [
        ("domain", "diesel"),
        ("auth", "passgate-persistence"),
        ("persistence", "passgate-auth"),
        ("api", "jsonwebtoken"),
    ] {
        let (_root, output) = with_edge(krate, dependency);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success(),
            "{krate} -> {dependency} went through"
        );
        assert!(
            said.contains(&format!("passgate-{krate} must not")),
            "{said}"
        );
        assert!(said.contains(dependency), "{said}");
    }
}
