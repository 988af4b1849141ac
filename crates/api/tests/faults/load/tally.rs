//! What answers there were, and how long they took.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Answer;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Register,
    LogIn,
    Refresh,
    Me,
    Verify,
    Revoke,
    WrongPassword,
    WeakPassword,
    Ready,
    Keys,
}

/// What a well server answers well.
const ALL: [Kind; 10] = [
    Kind::Register,
    Kind::LogIn,
    Kind::Refresh,
    Kind::Me,
    Kind::Verify,
    Kind::Revoke,
    Kind::WrongPassword,
    Kind::WeakPassword,
    Kind::Ready,
    Kind::Keys,
];

#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) good: u64,
    pub(crate) unavailable: u64,
    pub(crate) none: u64,
    pub(crate) wrong: Vec<String>,
    pub(crate) longest: Duration,
    pub(crate) longest_kind: Option<Kind>,
    since: Option<Instant>,
    without_looks: bool,
    behind_a_balancer: bool,
    /// How long after `since` the first good answer came to what was asked after it.
    good_after: BTreeMap<Kind, Duration>,
}

impl Tally {
    pub(super) fn count(&mut self, kind: Kind, begun: Instant, answer: &Answer) {
        let took = begun.elapsed();
        if took > self.longest {
            (self.longest, self.longest_kind) = (took, Some(kind));
        }
        match answer {
            Answer::Good(_) => self.good += 1,
            // Behind a balancer a replica that is about to stop says so, as it should.
            Answer::Unavailable if kind == Kind::Ready && self.behind_a_balancer => {}
            Answer::Unavailable => self.unavailable += 1,
            Answer::None => self.none += 1,
            // In words already.
            Answer::Wrong => {}
        }
        if let Some(since) = self.since
            && begun >= since
            && matches!(answer, Answer::Good(_))
        {
            self.good_after
                .entry(kind)
                .or_insert_with(|| since.elapsed());
        }
    }

    pub(super) fn stand_behind_a_balancer(&mut self) {
        self.behind_a_balancer = true;
    }

    pub(super) fn leave_out_looks(&mut self) {
        self.without_looks = true;
    }

    pub(super) fn look_for_good_ones(&mut self, since: Instant) {
        self.since = Some(since);
        self.good_after.clear();
    }

    /// How long it took until each kind was answered well.
    pub(super) fn all_good_after(&self) -> Option<Duration> {
        let looked_for =
            |kind: &Kind| !self.without_looks || !matches!(kind, Kind::Ready | Kind::Keys);
        ALL.iter()
            .filter(|kind| looked_for(kind))
            .map(|kind| self.good_after.get(kind).copied())
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .max()
    }
}
