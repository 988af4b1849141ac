//! The shell that commands are typed into: what one exports, the next one finds.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// What a command did.
pub(super) struct Done {
    pub(super) is_well: bool,
    pub(super) output: String,
    pub(super) complaint: String,
}

/// A bash.
pub(super) struct Terminal {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Where the command, what it prints and what a server is started with are: not in the folder
    /// that it works in.
    aside: TempDir,
}

/// Instead of the server, which is to be ours: tells what it would have been started with.
const INSTEAD: &str = r#"
passgate() { env -0 >"$aside/environment"; pwd >"$aside/folder"; printf '%s\0' "$@" >"$aside/arguments"; }
"#;

impl Terminal {
    pub(super) fn open(folder: &Path, variables: &BTreeMap<String, String>) -> Self {
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut terminal = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            aside: tempfile::tempdir().unwrap(),
        };
        // What fails in the middle of a pipe has failed, too.
        let aside = terminal.aside.path().display().to_string();
        terminal.types(&format!("set -o pipefail; aside='{aside}'"));
        terminal
    }

    /// Types a command and waits for its end.
    pub(super) fn types(&mut self, command: &str) -> Done {
        let path = |name: &str| self.aside.path().join(name);
        fs::write(path("command"), command).unwrap();
        let line = format!(
            ". '{}' >'{}' 2>'{}' </dev/null; echo $?",
            path("command").display(),
            path("output").display(),
            path("complaint").display(),
        );
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
        let mut status = String::new();
        self.output.read_line(&mut status).unwrap();
        let read = |name| String::from_utf8_lossy(&fs::read(path(name)).unwrap()).into_owned();
        Done {
            is_well: status.trim() == "0",
            output: read("output"),
            complaint: read("complaint"),
        }
    }

    /// The server as a command would start it.
    pub(super) fn server(&mut self, command: &str, program: &Path) -> Command {
        let typed = self.types(&format!("{INSTEAD}{command}"));
        assert!(typed.is_well, "{command}: {}", typed.complaint);
        self.types("unset -f passgate");
        let read = |name: &str| fs::read(self.aside.path().join(name)).unwrap();
        let (environment, arguments) = (read("environment"), read("arguments"));
        let mut server = Command::new(program);
        let folder = String::from_utf8(read("folder")).unwrap();
        server.current_dir(folder.trim_end()).env_clear();
        for variable in environment.split(|byte| *byte == 0) {
            if let Some(equals) = variable.iter().position(|byte| *byte == b'=') {
                let (name, value) = (&variable[..equals], &variable[equals + 1..]);
                server.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
            }
        }
        let arguments = arguments.split(|byte| *byte == 0).map(OsStr::from_bytes);
        server.args(arguments.filter(|argument| !argument.is_empty()));
        server
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The end of its input is its own.
        drop(self.input.take());
        drop(self.child.wait());
    }
}
