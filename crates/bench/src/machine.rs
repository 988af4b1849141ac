//! On what it was measured.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::process::run;
use crate::{Fallible, limits, place};

/// What figures depend on besides the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) postgres: String,
    /// Of the source that was measured; `+` where it had changes.
    pub(crate) commit: String,
    /// What else kept the cores busy when the bench began: tasks wanting one, over a minute.
    pub(crate) load_before: String,
}

impl Machine {
    /// Looks.
    pub(crate) fn look(cluster: &Cluster, load_before: String) -> Fallible<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib: u64 = value_of(&memory, "MemTotal")
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default();
        Ok(Self {
            cores: limits::cores(),
            processor: value_of(&processors, "model name"),
            memory_gib: (kib + (1 << 19)) >> 20,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            postgres: cluster.version()?,
            commit: commit(),
            load_before,
        })
    }
}

/// The load of the last minute.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The value of the first line `NAME : VALUE`.
fn value_of(text: &str, name: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.trim() == name);
    found.map_or_else(
        || "unknown".to_owned(),
        |(_, value)| value.trim().to_owned(),
    )
}

/// A source without its history has none.
fn commit() -> String {
    let git = |args: &[&str]| {
        run(Command::new("git")
            .args(args)
            .current_dir(place::workspace()))
    };
    let Ok(hash) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let source = [
        "status",
        "--porcelain",
        "--",
        "crates",
        "Cargo.lock",
        "migrations",
    ];
    let changed = git(&source).is_ok_and(|changes| {
        let results = "crates/bench/figures.json";
        changes.lines().any(|line| !line.ends_with(results))
    });
    format!("{}{}", hash.trim(), if changed { "+" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: fast\n";
        assert_eq!(value_of(text, "model name"), "Some CPU: fast");
        assert_eq!(value_of(text, "MemTotal"), "unknown");
    }
}
