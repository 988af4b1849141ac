//! The threads that hash, and the queue before them.

mod priority;
mod queue;
mod ticket;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use passgate_domain::PasswordHash;

use self::queue::Queue;
use self::ticket::Errand;
pub(super) use self::ticket::Ticket;
use super::PasswordError;
use super::arena::Arena;
use super::caller::Keys;

/// Something to be done in an arena.
pub(super) trait Work: Send + 'static {
    fn run(self, arena: &mut Arena) -> Result<Done, PasswordError>;
}

/// What came out of it.
pub(super) enum Done {
    Hashed(PasswordHash),
    Checked { as_normal: bool, as_typed: bool },
}

/// How much is done at a time, and how much waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) threads: usize,
    pub(super) queue: usize,
    pub(super) patience: Duration,
    /// How long a thread without a job leaves its arena as it is.
    pub(super) rest: Duration,
}

/// A fixed number of threads, each with its arena, and a bounded queue before them. Dropping it
/// lets the threads finish what waits, and end.
pub(super) struct Engine<W: Work>(Arc<Shared<W>>);

struct Shared<W> {
    state: Mutex<State<W>>,
    wake: Condvar,
    limits: Limits,
    computed: AtomicU64,
    dropped: AtomicU64,
}

struct State<W> {
    queue: Queue<Job<W>>,
    busy: usize,
    /// How long a job takes, lately.
    usual: Duration,
    closed: bool,
}

/// What a thread does next.
enum Turn<W> {
    Do(Job<W>),
    /// Nobody came for a while.
    Rest,
    /// The engine is gone, and everything is done.
    End,
}

struct Job<W> {
    errand: Errand,
    present: Option<Weak<()>>,
    work: W,
}

/// What the newest job counts for in [`State::usual`]: one in eight.
const SMOOTHING: u32 = 8;

impl<W: Work> Engine<W> {
    /// Starts the threads; `arena` makes what each works in.
    pub(super) fn start(limits: Limits, arena: impl Fn() -> Arena) -> io::Result<Self> {
        let engine = Self(Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::new(),
                busy: 0,
                usual: Duration::ZERO,
                closed: false,
            }),
            wake: Condvar::new(),
            limits,
            computed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }));
        for _ in 0..limits.threads {
            let (shared, arena) = (Arc::clone(&engine.0), arena());
            thread::Builder::new()
                .name("hash".to_owned())
                .spawn(move || shared.serve(arena))?;
        }
        Ok(engine)
    }

    /// Queues a job, unless it could not be done in time. Whoever is `present` is asked again
    /// before the job is begun.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], at once.
    pub(super) fn submit(
        &self,
        keys: Keys,
        present: Option<Weak<()>>,
        work: W,
    ) -> Result<Ticket, PasswordError> {
        let shared = &*self.0;
        let now = Instant::now();
        let mut state = shared.lock();
        let swept = state.queue.sweep(now, Job::is_gone);
        let round = state.queue.round_of(&keys);
        // Whoever finds an idle thread is served whatever the patience.
        let deadline = (!state.is_idle(shared.limits)).then(|| now + shared.limits.patience);
        let outcome = match state.admit(round, shared.limits) {
            Ok(evicted) => {
                let (ticket, errand) = ticket::pair();
                let job = Job {
                    errand,
                    present,
                    work,
                };
                state.queue.push(round, keys, deadline, job);
                Ok((ticket, evicted))
            }
            Err(busy) => Err(busy),
        };
        let busy = state.busy_answer(shared.limits);
        drop(state);
        shared.refuse(swept, busy);
        let (ticket, evicted) = outcome?;
        shared.refuse(evicted, busy);
        shared.wake.notify_one();
        Ok(ticket)
    }

    /// Whether a job would be refused at this moment.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if it would.
    pub(super) fn would_admit(&self, keys: &Keys) -> Result<(), PasswordError> {
        let mut state = self.0.lock();
        let swept = state.queue.sweep(Instant::now(), Job::is_gone);
        let round = state.queue.round_of(keys);
        let outcome = state.has_room(round, self.0.limits);
        let busy = state.busy_answer(self.0.limits);
        drop(state);
        self.0.refuse(swept, busy);
        outcome
    }

    pub(super) fn limits(&self) -> Limits {
        self.0.limits
    }

    /// How many units of work were done.
    pub(super) fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }

    /// How many jobs were taken out of the queue undone, for whatever reason.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// How many jobs are being done.
    pub(super) fn at_work(&self) -> usize {
        self.0.lock().busy
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.lock().queue.len()
    }

    /// How long a job takes, lately.
    pub(super) fn usual(&self) -> Duration {
        self.0.lock().usual
    }
}

