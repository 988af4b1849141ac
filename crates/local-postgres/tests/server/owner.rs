//! Another process that uses the server: this test program, started again.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use passgate_local_postgres::{Durability, LocalPostgres};

const VARIABLE: &str = "PASSGATE_OWNER_OF";

pub(crate) struct Owner {
    child: Child,
    /// Kept open: it still has something to say.
    _output: BufReader<ChildStdout>,
}

impl Owner {
    /// Returns when the process has started the server.
    pub(crate) fn of(data_dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "owner::the_other_process", "--nocapture"])
            .env(VARIABLE, data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.by_ref().lines();
        let is_ready = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("ready"));
        assert!(is_ready, "the other process did not start the server");
        Self {
            child,
            _output: output,
        }
    }

    pub(crate) fn kill(mut self) {
        kill(
            Pid::from_raw(self.child.id().try_into().unwrap()),
            Signal::SIGKILL,
        )
        .unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it stop in order.
    pub(crate) fn finish(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// No test: what the other process does.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how the test tells its other self what to do"
)]
fn the_other_process() {
    let Some(data_dir) = std::env::var_os(VARIABLE) else {
        return;
    };
    let server = LocalPostgres::builder(data_dir)
        .durability(Durability::Disposable)
        .start()
        .unwrap();
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    server.stop().unwrap();
}
