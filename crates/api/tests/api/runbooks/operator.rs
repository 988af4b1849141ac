//! Somebody who goes through the commands under a heading of the page, one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use passgate_local_postgres::testing;
use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;

use super::page;
use super::terminal::Terminal;
use crate::app::SECRET;
use crate::client::{Ask, PASSWORD, Reply};
use crate::program::{Served, folder};
use crate::tools;

const PASSGATE: &str = env!("CARGO_BIN_EXE_passgate");

/// What the page runs besides `passgate`.
const PROGRAMS: [&str; 6] = [
    "psql",
    "pg_dump",
    "pg_restore",
    "createdb",
    "curl",
    "openssl",
];

/// What all tokens say whose they are.
pub(super) const ISSUER: &str = "http://passgate.test";

/// Somebody at a terminal, with a database and the settings of a server on it.
pub(super) struct Operator {
    heading: String,
    commands: VecDeque<String>,
    /// What stands on the page for something that only the operator knows.
    meant: Vec<(String, String, bool)>,
    terminal: Terminal,
    folder: TempDir,
    /// The server's.
    pub(super) database: TestDatabase,
}

impl Operator {
    /// Where a program that the commands need is missing, there is none.
    pub(super) fn at(heading: &str) -> Option<Self> {
        let commands = page::commands(heading);
        let folder = folder();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(PASSGATE, bin.join("passgate")).unwrap();
        let path = path(&bin);
        let needed = PROGRAMS.into_iter().filter(|program| {
            let words = commands
                .iter()
                .flat_map(|command| command.split(['(', ' ', '\n']));
            words.into_iter().any(|word| word == *program)
        });
        for program in needed.chain(["bash"]) {
            tools::on_path(program, &path)?;
        }
        let database = TestDatabase::new();
        let variables = [
            ("PATH", path),
            ("HOME", folder.path().display().to_string()),
            (
                "PASSGATE_DATABASE_URL",
                database.url().expose_secret().to_owned(),
            ),
            ("PASSGATE_SECRET", SECRET.to_owned()),
            ("PASSGATE_ISSUER", ISSUER.to_owned()),
            ("PASSGATE_LISTEN", "127.0.0.1:0".to_owned()),
            ("PASSGATE_ARGON2", "m=64,t=1,p=1".to_owned()),
            ("PASSGATE_LOG_FORMAT", "json".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        let work = folder.path().join("work");
        fs::create_dir(&work).unwrap();
        Some(Self {
            heading: heading.to_owned(),
            commands: commands.into(),
            meant: Vec::new(),
            terminal: Terminal::open(&work, &BTreeMap::from(variables)),
            folder,
            database,
        })
    }

    /// Where the operator is.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// What to type where the page has a name or a number of somebody else.
    pub(super) fn means(&mut self, written: &str, meant: &str) {
        self.meant.retain(|(known, ..)| known != written);
        self.meant
            .push((written.to_owned(), meant.to_owned(), false));
    }

    /// Types something that is not on the page, and that works.
    pub(super) fn types(&mut self, command: &str) -> String {
        let done = self.terminal.types(command);
        assert!(done.is_well, "{command}: {}{}", done.output, done.complaint);
        done.output
    }

    fn next(&mut self, begin: &str) -> String {
        let heading = &self.heading;
        let command = self.commands.pop_front();
        let mut command = command.unwrap_or_else(|| panic!("{heading} ends before {begin}"));
        assert!(
            command.starts_with(begin),
            "{heading}: {command}, not {begin}"
        );
        for (written, meant, is_used) in &mut self.meant {
            *is_used |= command.contains(written.as_str());
            command = command.replace(written.as_str(), meant);
        }
        command
    }

    /// Types the next command, which begins so and works.
    pub(super) fn runs(&mut self, begin: &str) -> String {
        let command = self.next(begin);
        self.types(&command)
    }

    /// Types the next command, which begins so and is a server.
    pub(super) fn serves(&mut self, begin: &str) -> Served {
        let command = self.next(begin);
        Served::spawn(&mut self.terminal.server(&command, Path::new(PASSGATE)))
    }

    /// Starts a server with what is set, which the page takes for granted.
    pub(super) fn server(&mut self) -> Served {
        Served::spawn(&mut self.terminal.server("passgate", Path::new(PASSGATE)))
    }

    /// Insists that everything under the heading was typed.
    pub(super) fn has_done_all(&self) {
        assert!(
            self.commands.is_empty(),
            "{}: {:?}",
            self.heading,
            self.commands
        );
        for (written, _, is_used) in &self.meant {
            assert!(is_used, "{} does not say {written}", self.heading);
        }
    }
}

/// The folder, the programs of the server that the tests run on, and what we have ourselves.
#[expect(
    clippy::disallowed_methods,
    reason = "PATH is where programs are, not configuration"
)]
fn path(first: &Path) -> String {
    let mut folders = vec![first.to_owned()];
    folders.extend(testing::programs());
    let ours = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&ours));
    std::env::join_paths(folders)
        .unwrap()
        .into_string()
        .unwrap()
}

/// Somebody who is logged in.
pub(super) struct Client {
    pub(super) access: String,
    pub(super) refresh: String,
}

impl Client {
    pub(super) fn registers(server: &Served, name: &str) -> Self {
        server.register(name);
        Self::logs_in(server, name)
    }

    pub(super) fn logs_in(server: &Served, name: &str) -> Self {
        Self::of(&server.log_in(name, PASSWORD).expect(200))
    }

    fn of(granted: &Value) -> Self {
        let text = |name: &str| granted[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }

    pub(super) fn asks_to_refresh(&self, server: &Served) -> Reply {
        let form = format!("grant_type=refresh_token&refresh_token={}", self.refresh);
        server.post_form("/token", &form)
    }

    pub(super) fn refreshes(&mut self, server: &Served) {
        *self = Self::of(&self.asks_to_refresh(server).expect(200));
    }

    pub(super) fn is_served(&self, server: &Served) {
        server.get_as(&self.access, "/users/me").expect(200);
    }
}
