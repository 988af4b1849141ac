//! What is logged, and how that is changed while the server runs.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use time::OffsetDateTime;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The longest filter that is taken, in bytes.
const MAX_FILTER: usize = 1024;

/// Makes another filter the one that counts; false if that cannot be any more.
pub(super) type Apply = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// The filter of the log: the configured one, or for a while another.
pub struct LogFilter {
    configured: String,
    apply: Option<Apply>,
    other: Mutex<Option<Other>>,
    changes: AtomicU64,
}

/// A filter for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// The filter.
    pub filter: String,
    /// Until when.
    pub until: OffsetDateTime,
    change: Change,
}

/// One change of the filter among all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change(u64);

/// The text is no filter. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "is no filter: it looks like info or warn,passgate_api=debug, and has at most 1024 bytes and no \
     control characters"
)]
pub struct InvalidFilter;

/// The log belongs to the program that this server is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the log is not the server's own")]
pub struct NotOurs;

impl LogFilter {
    /// Of a log that is somebody else's.
    pub fn of_others(configured: &str) -> Self {
        Self {
            configured: configured.to_owned(),
            apply: None,
            other: Mutex::default(),
            changes: AtomicU64::default(),
        }
    }

    pub(super) fn new(configured: &str, apply: Apply) -> Self {
        Self {
            apply: Some(apply),
            ..Self::of_others(configured)
        }
    }

    /// The filter of the settings.
    pub fn configured(&self) -> &str {
        &self.configured
    }

    /// The filter that counts instead just now.
    pub fn other(&self) -> Option<Other> {
        self.lock().clone()
    }

    /// Looks whether it may be changed.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub fn must_be_ours(&self) -> Result<(), NotOurs> {
        self.apply.as_ref().map(drop).ok_or(NotOurs)
    }

    /// Makes another filter count. Whoever does so calls [`Self::end`] when its time is over.
    ///
    /// # Errors
    /// [`NotOurs`], and nothing is changed.
    pub fn change(&self, filter: &Checked, until: OffsetDateTime) -> Result<Change, NotOurs> {
        let mut other = self.lock();
        self.apply(&filter.0)?;
        let change = Change(self.changes.fetch_add(1, Ordering::Relaxed));
        *other = Some(Other {
            filter: filter.0.clone(),
            until,
            change,
        });
        Ok(change)
    }

    /// Goes back to the configured filter. False if it counted already.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub fn restore(&self) -> Result<bool, NotOurs> {
        let mut other = self.lock();
        self.apply(&self.configured)?;
        Ok(other.take().is_some())
    }

    /// The same, unless another change came after this one.
    pub fn end(&self, change: Change) -> bool {
        let mut other = self.lock();
        let is_last = other.as_ref().is_some_and(|other| other.change == change);
        if !is_last || self.apply(&self.configured).is_err() {
            return false;
        }
        other.take().is_some()
    }

    fn apply(&self, filter: &str) -> Result<(), NotOurs> {
        let apply = self.apply.as_ref().ok_or(NotOurs)?;
        // What was taken once is taken again.
        let filter = parse(filter).map_err(|_| NotOurs)?;
        if apply(filter) { Ok(()) } else { Err(NotOurs) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Other>> {
        self.other.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFilter")
            .field("configured", &self.configured)
            .field("other", &self.other())
            .finish_non_exhaustive()
    }
}

/// A text that is a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked(String);

impl Checked {
    /// Checks a text.
    ///
    /// # Errors
    /// [`InvalidFilter`].
    pub fn parse(text: &str) -> Result<Self, InvalidFilter> {
        // Nothing at all would be everything from `info` on, which nobody means.
        if text.trim().is_empty() || text.len() > MAX_FILTER || text.contains(char::is_control) {
            return Err(InvalidFilter);
        }
        parse(text).map_err(|_| InvalidFilter)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a filter; what it does not speak of is logged from `info` on.
pub(super) fn parse(text: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use time::macros::datetime;

    use super::*;

    const LATER: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    /// A filter, and what was made of it so far.
    fn filter() -> (LogFilter, Arc<Mutex<Vec<String>>>) {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&applied);
        let apply = Box::new(move |filter: EnvFilter| {
            seen.lock().unwrap().push(filter.to_string());
            true
        });
        (LogFilter::new("info", apply), applied)
    }

    #[test]
    fn another_filter_counts_until_it_ends_and_then_the_configured_one() {
        let (filter, applied) = filter();
        let change = filter
            .change(&Checked::parse("debug").unwrap(), LATER)
            .unwrap();
        assert_eq!(filter.other().unwrap().filter, "debug");
        assert!(filter.end(change));
        assert_eq!(filter.other(), None);
        assert_eq!(*applied.lock().unwrap(), ["debug", "info"]);
    }

    #[test]
    fn the_end_of_a_change_is_none_of_the_next_ones() {
        let (filter, applied) = filter();
        let change = |to| filter.change(&Checked::parse(to).unwrap(), LATER).unwrap();
        let (first, second) = (change("debug"), change("trace"));
        assert!(!filter.end(first));
        assert_eq!(filter.other().unwrap().filter, "trace");
        assert!(filter.restore().unwrap());
        assert!(!filter.end(second), "it is over");
        assert!(!filter.restore().unwrap());
        assert_eq!(applied.lock().unwrap().last().unwrap(), "info");
    }

    #[test]
    fn what_is_no_filter_is_not_taken_and_not_repeated() {
        for text in [
            "",
            " ",
            "passgate_api=loud",
            "=",
            "loud\0",
            "info,\nloud=warn",
            &"a".repeat(1025),
        ] {
            let error = Checked::parse(text).unwrap_err();
            assert!(!error.to_string().contains("loud"), "{text:?}");
        }
        for text in ["off", "warn,passgate_api=debug", "trace"] {
            assert_eq!(Checked::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_log_of_another_program_is_left_alone() {
        let filter = LogFilter::of_others("info");
        let debug = Checked::parse("debug").unwrap();
        assert_eq!(filter.must_be_ours(), Err(NotOurs));
        assert_eq!(filter.change(&debug, LATER), Err(NotOurs));
        assert_eq!(filter.restore(), Err(NotOurs));
        assert_eq!(filter.other(), None);
    }
}
