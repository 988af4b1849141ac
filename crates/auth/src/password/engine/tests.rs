use super::*;
use crate::password::arena::Input;
use crate::password::backend::InUse;
use crate::password::{Caller, Cost};
use std::hash::RandomState;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};

/// Work that tells when it is begun, and waits to be let go.
struct Held {
    begun: Sender<&'static str>,
    name: &'static str,
    go: Receiver<()>,
}

impl Work for Held {
    fn run(self, arena: &mut Arena) -> Result<Done, PasswordError> {
        arena.count();
        self.begun.send(self.name).unwrap();
        self.go.recv().expect("to be let go");
        Ok(Done::Checked {
            as_normal: true,
            as_typed: true,
        })
    }
}

struct Test {
    engine: Engine<Held>,
    begun: (Sender<&'static str>, Receiver<&'static str>),
    hashes: RandomState,
}

const LONG: Duration = Duration::from_mins(10);

fn engine(threads: usize, queue: usize, patience: Duration) -> Test {
    let limits = Limits {
        threads,
        queue,
        patience,
        rest: LONG,
    };
    let cost = Cost::try_new(8, 1, 1).unwrap();
    Test {
        engine: Engine::start(limits, || Arena::new(cost, InUse::Reference)).unwrap(),
        begun: channel(),
        hashes: RandomState::new(),
    }
}

impl Test {
    fn keys(&self, caller: u8) -> Keys {
        let caller = Caller::new().address([192, 0, 2, caller].into());
        Keys::of(&caller, &self.hashes)
    }

    fn submit_present(
        &self,
        caller: u8,
        name: &'static str,
        present: Option<Weak<()>>,
    ) -> Result<(Ticket, Sender<()>), PasswordError> {
        let (go, wait) = channel();
        let work = Held {
            begun: self.begun.0.clone(),
            name,
            go: wait,
        };
        let ticket = self.engine.submit(self.keys(caller), present, work)?;
        Ok((ticket, go))
    }

    fn submit(
        &self,
        caller: u8,
        name: &'static str,
    ) -> Result<(Ticket, Sender<()>), PasswordError> {
        self.submit_present(caller, name, None)
    }

    /// Submits and waits until a thread has begun it.
    fn begin(&self, caller: u8, name: &'static str) -> (Ticket, Sender<()>) {
        let submitted = self.submit(caller, name).unwrap();
        assert_eq!(self.next_begun(), name);
        submitted
    }

    fn next_begun(&self) -> &'static str {
        self.begun.1.recv().unwrap()
    }

    /// Makes the engine think that jobs take this long.
    fn usual(&self, usual: Duration) {
        self.engine.0.lock().usual = usual;
    }
}

fn is_busy<T>(outcome: &Result<T, PasswordError>) -> bool {
    matches!(outcome, Err(PasswordError::Busy { .. }))
}

#[test]
fn there_are_never_more_at_work_than_threads() {
    let test = engine(2, 1, LONG);
    let (first, go_first) = test.begin(1, "first");
    let (_second, go_second) = test.begin(2, "second");
    let (third, go_third) = test.submit(3, "third").unwrap();
    assert!(is_busy(&test.submit(4, "fourth")));
    assert!(test.begun.1.try_recv().is_err(), "the third waits");
    go_first.send(()).unwrap();
    assert!(first.wait().is_ok());
    assert_eq!(test.next_begun(), "third");
    go_third.send(()).unwrap();
    assert!(third.wait().is_ok());
    // The second is still at it.
    assert_eq!(test.engine.computed(), 2);
    go_second.send(()).unwrap();
}

#[test]
fn who_could_not_be_served_in_time_is_refused_at_once() {
    let test = engine(1, 64, Duration::from_secs(2));
    test.usual(Duration::from_millis(1200));
    let (_held, _go) = test.begin(1, "held");
    let waiting = test.submit(2, "waits").unwrap();
    // 1.2 s for what is being done and 1.2 s for each that waits: the second comes too late.
    let refused = test.submit(3, "too late").map(drop);
    assert!(is_busy(&refused));
    assert!(is_busy(&test.engine.would_admit(&test.keys(3))));
    let retry_after = Duration::from_millis(2400);
    assert_eq!(refused, Err(PasswordError::Busy { retry_after }));
    drop(waiting);
    assert!(test.engine.would_admit(&test.keys(3)).is_ok());
    assert!(test.submit(3, "in time").is_ok());
}

