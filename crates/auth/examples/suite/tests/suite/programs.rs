//! The programs under test, built where they are not built yet.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

fn examples() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// One of the examples, built into the target directory of this program.
pub fn example(name: &str) -> PathBuf {
    let this = env::current_exe().unwrap();
    let target = this.ancestors().nth(3).unwrap().to_str().unwrap();
    built(&examples().join(name), &["--target-dir", target])
}

/// Passgate: the one that is named, or the one of this repository.
pub fn passgate() -> PathBuf {
    if let Some(program) = env::var_os("PASSGATE_TEST_PROGRAM") {
        return program.into();
    }
    built(&examples().join("../../api"), &[])
}

/// What cargo makes of a package, once for all tests.
fn built(package: &Path, args: &[&str]) -> PathBuf {
    static BUILT: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let program = built.entry(package.to_owned());
    program.or_insert_with(|| build(package, args)).clone()
}

fn build(package: &Path, args: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--locked", "--quiet"])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(package.join("Cargo.toml"))
        .args(args);
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{cargo:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .unwrap_or_else(|| panic!("{cargo:?} names no program"))
}

/// Says that a test was skipped; fails where nothing may be.
pub fn skip(why: &str) {
    assert!(
        env::var_os("PASSGATE_TEST_NO_SKIPS").is_none(),
        "nothing may be skipped here, and {why}"
    );
    // Not by `eprintln!`, which is shown for tests that fail only.
    drop(writeln!(io::stderr(), "skipped: {why}"));
}
