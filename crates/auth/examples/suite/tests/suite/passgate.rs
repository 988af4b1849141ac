//! A Passgate, and services that believe its tokens.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{self, Reply, ask};
use crate::database::{self, Database};
use crate::process::{Process, command};
use crate::programs::{self, skip};

const SECRET: &str = "a secret of the tests, long enough";
const PASSWORD: &str = "correct horse battery";

/// Fields are dropped in this order: whoever runs before what it runs on.
pub struct Passgate {
    /// None while it is down.
    process: Option<Process>,
    program: PathBuf,
    database: Database,
    folder: TempDir,
    flags: Vec<String>,
    url: String,
}

impl Passgate {
    /// One whose tokens are for the todos; none where the machine has no PostgreSQL.
    pub fn start(flags: &[&str]) -> Option<Self> {
        if !database::is_there() {
            skip("there is no PostgreSQL (or set PASSGATE_TEST_DATABASE_URL)");
            return None;
        }
        let mut all = vec!["--audience", "todos", "--argon2", "m=64,t=1,p=1"];
        all.extend(flags);
        let mut passgate = Self {
            process: None,
            program: programs::passgate(),
            database: Database::new(),
            folder: folder(),
            flags: all.into_iter().map(str::to_owned).collect(),
            url: "http://127.0.0.1:0".to_owned(),
        };
        passgate.up();
        Some(passgate)
    }

    /// On the address that it had before, if it had one.
    pub fn up(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        let mut command = self.command(&["--listen", &address]);
        let process = Process::start(command.args(&self.flags), self.folder.path());
        self.url.clone_from(&process.url);
        self.process = Some(process);
    }

    /// Killed, with all its connections.
    pub fn down(&mut self) {
        self.process = None;
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(&self.program);
        command
            .args(args)
            .env("PASSGATE_DATABASE_URL", self.database.url())
            .env("PASSGATE_SECRET", SECRET)
            .current_dir(self.folder.path());
        command
    }

    /// Runs a command on its database and returns whether it succeeds, and what it says.
    pub fn run(&self, args: &[&str]) -> (bool, String) {
        let output = self.command(args).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    /// Another one with the same users and keys, whose tokens are for somebody else.
    pub fn for_another_audience(&self) -> Process {
        let mut command = self.command(&["--listen", "127.0.0.1:0", "--issuer", &self.url]);
        let others = self.flags.iter().map(|flag| match flag.as_str() {
            "todos" => "billing",
            flag => flag,
        });
        Process::start(command.args(others), self.folder.path())
    }

    pub fn sign_up(&self, username: &str) {
        let user = json!({ "username": username, "password": PASSWORD });
        ask("POST", &format!("{}/users", self.url), None, Some(user)).expect(201);
    }

    /// An administrator, whom nobody can sign up as.
    pub fn add_admin(&self, username: &str) {
        let mut child = self
            .command(&["users", "add", username, "--admin", "--password-stdin"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{PASSWORD}").unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }

    pub fn token(&self, username: &str) -> String {
        token(&self.url, username)
    }

    /// A service of ours that believes this Passgate.
    pub fn service(&self, name: &str) -> Service {
        Service::start(name, &self.url)
    }
}

/// An access token of whoever issues them there.
pub fn token(url: &str, username: &str) -> String {
    let reply = client::log_in(url, username, PASSWORD).expect(200);
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

/// A folder that the user of a PostgreSQL server can get to, whoever runs the tests.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A todo service with a database of its own. Fields are dropped in this order.
pub struct Service {
    process: Process,
    _database: Database,
    _folder: TempDir,
}

impl Service {
    fn start(name: &str, passgate: &str) -> Self {
        let (database, folder) = (Database::new(), folder());
        let mut command = command(&programs::example(name));
        command
            .env("DATABASE_URL", database.url())
            .env("PASSGATE_URL", passgate)
            .env("LISTEN", "127.0.0.1:0");
        Self {
            process: Process::start(&mut command, folder.path()),
            _database: database,
            _folder: folder,
        }
    }

    pub fn ask(&self, method: &str, path: &str, token: &str) -> Reply {
        ask(method, &self.at(path), Some(token), None)
    }

    pub fn ask_with(&self, method: &str, path: &str, token: &str, json: Value) -> Reply {
        ask(method, &self.at(path), Some(token), Some(json))
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.process.url)
    }
}
