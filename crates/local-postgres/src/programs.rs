//! Finds the programs of PostgreSQL.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::program::prepare;

/// The oldest PostgreSQL that Passgate runs on: the oldest with `DROP DATABASE ... (FORCE)`.
const OLDEST: u32 = 13;

/// What a server needs.
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// An installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    bin: PathBuf,
    major: u32,
    minor: u32,
}

impl Programs {
    /// Looks into one folder.
    pub fn in_folder(bin: &Path) -> Option<Self> {
        if !NEEDED.iter().all(|name| bin.join(name).is_file()) {
            return None;
        }
        // As root, not as root: the folder may be anybody's.
        let mut probe = Command::new(bin.join("postgres"));
        prepare(&mut probe, Account::for_strangers().ok()?, Path::new("/"));
        let output = probe.arg("--version").stdin(Stdio::null()).output().ok()?;
        let (major, minor) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
        (major >= OLDEST).then(|| Self {
            bin: bin.to_owned(),
            major,
            minor,
        })
    }

    /// The folder.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The major version, which decides whose clusters it can run.
    pub fn major(&self) -> u32 {
        self.major
    }
}

impl fmt::Display for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Reads `postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)` and `... 17beta1`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text.split_whitespace().nth(2)?;
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((number(major)?, number(minor).unwrap_or(0)))
}

/// Where to look for PostgreSQL.
#[derive(Debug, Clone, Default)]
pub struct Places(Vec<PathBuf>);

/// Folders in which packages put the programs, version by version. `*` is anything, within one
/// component.
const PACKAGED: [&str; 11] = [
    // Debian, Ubuntu, openSUSE
    "/usr/lib/postgresql/*/bin",
    "/usr/lib/postgresql*/bin",
    // Fedora, RHEL and the project's own RPMs
    "/usr/pgsql-*/bin",
    // Alpine
    "/usr/libexec/postgresql*",
    // Gentoo
    "/usr/lib64/postgresql-*/bin",
    // Homebrew, on Apple silicon, Intel and Linux
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    // Postgres.app
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    // From source, FreeBSD
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
];

impl Places {
    /// Everywhere on this system: `PATH`, where `pg_config` says, and where packages put it.
    pub fn system() -> Self {
        let mut folders = on_path();
        folders.extend(named_by_pg_config());
        folders.extend(
            PACKAGED
                .iter()
                .flat_map(|pattern| matching(Path::new("/"), pattern)),
        );
        Self(folders)
    }

    /// These folders and no others.
    pub fn only(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(folders.into_iter().collect())
    }

    #[cfg(feature = "fetch")]
    pub(crate) fn and(mut self, pattern_root: &Path, pattern: &str) -> Self {
        self.0.extend(matching(pattern_root, pattern));
        self
    }

    /// Every PostgreSQL there, the newest first.
    pub fn search(&self) -> Vec<Programs> {
        let mut seen: Vec<&PathBuf> = Vec::new();
        let mut found = Vec::new();
        for folder in &self.0 {
            if !seen.contains(&folder) {
                seen.push(folder);
                found.extend(Programs::in_folder(folder));
            }
        }
        found.sort_by_key(|programs| std::cmp::Reverse((programs.major, programs.minor)));
        found
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "PATH is where programs are, not configuration"
)]
fn on_path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .collect()
}

fn named_by_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    (!folder.trim().is_empty()).then(|| PathBuf::from(folder.trim()))
}

/// The folders under `root` that match a pattern.
fn matching(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    for component in pattern.split('/').filter(|component| !component.is_empty()) {
        folders = match component.split_once('*') {
            None => folders
                .into_iter()
                .map(|folder| folder.join(component))
                .collect(),
            Some((prefix, suffix)) => folders
                .iter()
                .filter_map(|folder| fs::read_dir(folder).ok())
                .flatten()
                .flatten()
                .filter(|entry| {
                    let name = entry.file_name();
                    let name = name.to_string_lossy();
                    name.starts_with(prefix) && name.ends_with(suffix)
                })
                .map(|entry| entry.path())
                .collect(),
        };
    }
    folders.retain(|folder| folder.is_dir());
    folders
}

