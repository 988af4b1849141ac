//! Replicas that are restarted one after the other, behind a balancer and under load.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use secrecy::ExposeSecret;

use tempfile::TempDir;

use crate::balancer::Balancer;
use crate::client::{Ask, compose};
use crate::cluster::{Cluster, connect, until};
use crate::load::{Load, Tally, exchange};
use crate::program::{self, Served, folder};
use crate::scene::{ISSUER, leaves_no_connections, service};
use crate::{number, tools, turn, watch};

const REPLICAS: usize = 3;

/// As long as the workers of the configuration before take to finish what they have begun.
const DELAY: &str = "1s";

/// nginx, which is told which replica gets nothing.
struct Nginx {
    child: Child,
    folder: PathBuf,
    front: SocketAddr,
    replicas: Vec<SocketAddr>,
    generation: usize,
}

impl Nginx {
    fn start(nginx: &str, folder: &Path, replicas: Vec<SocketAddr>) -> Self {
        let front = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let folder = folder.join("nginx");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        program::write(
            &folder,
            "nginx.conf",
            &configuration(&folder, front, &replicas, None, 0),
        );
        let child = Command::new(nginx)
            .args(["-e", "stderr", "-c"])
            .arg(folder.join("nginx.conf"))
            .arg("-p")
            .arg(&folder)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self {
            child,
            folder,
            front,
            replicas,
            generation: 0,
        };
        nginx.wait_for_generation();
        nginx
    }

    /// Sends nothing new to this replica any more, or to all of them again.
    fn leave_out(&mut self, replica: Option<SocketAddr>) {
        self.generation += 1;
        let (front, generation) = (self.front, self.generation);
        let text = configuration(&self.folder, front, &self.replicas, replica, generation);
        program::write(&self.folder, "nginx.conf", &text);
        let master = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(master, Signal::SIGHUP).unwrap();
        self.wait_for_generation();
    }

    fn wait_for_generation(&self) {
        let expected = self.generation.to_string();
        until("nginx has the new configuration", || {
            let request = compose(self.front, "GET", "/generation", &[], "");
            exchange(self.front, &request).is_some_and(|reply| reply.body == expected.as_bytes())
        });
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let master = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(master, Signal::SIGTERM).ok();
        drop(self.child.wait());
    }
}

fn configuration(
    folder: &Path,
    front: SocketAddr,
    replicas: &[SocketAddr],
    left_out: Option<SocketAddr>,
    generation: usize,
) -> String {
    let here = folder.display();
    let mut servers = String::new();
    for replica in replicas {
        let mark = if Some(*replica) == left_out {
            " down"
        } else {
            ""
        };
        write!(servers, "server {replica}{mark}; ").unwrap();
    }
    format!(
        "daemon off; worker_processes 1; pid {here}/pid; error_log {here}/error.log;\n\
         events {{}}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;\n\
           fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
           upstream passgate {{ {servers} keepalive 8; }}\n\
           server {{\n\
             listen {front};\n\
             location = /generation {{ return 200 \"{generation}\"; }}\n\
             location / {{\n\
               proxy_pass http://passgate;\n\
               proxy_next_upstream off;\n\
               proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             }}\n\
           }}\n\
         }}\n"
    )
}

/// Three replicas on one database.
struct Site {
    folder: TempDir,
    cluster: Cluster,
    replicas: Vec<Served>,
}

impl Site {
    fn start() -> Self {
        let folder = folder();
        let cluster = Cluster::start(&folder.path().join("database"));
        let mut site = Self {
            folder,
            cluster,
            replicas: Vec::new(),
        };
        site.replicas = (0..REPLICAS).map(|_| site.serve("127.0.0.1:0")).collect();
        site
    }

    fn serve(&self, listen: &str) -> Served {
        let (url, flags) = (
            self.cluster.url(),
            ["--drain-delay", DELAY, "--listen", listen],
        );
        Served::spawn(&mut service(
            self.folder.path(),
            url.expose_secret(),
            &flags,
        ))
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.replicas.iter().map(Ask::address).collect()
    }

    /// Restarts each once, or as often as `PASSGATE_TEST_ROLLOUTS` says, while clients ask the balancer,
    /// which is told whom to leave out. No request may fail.
    fn restart_in_turn(
        mut self,
        balancer: &str,
        front: SocketAddr,
        mut leave_out: impl FnMut(Option<SocketAddr>),
    ) {
        let load = Load::on(vec![front]);
        // What one replica has ended another believes for a moment: decision 28.
        load.forgive_copies();
        load.stands_behind_a_balancer();
        let mut clients = vec![watch::start(&load, ISSUER)];
        clients.extend(load.start(4));
        load.wait_until_well();
        let rounds = number("PASSGATE_TEST_ROLLOUTS", 1);
        for turn in 0..rounds * REPLICAS as u64 {
            let at = usize::try_from(turn).unwrap() % REPLICAS;
            let address = self.replicas[at].address();
            leave_out(Some(address));
            self.replicas[at].signal(Signal::SIGTERM);
            let (status, log) = self.replicas[at].ended();
            assert!(status.success(), "{log}");
            self.replicas[at] = self.serve(&address.to_string());
            leave_out(None);
            load.wait_until_well();
        }
        load.end();
        for client in clients {
            for mut held in client.join().unwrap() {
                assert!(load.refresh(&mut held), "a session is lost");
            }
        }
        let tally = load.next_tally();
        let mut connection = connect(self.cluster.url().expose_secret());
        leaves_no_connections(&mut connection, 3);
        let lost = load.ledger.differences(&mut connection);
        tell(balancer, rounds, &tally, lost.len());
        assert!(lost.is_empty(), "{lost:?}");
        let Tally {
            unavailable,
            none,
            wrong,
            ..
        } = tally;
        assert_eq!((unavailable, none, wrong), (0, 0, Vec::new()));
    }
}

/// The table of the results.
fn tell(balancer: &str, rounds: u64, tally: &Tally, lost: usize) {
    let table = format!(
        "\n{:<34} {:>9} {:>9} {:>9} {:>9} {:>9} {:>5}\n{balancer:<34} {:>9} {:>9} {:>9} {:>9.2} {:>9} {lost:>5}\n",
        "behind",
        "restarts",
        "good",
        "failed",
        "longest s",
        "503",
        "lost",
        rounds * REPLICAS as u64,
        tally.good,
        tally.none + u64::try_from(tally.wrong.len()).unwrap(),
        tally.longest.as_secs_f64(),
        tally.unavailable,
    );
    drop(io::stderr().write_all(table.as_bytes()));
}

#[test]
fn replicas_are_restarted_in_turn_behind_nginx_and_no_request_fails() {
    let Some(installed) = tools::nginx() else {
        return;
    };
    let _turn = turn();
    let site = Site::start();
    let mut nginx = Nginx::start(installed, site.folder.path(), site.addresses());
    let front = nginx.front;
    site.restart_in_turn("nginx, told whom to leave out", front, |replica| {
        nginx.leave_out(replica);
    });
}

#[test]
fn replicas_are_restarted_in_turn_behind_who_follows_readiness_and_no_request_fails() {
    let _turn = turn();
    let site = Site::start();
    let balancer = Balancer::before(&site.addresses());
    site.restart_in_turn("what follows /health/ready", balancer.front, |_| ());
}
