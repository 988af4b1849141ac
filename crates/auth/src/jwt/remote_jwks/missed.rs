use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::jwt::Kid;

/// How many names of keys that are not there are remembered.
const CAPACITY: usize = 1024;

/// For how long: a key that is used before it is published is found by then.
const FOR: Duration = Duration::from_mins(5);

/// Keys that were looked for and not found, so that one bad token sent again and again does not
/// use up the fetches that good ones may need.
#[derive(Default)]
pub(super) struct Missed {
    at: HashMap<Kid, Instant>,
    order: VecDeque<Kid>,
}

impl Missed {
    pub(super) fn lately(&self, kid: &Kid, now: Instant) -> bool {
        let at = self.at.get(kid);
        at.is_some_and(|at| now.duration_since(*at) < FOR)
    }

    pub(super) fn insert(&mut self, kid: &Kid, now: Instant) {
        if self.at.insert(kid.clone(), now).is_none() {
            self.order.push_back(kid.clone());
        }
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.at.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_remembered_for_a_while_and_no_more_than_a_thousand() {
        let now = Instant::now();
        let kid = |i: usize| Kid::parse(&i.to_string()).unwrap();
        let mut missed = Missed::default();
        for i in 0..5000 {
            missed.insert(&kid(i), now);
            missed.insert(&kid(i), now);
        }
        assert_eq!((missed.at.len(), missed.order.len()), (CAPACITY, CAPACITY));
        assert!(missed.lately(&kid(4999), now + FOR - Duration::from_secs(1)));
        assert!(!missed.lately(&kid(4999), now + FOR));
        assert!(!missed.lately(&kid(0), now));
    }
}
