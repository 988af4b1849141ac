//! What can be said of the examples without building them; `scripts/test-examples.sh` does.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Where the examples are; they are not published with the crate, which cargo marks.
fn folder() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    (!here.join(".cargo_vcs_info.json").exists()).then(|| here.join("examples"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn each_stands_alone_and_is_locked() {
    let Some(folder) = folder() else { return };
    let packages: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(packages.len() >= 4, "{packages:?}");
    for package in packages {
        let manifest = read(&package.join("Cargo.toml"));
        let says = |line| manifest.lines().any(|own| own == line);
        assert!(says("[workspace]") && says("publish = false"), "{manifest}");
        assert!(
            package.join("Cargo.lock").is_file(),
            "{}",
            package.display()
        );
    }
}

#[test]
fn the_index_names_each_and_each_says_how_it_is_run() {
    let Some(folder) = folder() else { return };
    let index = read(&folder.join("README.md"));
    for service in ["todo-actix", "todo-axum", "embedded"] {
        assert!(
            index.contains(&format!("[{service}]({service})")),
            "{service}"
        );
        let readme = read(&folder.join(service).join("README.md"));
        assert!(readme.contains("cargo run"), "{service}");
    }
}

/// One is changed, and the other not: whoever compares the frameworks sees a difference that is
/// none of theirs.
#[test]
fn both_todo_services_have_the_same_store() {
    let Some(folder) = folder() else { return };
    let store = |service: &str| read(&folder.join(service).join("src/todos.rs"));
    assert_eq!(store("todo-actix"), store("todo-axum"));
}
