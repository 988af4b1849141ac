//! One cluster: made, started, looked at, stopped.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::home::{Home, SOCKET};
use crate::program::{Program, tail};
use crate::{Durability, Event, LocalPostgresError, Programs};

/// The superuser, and the database made for applications.
pub(crate) const NAME: &str = "passgate";

/// How often a start is tried while processes of a killed server are still going.
const TRIES: usize = 20;

/// Above this many bytes the server's log begins anew at the next start.
const LOG: u64 = 10_000_000;

/// What `pg_ctl` is told, relative to the home.
const STOP: [&str; 8] = ["stop", "-D", "data", "-m", "fast", "-w", "-t", "60"];

pub(crate) struct Cluster<'a> {
    pub(crate) home: &'a Home,
    pub(crate) programs: &'a Programs,
    pub(crate) durability: Durability,
}

/// What `postmaster.pid` and the processes say.
enum State {
    Stopped,
    Ready {
        socket_folder: PathBuf,
    },
    /// Starting, stopping or deaf.
    Busy,
}

/// The major version of the PostgreSQL that made the cluster, if there is one.
pub(crate) fn version_of(home: &Home) -> Result<Option<u32>, LocalPostgresError> {
    let Some(version) = home.read("data/PG_VERSION")? else {
        return Ok(None);
    };
    version.trim().parse().map(Some).map_err(|_| {
        let path = home.file("data/PG_VERSION");
        LocalPostgresError::file(&path, "read")(io::Error::other("it holds no version"))
    })
}

