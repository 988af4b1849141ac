//! Whether the machine has what the settings ask for.

use std::fs;

use passgate_auth::password::{InUse, Passwords};

use crate::config::PasswordArgs;
use crate::server::cores;

/// The memory that this process may use, in KiB, as far as the system tells: the machine's, or the
/// control group's if that is less.
pub fn memory_kib() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| of_machine(&text));
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| of_group(&text));
    [machine, group].into_iter().flatten().min()
}

fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn of_group(memory_max: &str) -> Option<u64> {
    memory_max
        .trim()
        .parse()
        .map(|bytes: u64| bytes / 1024)
        .ok()
}

/// Tells the log how passwords are hashed, and what is wrong with that.
pub fn tell(args: &PasswordArgs, passwords: &Passwords) {
    let backend = passwords.backend();
    tracing::info!(%backend, arenas = passwords.arenas(), cost = %passwords.cost(), "hashing passwords");
    if backend == InUse::Refused {
        tracing::error!(
            "the accelerated argon2 computes wrong tags on this machine and is not used: log-ins \
             are slower; please report the processor"
        );
    }
    for warning in warnings_of(args, passwords) {
        tracing::warn!("{warning}");
    }
}

/// What is wrong with these settings on this machine.
pub fn warnings_of(args: &PasswordArgs, passwords: &Passwords) -> Vec<String> {
    let asked = args.hash_arenas.map_or(0, std::num::NonZero::get);
    warnings(asked, cores(), passwords, memory_kib())
}

fn warnings(
    asked: usize,
    cores: usize,
    passwords: &Passwords,
    memory_kib: Option<u64>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if asked > cores {
        warnings.push(format!(
            "--hash-arenas {asked} is more than the {cores} cores: {cores} are used, since more \
             would slow down every hash"
        ));
    }
    let arenas = passwords.arenas() as u64 * u64::from(passwords.cost().memory_kib());
    if let Some(memory) = memory_kib.filter(|memory| arenas > memory / 2) {
        warnings.push(format!(
            "the arenas take {} MiB, more than half of the {} MiB of memory: lower --hash-arenas \
             or the m of --argon2",
            arenas / 1024,
            memory / 1024
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_system_writes_it() {
        let meminfo = "MemTotal:       24683044 kB\nMemFree:          555000 kB\n";
        assert_eq!(of_machine(meminfo), Some(24_683_044));
        assert_eq!(of_machine("MemFree: 1 kB\n"), None);
        assert_eq!(of_group("536870912\n"), Some(524_288));
        assert_eq!(of_group("max\n"), None);
    }

    #[test]
    fn too_many_arenas_and_too_much_memory_are_told_with_what_to_do() {
        let passwords = Passwords::builder().arenas(1).build().unwrap();
        assert!(warnings(0, 1, &passwords, None).is_empty());
        assert!(warnings(1, 1, &passwords, Some(40_000)).is_empty());
        let told = warnings(3, 2, &passwords, Some(38_911));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("--hash-arenas 3"), "{told:?}");
        assert!(
            told[1].contains("19 MiB") && told[1].contains("--argon2"),
            "{told:?}"
        );
    }
}