impl<W: Work> Drop for Engine<W> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl<W> State<W> {
    /// Whether a thread is free for one more job.
    fn is_idle(&self, limits: Limits) -> bool {
        self.queue.len() + self.busy < limits.threads
    }

    /// Whether a new job of this round could be served in time, if others of later rounds make
    /// room.
    fn has_room(&self, round: u64, limits: Limits) -> Result<(), PasswordError> {
        if self.is_idle(limits) {
            return Ok(());
        }
        let before = self.queue.before(round);
        let wait = self.takes(before + 1, limits);
        if wait > limits.patience || before >= limits.queue {
            return Err(self.busy_answer(limits));
        }
        Ok(())
    }

    /// Makes room for a new job of this round, or refuses it.
    fn admit(&mut self, round: u64, limits: Limits) -> Result<Option<Job<W>>, PasswordError> {
        self.has_room(round, limits)?;
        if self.is_idle(limits) || self.queue.len() < limits.queue {
            return Ok(None);
        }
        match self.queue.yield_to(round) {
            Some(job) => Ok(Some(job)),
            None => Err(self.busy_answer(limits)),
        }
    }

    fn busy_answer(&self, limits: Limits) -> PasswordError {
        PasswordError::Busy {
            retry_after: self.takes(self.queue.len() + 1, limits),
        }
    }

    /// How long so many jobs take all threads together.
    fn takes(&self, jobs: usize, limits: Limits) -> Duration {
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        let threads = u32::try_from(limits.threads).unwrap_or(u32::MAX).max(1);
        self.usual.saturating_mul(jobs) / threads
    }
}

impl<W> Job<W> {
    fn is_gone(&self) -> bool {
        let absent = |present: &Weak<()>| present.strong_count() == 0;
        !self.errand.is_waited_for() || self.present.as_ref().is_some_and(absent)
    }
}

impl<W> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        // Nothing inside can be half changed by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, jobs: impl IntoIterator<Item = Job<W>>, busy: PasswordError) {
        for job in jobs {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            let gone = job.is_gone();
            let answer = if gone { PasswordError::Abandoned } else { busy };
            job.errand.deliver(Err(answer));
        }
    }

    /// The next job whose time has not run out and that somebody waits for. Who has something to do
    /// at rest is told when it is time.
    fn next(&self, may_rest: bool) -> Turn<W> {
        let mut state = self.lock();
        loop {
            let swept = state.queue.sweep(Instant::now(), Job::is_gone);
            if !swept.is_empty() {
                let busy = state.busy_answer(self.limits);
                drop(state);
                self.refuse(swept, busy);
                state = self.lock();
                continue;
            }
            if let Some(job) = state.queue.pop() {
                state.busy += 1;
                return Turn::Do(job);
            }
            if state.closed {
                return Turn::End;
            }
            if !may_rest {
                let woken = self.wake.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let woken = self.wake.wait_timeout(state, self.limits.rest);
            let (guard, waited) = woken.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if waited.timed_out() && state.queue.len() == 0 && !state.closed {
                return Turn::Rest;
            }
        }
    }
}

impl<W: Work> Shared<W> {
    fn serve(&self, mut arena: Arena) {
        priority::yield_to_others();
        loop {
            let Job { errand, work, .. } = match self.next(arena.is_used()) {
                Turn::Do(job) => job,
                Turn::Rest => {
                    arena.forget();
                    continue;
                }
                Turn::End => return,
            };
            let begun = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| work.run(&mut arena)))
                .unwrap_or(Err(PasswordError::Internal));
            let took = begun.elapsed();
            arena.settle();
            self.computed
                .fetch_add(arena.take_computed(), Ordering::Relaxed);
            let mut state = self.lock();
            state.busy -= 1;
            state.usual = if state.usual.is_zero() {
                took
            } else {
                (state.usual * (SMOOTHING - 1) + took) / SMOOTHING
            };
            drop(state);
            // Last, so that whoever is answered finds the thread free again.
            errand.deliver(outcome);
        }
    }
}

#[cfg(test)]
mod tests;
