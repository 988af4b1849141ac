//! How many files this process may have open, and how many of them are for clients.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Kept for what is neither a client's nor the database's: the log, a file that is looked at.
const OWN: u64 = 48;

/// What a worker polls with: two of epoll, an event, a socket for signals.
const OF_WORKER: u64 = 4;

/// The most connections of a worker, where there are descriptors for more (actix's own default).
const MOST: u64 = 25_000;

/// Takes what the system lets us have: the lower limit, 1024 in many places, is for programs from
/// before `poll`. Returns how many there are.
pub(crate) fn raise() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let lower = limit.current;
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_ok() {
        limit.maximum.unwrap_or(u64::MAX)
    } else {
        lower.unwrap_or(u64::MAX)
    }
}

/// How many this process may have open; none where there is no limit.
pub(crate) fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many connections each worker takes, so that the rest suffices for the database. Who comes when
/// there are so many waits in the kernel's queue until somebody goes.
pub(crate) fn connections_a_worker(limit: u64, workers: usize, of_database: usize) -> usize {
    let workers = u64::try_from(workers).unwrap_or(1).max(1);
    let of_others = u64::try_from(of_database)
        .unwrap_or(MOST)
        .saturating_add(OWN + OF_WORKER * workers);
    let share = limit.saturating_sub(of_others) / workers;
    usize::try_from(share.clamp(1, MOST)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_the_database_does_not_need() {
        assert_eq!(connections_a_worker(u64::MAX, 2, 16), 25_000);
        assert_eq!(connections_a_worker(1024, 2, 48), (1024 - 48 - 48 - 8) / 2);
        assert_eq!(connections_a_worker(96, 2, 12), 14);
        let many = 64;
        let of_clients = many * connections_a_worker(1024, many, 192);
        assert!(of_clients + 192 + 4 * many + 16 <= 1024, "{of_clients}");
        assert_eq!(connections_a_worker(32, 4, 12), 1, "never none");
    }
}
