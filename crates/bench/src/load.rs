//! The load generator: wrk, with one thread and a script.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::Fallible;
use crate::process;

/// What a script does with its templates.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Script {
    /// Sends them in turn.
    Replay,
    /// The first is a refresh, the others are refresh tokens, each answered with the next.
    Refresh,
    /// As replay, and tells refusals apart.
    Flood,
}

impl Script {
    fn source(self) -> &'static str {
        match self {
            Self::Replay => include_str!("../wrk/replay.lua"),
            Self::Refresh => include_str!("../wrk/refresh.lua"),
            Self::Flood => include_str!("../wrk/flood.lua"),
        }
    }
}

/// A load.
#[derive(Debug, Clone)]
pub(crate) struct Load<'a> {
    /// Who is loaded.
    pub(crate) address: SocketAddr,
    /// How.
    pub(crate) script: Script,
    /// With what.
    pub(crate) templates: &'a [String],
    /// By how many connections, each with one request under way.
    pub(crate) connections: usize,
    /// How long, in seconds.
    pub(crate) seconds: u64,
    /// How long each connection rests before a request, on average.
    pub(crate) pause: Duration,
}

/// What wrk counted. Times are in microseconds.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Counted {
    /// Answers of any status.
    pub(crate) requests: f64,
    /// Answers of a status above 399.
    pub(crate) refused: f64,
    /// Requests without an answer.
    pub(crate) failed: f64,
    micros: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The rest is the flood's.
    #[serde(default)]
    pub(crate) served: f64,
    #[serde(default)]
    pub(crate) shed: f64,
    #[serde(default)]
    pub(crate) served_p50: f64,
    #[serde(default)]
    pub(crate) served_p99: f64,
    #[serde(default)]
    pub(crate) shed_p50: f64,
    #[serde(default)]
    pub(crate) shed_p99: f64,
}

impl Counted {
    /// A count, a second.
    pub(crate) fn per_second(&self, count: f64) -> f64 {
        count / (self.micros / 1e6)
    }

    /// Good answers a second, where every answer has to be good.
    pub(crate) fn good_per_second(&self) -> Fallible<f64> {
        if self.refused + self.failed > 0.0 {
            return Err(format!(
                "of {} requests {} were refused and {} failed",
                self.requests, self.refused, self.failed
            )
            .into());
        }
        Ok(self.per_second(self.requests))
    }
}

/// A load under way.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    templates: PathBuf,
}

impl Load<'_> {
    /// Loads until the time is over.
    pub(crate) fn run(&self, folder: &Path, name: &str) -> Fallible<Counted> {
        self.start(folder, name)?.finish()
    }

    /// Begins.
    pub(crate) fn start(&self, folder: &Path, name: &str) -> Fallible<Running> {
        // A file of its own: another load may be reading the same script.
        let script = folder.join(format!("{name}.lua"));
        let source = self.script.source();
        let report = include_str!("../wrk/report.lua");
        fs::write(&script, format!("{report}\n{source}"))?;
        let templates = folder.join(format!("{name}.templates"));
        fs::write(&templates, self.templates.join("\0"))?;
        let out = folder.join(format!("{name}.json"));
        // What an earlier run left is no result of this one.
        if out.exists() {
            fs::remove_file(&out)?;
        }
        let mut command = process::tied("wrk");
        command
            .args(["--threads", "1", "--timeout", "20s"])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .arg("--script")
            .arg(&script)
            .arg(format!("http://{}", self.address))
            .env("BENCH_OUT", &out)
            .env("BENCH_TEMPLATES", &templates)
            .env("BENCH_PAUSE_MS", self.pause.as_millis().to_string())
            .stdout(Stdio::null());
        let child = command.spawn()?;
        Ok(Running {
            child,
            out,
            templates,
        })
    }
}

impl Running {
    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Fallible<Counted> {
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("wrk failed: {status}").into());
        }
        let counted = serde_json::from_str(&fs::read_to_string(&self.out)?)?;
        fs::remove_file(&self.templates)?;
        Ok(counted)
    }

    /// The processor time that the load generator has taken so far.
    pub(crate) fn processor_time(&self) -> Fallible<Duration> {
        process::processor_time(self.child.id())
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> Fallible<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

/// Says how to get wrk where it is missing.
pub(crate) fn check() -> Fallible {
    let found = Command::new("wrk")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match found {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "wrk, the load generator, cannot be run ({error}): install it, for example with \
             `apt-get install wrk`"
        )
        .into()),
    }
}
