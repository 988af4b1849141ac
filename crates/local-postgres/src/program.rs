//! Runs programs of PostgreSQL: as the server's user, in the cluster's home, with nothing of our
//! environment that would tell them otherwise.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::LocalPostgresError;
use crate::account::Account;

/// How much of a failed program's output an error repeats, in bytes.
const REPEATED: usize = 2000;

pub(crate) struct Program {
    name: &'static str,
    command: Command,
}

impl Program {
    pub(crate) fn new(bin: &Path, name: &'static str, account: Account, home: &Path) -> Self {
        let mut command = Command::new(bin.join(name));
        prepare(&mut command, account, home);
        Self { name, command }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Runs the program to its end.
    pub(crate) fn status(mut self) -> Result<ExitStatus, LocalPostgresError> {
        let output = self.command.stdin(Stdio::null()).output();
        output
            .map(|output| output.status)
            .map_err(|error| self.spawn_error(error))
    }

    /// Runs the program to its end and insists that it succeeds.
    pub(crate) fn run(mut self) -> Result<(), LocalPostgresError> {
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| self.spawn_error(error))?;
        self.judge(&output)
    }

    /// The same, with something to read.
    pub(crate) fn run_with_input(mut self, input: &str) -> Result<(), LocalPostgresError> {
        let spawned = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| self.spawn_error(error))?;
        // A program that ends without reading says why in its output.
        let written = child
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(input.as_bytes()));
        drop(written);
        let output = child
            .wait_with_output()
            .map_err(|error| self.spawn_error(error))?;
        self.judge(&output)
    }

    fn judge(&self, output: &Output) -> Result<(), LocalPostgresError> {
        if output.status.success() {
            return Ok(());
        }
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        Err(LocalPostgresError::Program {
            program: self.name,
            status: output.status,
            output: tail(&said),
        })
    }

    fn spawn_error(&self, error: std::io::Error) -> LocalPostgresError {
        LocalPostgresError::Spawn {
            program: self.command.get_program().into(),
            error,
        }
    }
}

/// What a program gets of our environment. Not the rest: it may hold secrets of ours, which are
/// none of the server's user's business, and `PGPORT` and its like, which speak of another server.
const KEPT: [&str; 4] = ["PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

#[expect(
    clippy::disallowed_methods,
    reason = "what programs need to run, not configuration"
)]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Sets user, folder and environment of a command.
pub(crate) fn prepare(command: &mut Command, account: Account, home: &Path) {
    account
        .applied_to(command)
        .current_dir(home)
        .env_clear()
        .env("LC_ALL", "C");
    for name in KEPT {
        if let Some(value) = variable(name) {
            command.env(name, value);
        }
    }
}

/// The end of a text, in one line.
pub(crate) fn tail(output: &[u8]) -> String {
    let start = output.len().saturating_sub(REPEATED);
    let text = String::from_utf8_lossy(&output[start..]);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" / ")
}
