//! Programs that run while something is measured, and end with the bench.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Fallible;

/// How long a server may take to start.
const START: Duration = Duration::from_mins(1);

/// How long it may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(10);

/// How long a server may go on with what its clients have given up.
const UNWATCHED: Duration = Duration::from_secs(10);

/// Over how long it has to do nothing to count as idle.
const IDLE: Duration = Duration::from_millis(100);

/// How often a foreign program is asked whether it listens or has ended.
const ASKING: Duration = Duration::from_millis(10);

/// A program that is told to end when the bench ends, by whatever death.
pub(crate) fn tied(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]);
    command.arg(program.as_ref()).stdin(Stdio::null());
    command
}

/// A server under measurement.
pub(crate) struct Server {
    child: Child,
    /// Kept open: some servers end when nobody reads.
    _stdout: Option<BufReader<ChildStdout>>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server that says on its standard output where it listens, as ours do.
    pub(crate) fn start(mut command: Command, log: &Path) -> Fallible<Self> {
        command.stdout(Stdio::piped()).stderr(File::create(log)?);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        loop {
            line.clear();
            if stdout.read_line(&mut line)? == 0 {
                child.wait()?;
                return Err(format!("a server does not start: {}", tail(log)).into());
            }
            if let Some(address) = listening(&line) {
                return Ok(Self {
                    child,
                    _stdout: Some(stdout),
                    address,
                });
            }
        }
    }

    /// Starts a server that was told where to listen and says nothing.
    pub(crate) fn start_at(
        mut command: Command,
        address: SocketAddr,
        log: &Path,
    ) -> Fallible<Self> {
        let out = File::create(log)?;
        command.stdout(out.try_clone()?).stderr(out);
        let mut child = command.spawn()?;
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if child.try_wait()?.is_some() || begun.elapsed() > START {
                return Err(format!("a server does not start: {}", tail(log)).into());
            }
            thread::sleep(ASKING);
        }
        Ok(Self {
            child,
            _stdout: None,
            address,
        })
    }

    /// The memory that is resident now, in MiB.
    pub(crate) fn resident(&self) -> Fallible<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line
            .and_then(|line| line.split_whitespace().next())
            .ok_or("the system does not say how much memory is resident")?
            .parse()?;
        Ok(kib / 1024.0)
    }
}

/// What the kernel counts processor time in (`USER_HZ`, the same on every Linux).
const TICK: Duration = Duration::from_millis(10);

impl Server {
    /// The processor time that it has taken so far, of all its threads.
    pub(crate) fn processor_time(&self) -> Fallible<Duration> {
        Ok(TICK * Taken::by(self.child.id())?.ticks)
    }

    /// The same of its threads of this name alone.
    pub(crate) fn processor_time_of(&self, name: &str) -> Fallible<Duration> {
        let mut ticks = 0;
        for entry in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // Others come and go meanwhile.
            let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else {
                continue;
            };
            if named(&stat) == Some(name) {
                ticks += Taken::read(&stat).map_or(0, |taken| taken.ticks);
            }
        }
        Ok(TICK * ticks)
    }

    /// Waits until it and its workers do nothing any more: some go on for seconds with requests
    /// whose clients have gone, at the cost of whoever is measured next.
    pub(crate) fn settle(&self) -> Fallible {
        let begun = Instant::now();
        let mut before = self.family_ticks()?;
        while begun.elapsed() < UNWATCHED {
            thread::sleep(IDLE);
            let now = self.family_ticks()?;
            if now <= before + 1 {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Of the server and of its children.
    fn family_ticks(&self) -> Fallible<u32> {
        let own = self.child.id();
        let mut ticks = 0;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // Others come and go meanwhile.
            let Ok(taken) = Taken::by(pid) else { continue };
            if pid == own || taken.parent == own {
                ticks += taken.ticks;
            }
        }
        Ok(ticks)
    }
}

/// What the kernel says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    parent: u32,
    ticks: u32,
}

impl Taken {
    fn by(pid: u32) -> Fallible<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::read(&stat).ok_or_else(|| format!("the system says of a process: {stat}").into())
    }

    /// `ppid`, `utime` and `stime`, fields 4, 14 and 15 of proc(5); the name before them may hold
    /// anything.
    fn read(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
        Some(Self {
            parent: field(4)?,
            ticks: field(14)? + field(15)?,
        })
    }
}

/// The name of a process or of a thread, field 2 of proc(5).
fn named(stat: &str) -> Option<&str> {
    let (before, _) = stat.rsplit_once(')')?;
    Some(before.split_once('(')?.1)
}

/// The processor time that some process has taken so far.
pub(crate) fn processor_time(pid: u32) -> Fallible<Duration> {
    Ok(TICK * Taken::by(pid)?.ticks)
}

/// What all processors together have not done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unused {
    /// Nothing was there to be done.
    pub(crate) idle: Duration,
    /// The machine is a guest, and its host had other things to do.
    pub(crate) stolen: Duration,
}

impl Unused {
    pub(crate) fn now() -> Fallible<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        Self::read(&stat).ok_or_else(|| "the system does not say what is idle".into())
    }

    /// `idle`, `iowait` and `steal`, columns 4, 5 and 8 of the first line.
    fn read(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let columns: Vec<&str> = line.split_whitespace().collect();
        let column = |number: usize| Some(TICK * columns.get(number - 1)?.parse::<u32>().ok()?);
        Some(Self {
            idle: column(4)? + column(5)?,
            stolen: column(8)?,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Ok(pid) = i32::try_from(self.child.id()) else {
            return;
        };
        // It may have ended already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > STOP {
                drop(self.child.kill());
                drop(self.child.wait());
                return;
            }
            thread::sleep(ASKING);
        }
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    let end = rest.find([',', ' ', '\n', '/']).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(15);
    format!("{}\n{}", log.display(), lines[from..].join("\n"))
}

/// An address that was free a moment ago, for programs that cannot choose one.
pub(crate) fn free_address() -> Fallible<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Runs a program to its end; its output is shown only if it fails.
pub(crate) fn run(command: &mut Command) -> Fallible<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} failed: {}\n{text}{errors}", output.status).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_that_of_user_and_system() {
        let stat = "7 (a) b) S 4 5 6 7 8 9 10 11 12 13 250 50 0 0 20";
        let taken = Taken {
            parent: 4,
            ticks: 300,
        };
        assert_eq!(Taken::read(stat), Some(taken));
        assert_eq!(Taken::read("7 (a"), None);
        assert_eq!(named(stat), Some("a) b"));
    }

    #[test]
    fn idle_is_what_waits_for_a_disk_as_well() {
        let unused = Unused {
            idle: Duration::from_millis(110),
            stolen: Duration::from_millis(30),
        };
        assert_eq!(
            Unused::read("cpu  1 2 1 10 1 6 7 3 0 0\ncpu0 1"),
            Some(unused)
        );
        assert_eq!(Unused::read("cpu  1 2"), None);
    }

    #[test]
    fn the_line_that_says_where_a_server_listens_is_read() {
        let line = "passgate listening on http://127.0.0.1:8000, try it at http://x/docs/\n";
        assert_eq!(listening(line), "127.0.0.1:8000".parse().ok());
        assert_eq!(
            listening("listening on http://127.0.0.1:1\n"),
            "127.0.0.1:1".parse().ok()
        );
        assert_eq!(listening("starting"), None);
    }
}
