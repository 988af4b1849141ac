use std::io::{self, Write};

use serde_json::Value;

use crate::failure::Failure;

/// Prints a line to standard output.
pub(super) fn line(line: &str) -> Result<(), Failure> {
    text(&format!("{line}\n"))
}

fn text(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // `passgate users list | head` closes the pipe early, and that is fine.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// A JSON array on standard output, item by item, as `serde_json` writes it when it has all of them.
pub(super) struct Array {
    is_empty: bool,
}

impl Array {
    pub(super) fn begin() -> Self {
        Self { is_empty: true }
    }

    pub(super) fn item(&mut self, value: &Value) -> Result<(), Failure> {
        let before = if self.is_empty { "[\n" } else { ",\n" };
        self.is_empty = false;
        let item = serde_json::to_string_pretty(value)?.replace('\n', "\n  ");
        text(&format!("{before}  {item}"))
    }

    pub(super) fn end(self) -> Result<(), Failure> {
        line(if self.is_empty { "[]" } else { "\n]" })
    }
}

/// Makes a text fit for a terminal: what a user chose must not move the cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