impl Cluster<'_> {
    /// Makes the cluster under another name and renames it when it is complete: one that was
    /// given up half-way is thrown away by the next try.
    pub(crate) fn initialise(&self, report: &dyn Fn(&Event)) -> Result<(), LocalPostgresError> {
        let (fresh, data) = (self.home.file("data.new"), self.home.file("data"));
        report(&Event::Initialising {
            data: data.clone(),
            version: self.programs.to_string(),
        });
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(LocalPostgresError::file(&fresh, "removed"))?;
        }
        self.home.password()?;
        let mut args = vec![
            "--pgdata=data.new",
            "--username=passgate",
            "--pwfile=password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
        ];
        if self.durability == Durability::Disposable {
            args.push("--no-sync");
        }
        self.program("initdb").args(args).run()?;
        self.program("postgres")
            .args([
                "--single",
                "-D",
                "data.new",
                "-c",
                "exit_on_error=true",
                "postgres",
            ])
            .run_with_input(&format!("CREATE DATABASE {NAME}\n"))?;
        fs::rename(&fresh, &data).map_err(LocalPostgresError::file(&data, "made"))
    }

    fn write_settings(&self, socket_folder: &Path) -> Result<(), LocalPostgresError> {
        let folder = socket_folder
            .display()
            .to_string()
            .replace('\\', r"\\")
            .replace('\'', "''");
        let mut settings = format!(
            "include 'data/postgresql.conf'\n\
             listen_addresses = ''\n\
             unix_socket_directories = '{folder}'\n\
             unix_socket_permissions = 0700\n\
             port = 5432\n\
             # No values of rows and no statements: either may hold secrets.\n\
             log_error_verbosity = terse\n\
             log_min_error_statement = panic\n"
        );
        if self.durability == Durability::Disposable {
            settings.push_str(
                "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
                 max_connections = 300\n",
            );
        }
        self.home.write("server.conf", &settings)
    }

    /// Starts the server, or finds it running, and says where its socket is.
    pub(crate) fn start(&self, report: &dyn Fn(&Event)) -> Result<PathBuf, LocalPostgresError> {
        let data = self.home.file("data");
        let meta = fs::symlink_metadata(&data);
        if !meta
            .map_err(LocalPostgresError::file(&data, "read"))?
            .is_dir()
        {
            let error = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(LocalPostgresError::file(&data, "used")(error));
        }
        match self.state()? {
            State::Ready { socket_folder } => {
                report(&Event::Reusing { data });
                return Ok(socket_folder);
            }
            State::Busy => self.stop()?,
            State::Stopped => {}
        }
        report(&Event::Starting { data });
        let socket_folder = self.home.socket_folder()?;
        self.write_settings(&socket_folder)?;
        self.trim_log();
        let mut started = self.try_start();
        for _ in 1..TRIES {
            if !matches!(&started, Err(error) if is_memory_in_use(error)) {
                break;
            }
            started = self.try_start();
        }
        started.map(|()| socket_folder)
    }

    fn try_start(&self) -> Result<(), LocalPostgresError> {
        let before = fs::metadata(self.home.file("server.log")).map_or(0, |meta| meta.len());
        let started = self
            .program("pg_ctl")
            .args([
                "start",
                "-D",
                "data",
                "-l",
                "server.log",
                "-w",
                "-t",
                "600",
                "-s",
                "-o",
                "-c config_file=server.conf",
            ])
            .run();
        started.map_err(|error| match error {
            LocalPostgresError::Program {
                program, status, ..
            } => {
                let log = self
                    .home
                    .read("server.log")
                    .ok()
                    .flatten()
                    .unwrap_or_default();
                let log = log.into_bytes();
                let from = usize::try_from(before).unwrap_or(0).min(log.len());
                LocalPostgresError::Program {
                    program,
                    status,
                    output: tail(&log[from..]),
                }
            }
            other => other,
        })
    }

    pub(crate) fn stop(&self) -> Result<(), LocalPostgresError> {
        self.program("pg_ctl").args(STOP).run()
    }

    /// The command that stops the server, to be run in the home.
    pub(crate) fn stop_command(&self) -> Vec<String> {
        let pg_ctl = self.programs.bin().join("pg_ctl").display().to_string();
        std::iter::once(pg_ctl)
            .chain(STOP.map(str::to_owned))
            .collect()
    }

    fn state(&self) -> Result<State, LocalPostgresError> {
        let path = self.home.file("data/postmaster.pid");
        let Some(content) = self.home.read("data/postmaster.pid")? else {
            return Ok(State::Stopped);
        };
        // PostgreSQL's own tools know which pids are stale, but for one case: see below.
        if !self
            .program("pg_ctl")
            .args(["status", "-D", "data"])
            .status()?
            .success()
        {
            return Ok(State::Stopped);
        }
        let lines: Vec<&str> = content.lines().map(str::trim).collect();
        let socket_folder = lines.get(4).map(PathBuf::from).unwrap_or_default();
        let is_ready = lines.get(7) == Some(&"ready");
        if is_ready && UnixStream::connect(socket_folder.join(SOCKET)).is_ok() {
            return Ok(State::Ready { socket_folder });
        }
        // The server may be a zombie; or, after a restart of the system or the container, the pid
        // another program's of the same user. PostgreSQL would refuse to start.
        if lines.first().and_then(|pid| is_postgres(pid)) == Some(false) {
            fs::remove_file(&path).map_err(LocalPostgresError::file(&path, "removed"))?;
            return Ok(State::Stopped);
        }
        Ok(State::Busy)
    }

    fn trim_log(&self) {
        let path = self.home.file("server.log");
        if fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG) {
            // A log that stays long is no reason not to start.
            drop(fs::remove_file(&path));
        }
    }

    fn program(&self, name: &'static str) -> Program {
        Program::new(
            self.programs.bin(),
            name,
            self.home.account(),
            self.home.path(),
        )
    }
}

/// The server was killed, and its children have not all noticed.
fn is_memory_in_use(error: &LocalPostgresError) -> bool {
    matches!(error, LocalPostgresError::Program { output, .. }
        if output.contains("shared memory block") || output.contains("lock file"))
}

/// Whether a process is a living PostgreSQL server, where that can be told. A killed one may stay
/// in the table as a zombie where nobody asks for its end, as in a container without an init.
fn is_postgres(pid: &str) -> Option<bool> {
    let pid: u32 = pid.parse().ok()?;
    let (state, name) = in_proc(pid).or_else(|| told_by_ps(pid))?;
    Some(name.contains("postgres") && !state.starts_with('Z'))
}

fn in_proc(pid: u32) -> Option<(String, String)> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = line.rsplit_once(')')?;
    Some((rest.trim_start().to_owned(), name.to_owned()))
}

fn told_by_ps(pid: u32) -> Option<(String, String)> {
    let output = Command::new("ps")
        .args(["-o", "stat=,comm=", "-p", &pid.to_string()])
        .output();
    let line = String::from_utf8(output.ok()?.stdout).ok()?;
    let (state, name) = line.trim().split_once(' ')?;
    Some((state.to_owned(), name.to_owned()))
}