#[test]
fn as_many_wait_as_all_threads_together_serve_in_time() {
    for (threads, in_time) in [(1, 2), (2, 4)] {
        let minute = Duration::from_mins(1);
        let test = engine(usize::from(threads), 64, 2 * minute);
        test.usual(minute);
        let _held: Vec<_> = (0..threads)
            .map(|caller| test.begin(caller, "held"))
            .collect();
        let _waiting: Vec<_> = (0..in_time)
            .map(|caller| test.submit(100 + caller, "waits").unwrap())
            .collect();
        let refused = test.submit(200, "too late").map(drop);
        let retry_after = minute * u32::from(in_time + 1) / u32::from(threads);
        assert_eq!(refused, Err(PasswordError::Busy { retry_after }));
    }
}

#[test]
fn with_an_idle_thread_nobody_is_refused() {
    let test = engine(1, 0, Duration::ZERO);
    test.usual(LONG);
    let (ticket, go) = test.submit(1, "first").unwrap();
    assert!(is_busy(&test.submit(2, "second")));
    go.send(()).unwrap();
    assert!(ticket.wait().is_ok());
}

#[test]
fn what_waited_too_long_is_refused_and_not_begun() {
    let test = engine(1, 64, Duration::from_millis(1));
    let (held, go) = test.begin(1, "held");
    let (late, _go) = test.submit(2, "late").unwrap();
    // Past the deadline without sleeping: time passes by itself.
    let queued = Instant::now();
    while queued.elapsed() < Duration::from_millis(2) {
        thread::yield_now();
    }
    go.send(()).unwrap();
    assert!(held.wait().is_ok());
    assert!(is_busy(&late.wait()));
    assert_eq!(test.engine.dropped(), 1);
    assert_eq!(test.engine.computed(), 1);
}

#[test]
fn who_went_away_is_not_hashed_for() {
    let test = engine(1, 64, LONG);
    let (held, go) = test.begin(1, "held");
    let (abandoned, _go) = test.submit(2, "abandoned").unwrap();
    drop(abandoned);
    let present = Arc::new(());
    let watched = Some(Arc::downgrade(&present));
    let (left, _go) = test.submit_present(3, "left", watched).unwrap();
    let (stays, go_stays) = test.submit(4, "stays").unwrap();
    drop(present);
    go.send(()).unwrap();
    assert_eq!(test.next_begun(), "stays");
    assert!(matches!(left.wait(), Err(PasswordError::Abandoned)));
    go_stays.send(()).unwrap();
    assert!(held.wait().is_ok() && stays.wait().is_ok());
    assert_eq!(test.engine.computed(), 2);
}

#[test]
fn a_hundred_who_go_away_take_no_place_and_no_thread_beyond_the_limit() {
    let test = engine(1, 4, LONG);
    let (held, go) = test.begin(1, "held");
    for _ in 0..100 {
        let (ticket, _go) = test.submit(2, "dropped").unwrap();
        drop(ticket);
    }
    assert!(test.engine.waiting() <= 1);
    let (last, go_last) = test.submit(3, "last").unwrap();
    go.send(()).unwrap();
    assert_eq!(test.next_begun(), "last");
    go_last.send(()).unwrap();
    assert!(held.wait().is_ok() && last.wait().is_ok());
    assert_eq!(test.engine.computed(), 2);
}

#[test]
fn one_address_cannot_keep_others_out() {
    let test = engine(1, 4, LONG);
    let (_held, go) = test.begin(9, "held");
    let greedy: Vec<_> = ["g1", "g2", "g3", "g4"]
        .map(|name| test.submit(1, name).unwrap())
        .into();
    assert!(is_busy(&test.submit(1, "g5")), "its own fifth is refused");
    assert!(test.engine.would_admit(&test.keys(2)).is_ok());
    let (_other, go_other) = test.submit(2, "other").unwrap();
    go.send(()).unwrap();
    let mut tickets = greedy.into_iter();
    let (_first, go_first) = tickets.next().unwrap();
    assert_eq!(test.next_begun(), "g1");
    go_first.send(()).unwrap();
    assert_eq!(
        test.next_begun(),
        "other",
        "before the second of the greedy"
    );
    go_other.send(()).unwrap();
    let (last, _go) = tickets.next_back().unwrap();
    assert!(is_busy(&last.wait()), "the last of the greedy made room");
    assert_eq!(test.next_begun(), "g2");
}

