use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Version};

use super::{Cost, PasswordError};

/// The memory of one hash, kept between hashes: getting it from the operating system, page by
/// page, costs about a third of the hash.
#[derive(Default)]
pub(super) struct Arena(Vec<Block>);

impl Arena {
    fn of(cost: Cost) -> Self {
        let mut arena = Self::default();
        arena.grow(blocks(cost));
        arena
    }

    fn grow(&mut self, blocks: usize) {
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
    }

    /// Computes an argon2 tag (RFC 9106 section 3.2) into `tag`.
    pub(super) fn argon2(
        &mut self,
        algorithm: Algorithm,
        version: Version,
        cost: Cost,
        password: &[u8],
        salt: &[u8],
        tag: &mut [u8],
    ) -> Result<(), PasswordError> {
        let params = cost.params(tag.len()).ok_or(PasswordError::Internal)?;
        self.grow(params.block_count());
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(password, salt, tag, &mut self.0[..])
            .map_err(|_| PasswordError::Internal)
    }
}

/// Four more blocks than KiB at most: argon2 rounds to whole segments, downwards.
fn blocks(cost: Cost) -> usize {
    cost.params(32).map_or(0, |params| params.block_count())
}

/// A fixed number of arenas and a bounded queue before them.
pub(super) struct Arenas {
    state: Mutex<State>,
    returned: Condvar,
    kept: Cost,
    queue: usize,
    patience: Duration,
    computed: AtomicU64,
}

struct State {
    idle: Vec<Arena>,
    waiting: usize,
}

/// Somebody refused comes back when the queue of now is done.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Arenas {
    /// `count` arenas for hashes of `cost`; at most `queue` callers wait for one, each at most
    /// for `patience`.
    pub(super) fn new(count: usize, cost: Cost, queue: usize, patience: Duration) -> Self {
        let idle = (0..count).map(|_| Arena::of(cost)).collect();
        Self {
            state: Mutex::new(State { idle, waiting: 0 }),
            returned: Condvar::new(),
            kept: cost,
            queue,
            patience,
            computed: AtomicU64::new(0),
        }
    }

    /// Waits for an arena and takes it.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if the queue is full, or `patience` is over.
    pub(super) fn lease(&self) -> Result<Lease<'_>, PasswordError> {
        let busy = PasswordError::Busy {
            retry_after: RETRY_AFTER,
        };
        let mut state = self.lock();
        if state.idle.is_empty() {
            if state.waiting >= self.queue {
                return Err(busy);
            }
            state.waiting += 1;
            state = self
                .returned
                .wait_timeout_while(state, self.patience, |state| state.idle.is_empty())
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.waiting -= 1;
        }
        let arena = state.idle.pop().ok_or(busy)?;
        Ok(Lease {
            arenas: self,
            arena,
        })
    }

    /// How many times an arena was used.
    pub(super) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing inside can be half changed by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An arena in use. It goes back when dropped, also by a panic.
pub(super) struct Lease<'a> {
    arenas: &'a Arenas,
    arena: Arena,
}

impl Lease<'_> {
    /// Notes that the arena, or the core that comes with it, did one unit of work.
    pub(super) fn count(&self) {
        self.arenas.computed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Deref for Lease<'_> {
    type Target = Arena;

    fn deref(&self) -> &Arena {
        &self.arena
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Arena {
        &mut self.arena
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut arena = std::mem::take(&mut self.arena);
        // A hash of greater cost, imported from elsewhere, does not keep its memory.
        let kept = blocks(self.arenas.kept);
        if arena.0.len() > kept {
            arena.0.truncate(kept);
            arena.0.shrink_to_fit();
        }
        self.arenas.lock().idle.push(arena);
        self.arenas.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    const TINY: Cost = match Cost::try_new(8, 1, 1) {
        Ok(cost) => cost,
        Err(_) => panic!("a cost"),
    };
    const LONG: Duration = Duration::from_mins(1);

    fn busy(lease: Result<Lease<'_>, PasswordError>) -> bool {
        matches!(lease.map(drop), Err(PasswordError::Busy { .. }))
    }

    #[test]
    fn there_are_never_more_leases_than_arenas() {
        let arenas = Arenas::new(2, TINY, 1, Duration::ZERO);
        let first = arenas.lease().unwrap();
        let _second = arenas.lease().unwrap();
        assert!(busy(arenas.lease()));
        drop(first);
        assert!(!busy(arenas.lease()));
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_who_waits_is_served() {
        let arenas = Arenas::new(1, TINY, 1, LONG);
        let held = arenas.lease().unwrap();
        thread::scope(|scope| {
            let (served, is_served) = mpsc::channel();
            let arenas = &arenas;
            scope.spawn(move || served.send(arenas.lease().is_ok()).unwrap());
            while arenas.lock().waiting == 0 {
                thread::yield_now();
            }
            // Would wait for a minute if it queued.
            assert!(busy(arenas.lease()));
            drop(held);
            assert!(is_served.recv().unwrap());
        });
        assert_eq!(arenas.lock().waiting, 0);
    }

    #[test]
    fn an_arena_comes_back_from_a_panic() {
        let arenas = Arenas::new(1, TINY, 0, LONG);
        thread::scope(|scope| {
            let held = scope.spawn(|| {
                let _lease = arenas.lease().unwrap();
                panic!("while hashing");
            });
            assert!(held.join().is_err());
        });
        assert!(!busy(arenas.lease()));
    }

    #[test]
    fn a_costlier_hash_does_not_keep_its_memory() {
        let arenas = Arenas::new(1, TINY, 0, LONG);
        let mut lease = arenas.lease().unwrap();
        let costly = Cost::try_new(1024, 1, 1).unwrap();
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        lease
            .argon2(algorithm, version, costly, b"pw", &[0; 16], &mut [0; 32])
            .unwrap();
        assert_eq!(lease.0.len(), 1024);
        drop(lease);
        assert_eq!(arenas.lock().idle[0].0.len(), 8);
    }

    /// RFC 9106 section 5.3 has a secret and associated data; without them the tags are those of
    /// the reference implementation (phc-winner-argon2, `test.c`).
    #[test]
    fn tags_are_those_of_the_reference_implementation() {
        for (algorithm, m, t, p, expected) in [
            (
                Algorithm::Argon2id,
                65_536,
                2,
                1,
                "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
            ),
            (
                Algorithm::Argon2id,
                256,
                2,
                1,
                "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
            ),
            (
                Algorithm::Argon2id,
                256,
                2,
                2,
                "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
            ),
            (
                Algorithm::Argon2i,
                65_536,
                2,
                1,
                "c1628832147d9720c5bd1cfd61367078729f6dfb6f8fea9ff98158e0d7816ed0",
            ),
        ] {
            let arenas = Arenas::new(1, TINY, 0, LONG);
            let cost = Cost::try_new(m, t, p).unwrap();
            let mut tag = [0; 32];
            let mut lease = arenas.lease().unwrap();
            for _ in 0..2 {
                lease
                    .argon2(
                        algorithm,
                        Version::V0x13,
                        cost,
                        b"password",
                        b"somesalt",
                        &mut tag,
                    )
                    .unwrap();
                let wanted: Vec<u8> = (0..64)
                    .step_by(2)
                    .map(|at| u8::from_str_radix(&expected[at..at + 2], 16).unwrap())
                    .collect();
                assert_eq!(tag[..], wanted, "{algorithm} {cost}");
            }
        }
    }
}
