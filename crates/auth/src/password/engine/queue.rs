use std::time::Instant;

use crate::password::caller::Keys;

/// Jobs that wait, in the order of fair queueing: each caller's first job is in the first round,
/// its second in the second, and rounds are served one after another. Whoever asks once waits
/// behind nobody's second, however many those are; and when the queue is full, the last job of the
/// last round makes room.
///
/// A queue is short (tens of jobs), so that looking through it costs less than an index would.
pub(super) struct Queue<J> {
    waiting: Vec<Place<J>>,
    /// The round of the job that was served last.
    round: u64,
    arrivals: u64,
}

struct Place<J> {
    /// The round, and the arrival within it.
    turn: (u64, u64),
    keys: Keys,
    deadline: Option<Instant>,
    job: J,
}

impl<J> Queue<J> {
    pub(super) const fn new() -> Self {
        Self {
            waiting: Vec::new(),
            round: 0,
            arrivals: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The round that a new job of this caller belongs to.
    pub(super) fn round_of(&self, keys: &Keys) -> u64 {
        let rounds = self
            .waiting
            .iter()
            .filter(|place| place.keys.meet(keys))
            .map(|place| place.turn.0 + 1);
        rounds.max().unwrap_or(0).max(self.round)
    }

    /// How many jobs are served before a new one of this round.
    pub(super) fn before(&self, round: u64) -> usize {
        self.waiting
            .iter()
            .filter(|place| place.turn.0 <= round)
            .count()
    }

    pub(super) fn push(&mut self, round: u64, keys: Keys, deadline: Option<Instant>, job: J) {
        self.arrivals += 1;
        self.waiting.push(Place {
            turn: (round, self.arrivals),
            keys,
            deadline,
            job,
        });
    }

    /// Takes the job whose turn it is.
    pub(super) fn pop(&mut self) -> Option<J> {
        let (at, place) = self
            .waiting
            .iter()
            .enumerate()
            .min_by_key(|(_, place)| place.turn)?;
        self.round = place.turn.0;
        Some(self.waiting.swap_remove(at).job)
    }

    /// Takes out the last job of the last round, if that is later than `round`.
    pub(super) fn yield_to(&mut self, round: u64) -> Option<J> {
        let (at, place) = self
            .waiting
            .iter()
            .enumerate()
            .max_by_key(|(_, place)| place.turn)?;
        (place.turn.0 > round).then(|| self.waiting.swap_remove(at).job)
    }

    /// Takes out the jobs that are too late, or that nobody waits for.
    pub(super) fn sweep(&mut self, now: Instant, is_gone: impl Fn(&J) -> bool) -> Vec<J> {
        self.waiting
            .extract_if(.., |place| {
                place.deadline.is_some_and(|at| at <= now) || is_gone(&place.job)
            })
            .map(|place| place.job)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::Caller;
    use std::hash::RandomState;
    use std::time::Duration;

    struct Test {
        queue: Queue<&'static str>,
        hashes: RandomState,
        now: Instant,
    }

    fn test() -> Test {
        Test {
            queue: Queue::new(),
            hashes: RandomState::new(),
            now: Instant::now(),
        }
    }

    impl Test {
        fn keys(&self, last: u8) -> Keys {
            let caller = Caller::new().address([192, 0, 2, last].into());
            Keys::of(&caller, &self.hashes)
        }

        fn push(&mut self, last: u8, job: &'static str) {
            let keys = self.keys(last);
            let round = self.queue.round_of(&keys);
            self.queue.push(round, keys, None, job);
        }

        fn served(&mut self) -> Vec<&'static str> {
            std::iter::from_fn(|| self.queue.pop()).collect()
        }
    }

    #[test]
    fn those_who_ask_once_are_served_as_they_came() {
        let mut test = test();
        for (caller, job) in [(1, "a"), (2, "b"), (3, "c")] {
            test.push(caller, job);
        }
        assert_eq!(test.served(), ["a", "b", "c"]);
    }

    #[test]
    fn nobody_waits_behind_anybodys_second() {
        let mut test = test();
        for job in ["x1", "x2", "x3", "x4"] {
            test.push(1, job);
        }
        test.push(2, "y1");
        test.push(3, "z1");
        test.push(2, "y2");
        assert_eq!(test.queue.before(test.queue.round_of(&test.keys(4))), 3);
        assert_eq!(test.served(), ["x1", "y1", "z1", "x2", "y2", "x3", "x4"]);
    }

    #[test]
    fn who_comes_later_gets_no_credit_for_having_been_away() {
        let mut test = test();
        for job in ["x1", "x2", "x3"] {
            test.push(1, job);
        }
        assert_eq!(test.queue.pop(), Some("x1"));
        assert_eq!(test.queue.pop(), Some("x2"));
        for job in ["y1", "y2"] {
            test.push(2, job);
        }
        assert_eq!(test.served(), ["y1", "x3", "y2"]);
    }

    #[test]
    fn the_last_of_those_who_ask_most_makes_room() {
        let mut test = test();
        for job in ["x1", "x2", "x3"] {
            test.push(1, job);
        }
        test.push(2, "y1");
        let newcomer = test.queue.round_of(&test.keys(3));
        assert_eq!(test.queue.yield_to(newcomer), Some("x3"));
        assert_eq!(test.queue.yield_to(newcomer), Some("x2"));
        assert_eq!(test.queue.yield_to(newcomer), None, "each has one by now");
        let greedy = test.queue.round_of(&test.keys(1));
        assert_eq!(test.queue.yield_to(greedy), None);
        assert_eq!(test.served(), ["x1", "y1"]);
    }

    #[test]
    fn what_is_late_or_not_waited_for_is_swept_out() {
        let mut test = test();
        test.push(1, "stays");
        test.push(2, "gone");
        test.queue.push(0, Keys::default(), Some(test.now), "late");
        let later = test.now + Duration::from_millis(1);
        test.queue
            .push(0, Keys::default(), Some(later), "just late");
        test.queue.push(
            0,
            Keys::default(),
            Some(later + Duration::from_millis(1)),
            "in time",
        );
        let mut swept = test.queue.sweep(later, |job| *job == "gone");
        swept.sort_unstable();
        assert_eq!(swept, ["gone", "just late", "late"]);
        assert_eq!(test.served(), ["stays", "in time"]);
    }
}