/// What somebody on this system does to get PostgreSQL.
pub(crate) fn install_hint() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    hint_for(std::env::consts::OS, &release)
}

fn hint_for(os: &str, os_release: &str) -> String {
    let ids: String = os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .collect::<Vec<_>>()
        .join(" ");
    let is = |id: &str| {
        ids.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == id)
    };
    let command = match os {
        "macos" => "brew install postgresql@17",
        _ if is("debian") || is("ubuntu") => "apt-get install postgresql",
        _ if is("fedora") || is("rhel") || is("centos") => "dnf install postgresql-server",
        _ if is("alpine") => "apk add postgresql",
        _ if is("arch") => "pacman -S postgresql",
        _ if is("suse") || is("opensuse") => "zypper install postgresql-server",
        _ => {
            return format!(
                "install PostgreSQL {OLDEST} or newer and put its programs on the PATH"
            );
        }
    };
    format!("install it with `{command}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn versions_are_read_as_every_packager_writes_them() {
        for (text, version) in [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
                Some((15, 18)),
            ),
            ("postgres (PostgreSQL) 17.2\n", Some((17, 2))),
            ("postgres (PostgreSQL) 18beta1\n", Some((18, 0))),
            ("postgres (PostgreSQL) 9.6.24\n", Some((9, 6))),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }

    /// One that the server's user can get to.
    fn open_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn install(root: &Path, folder: &str, version: &str) -> PathBuf {
        let bin = root.join(folder);
        fs::create_dir_all(&bin).unwrap();
        for name in NEEDED {
            let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
            fs::write(bin.join(name), script).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        bin
    }

    #[test]
    fn the_newest_of_several_comes_first_and_the_too_old_not_at_all() {
        let root = open_folder();
        let old = install(root.path(), "usr/lib/postgresql/9.6/bin", "9.6.24");
        let middle = install(root.path(), "usr/lib/postgresql/15/bin", "15.8");
        let new = install(root.path(), "usr/lib/postgresql/17/bin", "17.2");
        let places = Places::only([old, middle.clone(), new.clone(), middle.clone()]);
        let found: Vec<PathBuf> = places.search().into_iter().map(|found| found.bin).collect();
        assert_eq!(found, [new, middle]);
    }

    #[test]
    fn packagers_folders_are_matched_by_pattern() {
        let root = open_folder();
        let debian = install(root.path(), "usr/lib/postgresql/15/bin", "15.8");
        let fedora = install(root.path(), "usr/pgsql-16/bin", "16.1");
        let brew = install(root.path(), "opt/homebrew/opt/postgresql@17/bin", "17.2");
        for folder in [debian, fedora, brew] {
            let found = PACKAGED
                .iter()
                .flat_map(|pattern| matching(root.path(), pattern));
            assert!(
                found.into_iter().any(|found| found == folder),
                "{}",
                folder.display()
            );
        }
    }

    #[test]
    fn a_folder_without_all_programs_is_no_installation() {
        let root = open_folder();
        let bin = install(root.path(), "bin", "17.2");
        fs::remove_file(bin.join("initdb")).unwrap();
        assert_eq!(Programs::in_folder(&bin), None);
    }

    #[test]
    fn the_hint_names_this_systems_package_manager() {
        for (os, release, expected) in [
            ("linux", "ID=debian\n", "apt-get install postgresql"),
            (
                "linux",
                "NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                "apt-get",
            ),
            (
                "linux",
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                "dnf",
            ),
            ("linux", "ID=alpine\n", "apk add"),
            (
                "linux",
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
                "zypper",
            ),
            ("macos", "", "brew"),
            ("linux", "", "PATH"),
        ] {
            assert!(hint_for(os, release).contains(expected), "{os} {release}");
        }
    }
}
