//! The program itself.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::client::Ask;

/// `passgate` in a folder of its own, with nothing of our environment but what it needs.
pub(crate) fn passgate(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    command.args(args).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("PASSGATE_") || name == "DATABASE_URL")
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    passgate(folder, args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs a command that succeeds and returns what it prints.
pub(crate) fn run_well(folder: &Path, args: &[&str]) -> String {
    said(&run(folder, args))
}

/// The same, with something on its standard input.
pub(crate) fn run_with_input(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut child = passgate(folder, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever has refused already reads no more.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A folder that the server's user can get to, whoever runs the tests.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

pub(crate) fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

/// A program that serves.
pub(crate) struct Served {
    child: Child,
    address: SocketAddr,
    log: Option<JoinHandle<String>>,
    lines: mpsc::Receiver<String>,
}

impl Served {
    /// Returns when it says that it listens.
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let mut all = vec!["--listen", "127.0.0.1:0", "--log-format", "json"];
        all.extend(args);
        Self::spawn(&mut passgate(folder, &all))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        let log = thread::spawn(move || {
            let mut all = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                all.push_str(&line);
                all.push('\n');
                // Nobody may be waiting for a line any more.
                drop(sender.send(line));
            }
            all
        });
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        let Some(address) = first
            .split_once("listening on http")
            .and_then(|(_, rest)| rest.split_once("://"))
            .and_then(|(_, rest)| rest.split([',', ' ', '\n']).next()?.parse().ok())
        else {
            drop(child.wait());
            panic!("the server did not start: {first}{}", log.join().unwrap());
        };
        // Whatever else it prints must not block it.
        thread::spawn(move || drop(stdout.read_to_end(&mut Vec::new())));
        Self {
            child,
            address,
            log: Some(log),
            lines,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for a line of the log that holds a text.
    pub(crate) fn wait_for(&self, text: &str) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            match self.lines.recv_timeout(Duration::from_secs(30)) {
                Ok(line) if line.contains(text) => return,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        panic!("the log never says {text:?}");
    }

    /// Waits for the end and returns the log.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        self.ended()
    }

    /// The same of one that another takes the place of.
    pub(crate) fn ended(&mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        (status, log)
    }

    /// Stops it as an operator does and returns its log.
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::SIGTERM);
        let (status, log) = self.end();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

impl Ask for Served {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.log.is_some() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
