use std::io::{self, Write};

use crate::failure::Failure;

/// Prints a line to standard output.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        // `passgate users list | head` closes the pipe early, and that is fine.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Makes a text fit for a terminal: what a user chose must not move the cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
