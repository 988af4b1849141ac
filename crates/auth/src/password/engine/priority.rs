/// Lets everything else on the machine go before this thread: by the policy `SCHED_IDLE` (sched(7)), under
/// which whoever wants the core gets it at once, and not at the end of a slice. Where there is no such
/// policy of a single thread, nothing is changed.
pub(super) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        // It also asks for a niceness, which means nothing under this policy and may be refused to a
        // process that began nicer. Who may not change the policy either hashes as before.
        let _ = set_thread_priority_and_policy(
            thread_native_id(),
            ThreadPriority::Min,
            ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
        );
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;

    /// `policy`, field 41 of proc(5), of this thread: 5 is `SCHED_IDLE`.
    fn policy() -> Option<String> {
        let stat = fs::read_to_string("/proc/thread-self/stat").ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        fields.split_whitespace().nth(41 - 3).map(str::to_owned)
    }

    #[test]
    fn this_thread_goes_last_and_no_other() {
        let before = policy();
        let there = std::thread::spawn(|| {
            yield_to_others();
            policy()
        });
        assert_eq!(there.join().unwrap().as_deref(), Some("5"));
        assert_eq!(policy(), before);
    }
}
