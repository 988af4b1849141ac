/// How much nicer the hashing threads are than the rest of the process: at ten, Linux gives a
/// thread about a tenth of what it gives one at zero, if both want the core
/// (`sched_prio_to_weight`: 110 to 1024).
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

/// Lets everything else on the machine go before this thread. Where the platform has no priority
/// of a single thread, nothing is changed: on other Unixes the same call is for the whole process.
pub(super) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let now = getpriority_process(None).unwrap_or(0);
        // The least nice is 19. Whoever may not be nicer hashes as before.
        let _ = setpriority_process(None, (now + NICER).min(19));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn this_thread_becomes_nicer_and_no_other() {
        let before = getpriority_process(None).unwrap();
        let there = std::thread::spawn(|| {
            yield_to_others();
            getpriority_process(None).unwrap()
        });
        assert_eq!(there.join().unwrap(), (before + NICER).min(19));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
