//! Replicas that are restarted one after the other, behind nginx and under load.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use secrecy::ExposeSecret;

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
               proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             }}\n\
           }}\n\
         }}\n"
    )
}

/// Each replica is restarted once, or as often as `PASSGATE_TEST_ROLLOUTS` says.
#[test]
fn replicas_are_restarted_in_turn_and_no_request_fails() {
    let Some(installed) = tools::nginx() else {
        return;
    };
    let _turn = turn();
    let folder = folder();
    let cluster = Cluster::start(&folder.path().join("database"));
    let url = cluster.url();
    let start = |listen: &str| {
        let flags = ["--drain-delay", DELAY, "--listen", listen];
        Served::spawn(&mut service(folder.path(), url.expose_secret(), &flags))
    };
    let mut replicas: Vec<Served> = (0..REPLICAS).map(|_| start("127.0.0.1:0")).collect();
    let addresses = replicas.iter().map(Ask::address).collect();
    let mut nginx = Nginx::start(installed, folder.path(), addresses);
    let load = Load::on(vec![nginx.front]);
    // What one replica has ended another believes for a moment: decision 28.
    load.forgive_copies();
    load.stands_behind_a_balancer();
    let mut clients = vec![watch::start(&load, ISSUER)];
    clients.extend(load.start(4));
    load.wait_until_well();
    let rounds = number("PASSGATE_TEST_ROLLOUTS", 1);
    for _ in 0..rounds {
        for replica in &mut replicas {
            let address = replica.address();
            nginx.leave_out(Some(address));
            replica.signal(Signal::SIGTERM);
            let (status, log) = replica.ended();
            assert!(status.success(), "{log}");
            *replica = start(&address.to_string());
            nginx.leave_out(None);
            load.wait_until_well();
        }
    }
    load.end();
    for client in clients {
        for mut held in client.join().unwrap() {
            assert!(load.refresh(&mut held), "a session is lost");
        }
    }
    let Tally {
        good,
        unavailable,
        none,
        wrong,
        longest,
        ..
    } = load.next_tally();
    let mut connection = connect(url.expose_secret());
    leaves_no_connections(&mut connection, 3);
    let lost = load.ledger.differences(&mut connection);
    let table = format!(
        "\n{:>9} {:>9} {:>9} {:>9} {:>9} {:>5}\n{:>9} {good:>9} {:>9} {:>9.2} {:>9} {:>5}\n",
        "restarts",
        "good",
        "failed",
        "longest s",
        "503",
        "lost",
        rounds * 3,
        none + u64::try_from(wrong.len()).unwrap(),
        longest.as_secs_f64(),
        unavailable,
        lost.len()
    );
    drop(io::stderr().write_all(table.as_bytes()));
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!((unavailable, none, wrong), (0, 0, Vec::new()));
}
