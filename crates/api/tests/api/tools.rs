//! Programs that only some tests need and not every machine has.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

/// Says that a test was skipped; fails where nothing may be.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var_os("PASSGATE_TEST_NO_SKIPS").is_none(),
        "nothing may be skipped here, and {why}"
    );
    tell(&format!("skipped: {why}"));
}

/// Writes a line of result.
pub(crate) fn tell(line: &str) {
    // Not by `println!`, which is shown for tests that fail only.
    io::stderr()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn chosen(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

/// A Python that has these modules.
pub(crate) fn python(modules: &str) -> Option<PathBuf> {
    let python = chosen("PASSGATE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skip(&format!(
        "{} has no {modules} (set PASSGATE_TEST_PYTHON to one that has)",
        python.display()
    ));
    None
}

/// The folder whose `node_modules` has this module.
pub(crate) fn node_folder(module: &str) -> Option<PathBuf> {
    let folder = chosen("PASSGATE_TEST_NODE").unwrap_or_else(|| ".".into());
    let script = format!("await import('{module}')");
    let has = Command::new("node")
        .args(["--input-type=module", "-e", &script])
        .current_dir(&folder)
        .output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(folder);
    }
    skip(&format!(
        "node finds no {module} in {} (set PASSGATE_TEST_NODE to a folder where it does)",
        folder.display()
    ));
    None
}

/// Where `chromedriver` is, if it and a Chromium are.
pub(crate) fn chromedriver() -> Option<&'static str> {
    let driver = ["chromedriver", "/usr/bin/chromedriver"]
        .into_iter()
        .find(|driver| {
            Command::new(driver)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        });
    if driver.is_none() {
        skip("there is no chromedriver (Debian: apt-get install chromium chromium-driver)");
    }
    driver
}

/// Where nginx is.
pub(crate) fn nginx() -> Option<&'static str> {
    let nginx = ["nginx", "/usr/sbin/nginx"].into_iter().find(|nginx| {
        Command::new(nginx)
            .arg("-v")
            .output()
            .is_ok_and(|output| output.status.success())
    });
    if nginx.is_none() {
        skip("there is no nginx");
    }
    nginx
}

/// Whether a program is in one of these folders, as PATH has them.
pub(crate) fn on_path(program: &str, path: &str) -> Option<()> {
    let is_there = std::env::split_paths(path).any(|folder| folder.join(program).is_file());
    if !is_there {
        skip(&format!(
            "there is no {program} (Debian: apt-get install bash postgresql-client curl openssl)"
        ));
        return None;
    }
    Some(())
}