#[test]
fn a_panic_is_a_failure_of_one_job_only() {
    let test = engine(1, 4, LONG);
    let (ticket, go) = test.begin(1, "panics");
    drop(go);
    assert!(matches!(ticket.wait(), Err(PasswordError::Internal)));
    let (ticket, go) = test.begin(1, "works");
    go.send(()).unwrap();
    assert!(ticket.wait().is_ok());
}

#[test]
fn what_waits_is_done_even_if_the_engine_is_gone() {
    let Test {
        engine,
        begun,
        hashes,
    } = engine(1, 4, LONG);
    let test = Test {
        engine,
        begun,
        hashes,
    };
    let (_held, go) = test.begin(1, "held");
    let (mut waits, go_waits) = test.submit(2, "waits").unwrap();
    let poll = Pin::new(&mut waits).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending());
    let Test { engine, begun, .. } = test;
    drop(engine);
    go.send(()).unwrap();
    assert_eq!(begun.1.recv().unwrap(), "waits");
    go_waits.send(()).unwrap();
    let done = loop {
        match Pin::new(&mut waits).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => break outcome,
            Poll::Pending => thread::yield_now(),
        }
    };
    assert!(done.is_ok());
}

#[test]
fn threads_whose_engine_is_gone_end() {
    let Test { engine, .. } = engine(2, 4, LONG);
    // Each of them holds it.
    let shared = Arc::downgrade(&engine.0);
    drop(engine);
    let began = Instant::now();
    while shared.strong_count() > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "they never do");
        thread::yield_now();
    }
}

#[test]
fn the_usual_time_follows_what_is_measured() {
    let test = engine(1, 4, LONG);
    let (ticket, go) = test.begin(1, "first");
    go.send(()).unwrap();
    assert!(ticket.wait().is_ok());
    let first = test.engine.usual();
    assert!(!first.is_zero());
    test.usual(Duration::from_secs(8));
    let (ticket, go) = test.begin(1, "second");
    go.send(()).unwrap();
    assert!(ticket.wait().is_ok());
    let second = test.engine.usual();
    assert!(second >= Duration::from_secs(7) && second < Duration::from_secs(8));
}

/// Work that hashes, or only looks, and tells whether it found the arena used.
struct Look {
    hashes: bool,
    found: Sender<bool>,
}

impl Work for Look {
    fn run(self, arena: &mut Arena) -> Result<Done, PasswordError> {
        self.found.send(arena.is_used()).unwrap();
        if self.hashes {
            let input = Input {
                algorithm: argon2::Algorithm::Argon2id,
                version: argon2::Version::V0x13,
                cost: Cost::try_new(8, 1, 1).unwrap(),
                password: b"password",
                salt: b"somesalt",
                secret: &[],
            };
            arena.argon2(&input, &mut [0; 16])?;
        }
        Ok(Done::Checked {
            as_normal: true,
            as_typed: true,
        })
    }
}

/// Looks at the arena of an engine with this rest, after a hash.
fn looks(rest: Duration) -> impl Iterator<Item = bool> {
    let limits = Limits {
        threads: 1,
        queue: 1,
        patience: LONG,
        rest,
    };
    let cost = Cost::try_new(8, 1, 1).unwrap();
    let engine = Engine::start(limits, || Arena::new(cost, InUse::Reference)).unwrap();
    let look = move |hashes| {
        let (found, finding) = channel();
        let ticket = engine.submit(Keys::default(), None, Look { hashes, found });
        assert!(ticket.unwrap().wait().is_ok());
        finding.recv().unwrap()
    };
    assert!(!look(true), "nobody used it before");
    std::iter::repeat_with(move || look(false))
}

#[test]
fn an_arena_is_kept_as_it_is_for_who_comes_next() {
    assert!(looks(LONG).take(10).all(|is_used| is_used));
}

#[test]
fn an_arena_that_nobody_needs_is_forgotten() {
    let begun = Instant::now();
    let mut looks = looks(Duration::ZERO);
    assert!(looks.any(|is_used| !is_used || begun.elapsed() > LONG));
    assert!(begun.elapsed() < LONG);
    assert!(looks.take(10).all(|is_used| !is_used));
}
