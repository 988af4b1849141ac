//! A PostgreSQL server that can be treated badly.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use passgate_local_postgres::{Durability, LocalPostgres, Places, Programs};
use secrecy::{ExposeSecret, SecretString};

use crate::tools;

/// Longer than anything takes that is not broken.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

/// A number out of the database.
#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The first column of the first row, named `number`.
pub(crate) fn number_of(connection: &mut PgConnection, query: &str) -> i64 {
    let row: Number = diesel::sql_query(query).get_result(connection).unwrap();
    row.number
}

pub(crate) struct Cluster {
    data_dir: PathBuf,
    server: LocalPostgres,
}

impl Cluster {
    pub(crate) fn start(data_dir: &Path) -> Self {
        let cluster = Self {
            data_dir: data_dir.to_owned(),
            server: start(data_dir),
        };
        // Nothing is flushed to the disk, which only a machine that crashes would show; but a process
        // that is killed has written what it acknowledged.
        cluster.run("ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf()");
        cluster
    }

    /// Starts it again, as an operator does.
    pub(crate) fn start_again(&mut self) {
        self.server = start(&self.data_dir);
    }

    pub(crate) fn url(&self) -> SecretString {
        self.server.url("passgate")
    }

    /// The user and password of a URL, and the folder of the socket.
    pub(crate) fn parts(&self) -> (String, String) {
        let url = self.url();
        let (credentials, rest) = url.expose_secret().split_once("@/").unwrap();
        let credentials = credentials.strip_prefix("postgresql://").unwrap();
        let folder = rest.split_once("?host=").unwrap().1;
        (
            credentials.to_owned(),
            folder.replace("%2F", "/").replace("%2E", "."),
        )
    }

    /// A connection of the test's own, which may write when nobody else may.
    pub(crate) fn connect(&self) -> PgConnection {
        connect(self.url().expose_secret())
    }

    pub(crate) fn run(&self, statements: &str) {
        let mut connection = self.connect();
        // Each alone: some want no transaction around them.
        for statement in statements.split(';') {
            connection.batch_execute(statement).unwrap();
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.server.data()
    }

    fn postmaster(&self) -> Pid {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        Pid::from_raw(file.lines().next().unwrap().parse().unwrap())
    }

    /// Ends it by a signal: SIGINT as an operator, SIGQUIT as a crash.
    pub(crate) fn end(&self, signal: Signal) {
        let postmaster = self.postmaster();
        kill(postmaster, signal).unwrap();
        until("the database has ended", || !is_alive(postmaster));
    }

    /// Kills all of its processes, with no warning to any.
    pub(crate) fn kill(&self) {
        let postmaster = self.postmaster();
        self.signal(Signal::SIGKILL);
        until("the database is dead", || !is_alive(postmaster));
    }

    /// Sends a signal to each of its processes. The postmaster stands still meanwhile, so that it
    /// begins no other; and is the last, since nobody knows its children once it is dead.
    pub(crate) fn signal(&self, signal: Signal) {
        let postmaster = self.postmaster();
        kill(postmaster, Signal::SIGSTOP).unwrap();
        for child in children(postmaster) {
            // It may have ended meanwhile.
            kill(child, signal).ok();
        }
        kill(postmaster, signal).unwrap();
    }

    /// Whether its first process lives.
    pub(crate) fn is_running(&self) -> bool {
        let file = fs::read_to_string(self.data().join("postmaster.pid"));
        file.ok()
            .and_then(|file| file.lines().next()?.parse().ok())
            .is_some_and(|pid| is_alive(Pid::from_raw(pid)))
    }
}

fn start(data_dir: &Path) -> LocalPostgres {
    LocalPostgres::builder(data_dir)
        .durability(Durability::Disposable)
        .start()
        .unwrap()
}

/// As who may write when nobody else may.
pub(crate) fn connect(url: &str) -> PgConnection {
    let url = format!("{url}&options=-c%20default_transaction_read_only%3Doff");
    PgConnection::establish(&url).unwrap()
}

/// The state of a process and the number of its parent.
fn stat(pid: Pid) -> Option<(char, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state ppid`, and a name may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// Who has ended and waits for its parent to look is dead.
fn is_alive(pid: Pid) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

/// The processes that a process has begun.
fn children(parent: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent.as_raw()))
        .collect()
}

/// A copy of a cluster that follows it, and can take its place.
pub(crate) struct Standby {
    folder: PathBuf,
    server: std::process::Child,
    credentials: String,
}

const STANDBY_PORT: u16 = 5433;

impl Standby {
    /// Returns when the primary waits for it with each commit; `None` where there is no program to
    /// make one with.
    pub(crate) fn of(primary: &Cluster, folder: &Path) -> Option<Self> {
        let installed = Places::system().search();
        let version = installed.first()?.major();
        let has_all = |programs: &&Programs| {
            programs.major() == version && programs.bin().join("pg_basebackup").is_file()
        };
        let Some(programs) = installed.iter().find(has_all) else {
            tools::skip("there is no standby: no pg_basebackup is beside postgres");
            return None;
        };
        let bin = programs.bin();
        let owner = fs::metadata(primary.data()).unwrap();
        let (uid, gid) = (owner.uid(), owner.gid());
        let folder = folder.join("standby");
        fs::create_dir(&folder).unwrap();
        chown(&folder, Some(uid), Some(gid)).unwrap();
        let data = folder.join("data");
        let program = |name: &str| {
            let mut command = Command::new(bin.join(name));
            command.current_dir(&folder).stdin(Stdio::null());
            if nix::unistd::Uid::effective().is_root() {
                command.uid(uid).gid(gid);
            }
            command
        };
        let url = primary.url();
        let copied = program("pg_basebackup")
            .args([
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
            ])
            .args(["--no-sync", "--dbname", url.expose_secret(), "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "{complaint}");
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let server = program("postgres")
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                // As many as its primary, at least.
                "max_connections=300",
                "-c",
                "fsync=off",
                "-c",
                &format!("port={STANDBY_PORT}"),
                "-c",
            ])
            .arg(format!("unix_socket_directories={}", folder.display()))
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        let mut connection = primary.connect();
        until("the standby follows", || {
            number_of(
                &mut connection,
                "SELECT count(*) AS number FROM pg_stat_replication",
            ) == 1
        });
        primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()");
        until("the primary waits for the standby", || {
            let query =
                "SELECT count(*) AS number FROM pg_stat_replication WHERE sync_state = 'sync'";
            number_of(&mut connection, query) == 1
        });
        let (credentials, _) = primary.parts();
        Some(Self {
            folder,
            server,
            credentials,
        })
    }

    /// Both, for a client that takes the one that can be written to.
    pub(crate) fn url_beside(&self, primary: &Cluster) -> String {
        let (credentials, folder) = primary.parts();
        format!(
            "postgresql://{credentials}@/passgate?host={folder},{}&port=5432,{STANDBY_PORT}\
             &target_session_attrs=read-write",
            self.folder.display()
        )
    }

    /// It alone.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgresql://{}@/passgate?host={}&port={STANDBY_PORT}",
            self.credentials,
            self.folder.display()
        )
    }

    /// Makes it the primary, and returns when it is.
    pub(crate) fn promote(&self) {
        connect(&self.url())
            .batch_execute("SELECT pg_promote()")
            .unwrap();
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.server.id().try_into().unwrap());
        // Its processes with it: SIGKILL would leave them.
        kill(pid, Signal::SIGQUIT).ok();
        drop(self.server.wait());
    }
}
