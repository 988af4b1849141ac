//! The table at the end.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use crate::load::Tally;

/// How long an answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(3);

/// How long after the end of the cause everything is well again.
pub(crate) const RECOVERY: Duration = Duration::from_secs(5);

/// One line of it.
pub(crate) struct Row {
    pub(crate) cause: &'static str,
    pub(crate) tally: Tally,
    pub(crate) recovery: Duration,
    /// What is not as clients were told.
    pub(crate) lost: Vec<String>,
    /// Whether connections may be refused: the service itself is what failed.
    pub(crate) may_be_gone: bool,
}

impl Row {
    fn faults(&self) -> Vec<String> {
        let Tally {
            none,
            wrong,
            longest,
            longest_kind,
            ..
        } = &self.tally;
        let mut faults: Vec<String> = wrong.iter().take(5).cloned().collect();
        faults.extend(self.lost.iter().take(5).cloned());
        if *longest > ANSWER {
            faults.push(format!("{longest_kind:?} took {longest:?}"));
        }
        if *none > 0 && !self.may_be_gone {
            faults.push(format!("{none} requests had no answer"));
        }
        if self.recovery > RECOVERY {
            faults.push(format!("it was well again after {:?}", self.recovery));
        }
        faults
    }
}

/// Prints what it has when it is dropped, however the test ends.
#[derive(Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// The same, unless it was skipped.
    pub(crate) fn extend(&mut self, row: Option<Row>) {
        self.0.extend(row);
    }

    /// Fails if anything is not as it should be.
    pub(crate) fn judge(self) {
        let faults: Vec<String> = self
            .0
            .iter()
            .flat_map(|row| {
                let named = |fault| format!("{}: {fault}", row.cause);
                row.faults().into_iter().map(named)
            })
            .collect();
        drop(self);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let mut table = format!(
            "\n{:<44} {:>9} {:>8} {:>8} {:>8} {:>9} {:>5}\n",
            "cause", "longest s", "good", "503", "none", "well in s", "lost"
        );
        for row in &self.0 {
            let Tally {
                good,
                unavailable,
                none,
                longest,
                ..
            } = &row.tally;
            // A text takes whatever is written.
            writeln!(
                table,
                "{:<44} {:>9.2} {good:>8} {unavailable:>8} {none:>8} {:>9.2} {:>5}",
                row.cause,
                longest.as_secs_f64(),
                row.recovery.as_secs_f64(),
                row.lost.len()
            )
            .ok();
        }
        // Not by `println!`, which is shown for tests that fail only.
        drop(io::stderr().write_all(table.as_bytes()));
    }
}
