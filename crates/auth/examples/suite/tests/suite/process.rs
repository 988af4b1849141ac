//! Programs that serve.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A program that listens, killed when dropped.
pub struct Process {
    child: Child,
    pub url: String,
    log: PathBuf,
}

impl Process {
    /// Returns when it says where it listens. What else it says is in a file of the folder.
    pub fn start(command: &mut Command, folder: &Path) -> Self {
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap()
            .to_owned();
        let log = folder.join(name).with_extension("log");
        let append = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(append)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let Some((_, rest)) = first.split_once("listening on ") else {
            drop((child.kill(), child.wait()));
            panic!(
                "{command:?} does not listen: {first}{}",
                fs::read_to_string(log).unwrap()
            );
        };
        let url = rest.split([',', ' ', '\n']).next().unwrap().to_owned();
        // Whatever else it prints must not block it.
        thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        Self { child, url, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop((self.child.kill(), self.child.wait()));
        if thread::panicking() {
            // A second panic would end the whole program, and hide the first.
            let log = fs::read_to_string(&self.log);
            let log = log.unwrap_or_else(|error| format!("unreadable: {error}"));
            eprintln!("{}:\n{log}", self.log.display());
        }
    }
}

/// A command without those of our variables that would be its settings.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let ours = ["PASSGATE_", "DATABASE_URL", "LISTEN", "ISSUER", "DATA_DIR"];
        if ours
            .iter()
            .any(|ours| name.to_string_lossy().starts_with(ours))
        {
            command.env_remove(name);
        }
    }
    command
}
