//! The servers under measurement that are ours.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use crate::process::{self, Server};
use crate::seed::SECRET;
use crate::{Fallible, Settings, place};

/// A `passgate` to be started.
#[derive(Debug, Clone)]
pub(crate) struct Passgate {
    program: PathBuf,
    args: Vec<String>,
    logs: PathBuf,
}

impl Passgate {
    /// Builds it, unless one is given.
    pub(crate) fn build(settings: &Settings, folder: &Path) -> Fallible<Self> {
        let program = match &settings.passgate {
            Some(program) => program.clone(),
            None => release()?,
        };
        Ok(Self {
            program,
            args: settings.serve_arg.clone(),
            logs: folder.join("logs"),
        })
    }

    /// Starts one on a database.
    pub(crate) fn serve(&self, database: &SecretString, name: &str) -> Fallible<Server> {
        self.serve_with(database, name, &[])
    }

    /// Starts one with further settings.
    pub(crate) fn serve_with(
        &self,
        database: &SecretString,
        name: &str,
        args: &[&str],
    ) -> Fallible<Server> {
        let mut command = process::tied(&self.program);
        self.configure(&mut command, database);
        command.args(args);
        Server::start(command, &self.log(name))
    }

    /// How long one takes from its start to listening.
    pub(crate) fn time_to_listen(&self, database: &SecretString) -> Fallible<Duration> {
        let mut command = Command::new(&self.program);
        self.configure(&mut command, database);
        let begun = Instant::now();
        let server = Server::start(command, &self.log("start"))?;
        let took = begun.elapsed();
        drop(server);
        Ok(took)
    }

    fn configure(&self, command: &mut Command, database: &SecretString) {
        forget_settings(command);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            // Log-ins come from as many addresses as there are users.
            .args(["--trusted-proxy", "127.0.0.1/32"])
            .args(&self.args)
            .env("PASSGATE_DATABASE_URL", database.expose_secret())
            .env("PASSGATE_SECRET", SECRET);
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// The settings of whoever runs the bench are not those of the bench.
fn forget_settings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("PASSGATE_") || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
}

fn release() -> Fallible<PathBuf> {
    println!("building the release of passgate");
    let workspace = place::workspace();
    let status = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--package",
            "passgate-api",
            "--bin",
            "passgate",
        ])
        .current_dir(&workspace)
        .status()?;
    if status.success() {
        Ok(workspace.join("target/release/passgate"))
    } else {
        Err("passgate does not build".into())
    }
}

/// Starts a subcommand of this program that serves.
pub(crate) fn own(
    command: &str,
    args: &[&str],
    database: Option<&SecretString>,
    folder: &Path,
) -> Fallible<Server> {
    let mut process = process::tied(env::current_exe()?);
    forget_settings(&mut process);
    process.arg(command).args(args);
    if let Some(database) = database {
        process.env(crate::plain::DATABASE, database.expose_secret());
    }
    Server::start(process, &folder.join(format!("logs/{command}.log")))
}
