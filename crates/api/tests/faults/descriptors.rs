//! A process that may open few files, and clients that want more connections than that.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use secrecy::ExposeSecret;

use crate::client::{Ask, FORM, PASSWORD, Reply, compose, is_complete};
use crate::cluster::Cluster;
use crate::load::{Kind, Load};
use crate::program::Served;
use crate::report::{ANSWER, Row};
use crate::scene::{CONNECTIONS, leaves_no_connections, service};

/// Files that the process may have open: few more than it has anyway.
const LIMIT: &str = "96";

/// Connections of those who say nothing, which are more than that.
const SILENT: usize = 200;

/// The account that all of them use.
const NAME: &str = "descriptors";

/// The same command, for a process with few descriptors.
fn limited(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -n {LIMIT} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Who has a connection is served, database and all, while nobody else gets one; and when those who
/// say nothing have gone, everybody is.
pub(crate) fn exhausted(cluster: &Cluster, folder: &Path) -> Row {
    let url = cluster.url();
    let server = Served::spawn(&mut limited(&service(folder, url.expose_secret(), &[])));
    let load = Load::on(vec![server.address()]);
    assert!(load.register(NAME));
    // More than it has connections to the database so far.
    let kept: Vec<Kept> = (0..CONNECTIONS)
        .map(|_| Kept::open(server.address()))
        .collect();
    let silent: Vec<TcpStream> = (0..SILENT)
        .map_while(|_| TcpStream::connect_timeout(&server.address(), ANSWER).ok())
        .collect();
    // Whoever wants another connection to the database needs a descriptor for it.
    cluster.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'passgate'",
    );
    thread::scope(|scope| {
        for kept in kept {
            let load = &load;
            scope.spawn(move || kept.use_it(load));
        }
    });
    drop(silent);
    let gone = Instant::now();
    for _ in 0..10 {
        load.get(Kind::Ready, "/health/ready");
    }
    let recovery = gone.elapsed();
    let mut connection = cluster.connect();
    leaves_no_connections(&mut connection, 1);
    server.signal(Signal::SIGKILL);
    let (_, log) = server.end();
    assert!(!log.contains("Too many open files"), "{log}");
    Row {
        cause: "file descriptors exhausted",
        tally: load.next_tally(),
        recovery,
        lost: Vec::new(),
        may_be_gone: false,
    }
}

/// A connection that is used again and again.
struct Kept {
    address: SocketAddr,
    stream: TcpStream,
}

impl Kept {
    fn use_it(mut self, load: &Load) {
        let password = PASSWORD.replace(' ', "+");
        let form = format!("grant_type=password&username={NAME}&password={password}");
        for _ in 0..10 {
            load.judge(Kind::LogIn, 200, || Some(self.ask("POST", "/token", &form)));
            load.judge(Kind::Ready, 200, || {
                Some(self.ask("GET", "/health/ready", ""))
            });
        }
    }

    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self { address, stream }
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Reply {
        let request = compose(self.address, method, path, &[FORM], body);
        let request = String::from_utf8(request).unwrap();
        let request = request.replace("Connection: close\r\n", "");
        self.stream.write_all(request.as_bytes()).unwrap();
        let (mut answer, mut chunk) = (Vec::new(), [0; 16 * 1024]);
        while !is_complete(&answer) {
            let length = self.stream.read(&mut chunk).unwrap();
            assert!(length > 0, "the connection was closed");
            answer.extend_from_slice(&chunk[..length]);
        }
        Reply::parse(&answer)
    }
}
