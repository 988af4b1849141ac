//! What people use instead, from `PyPI`: crates/bench/peers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use secrecy::ExposeSecret;

use crate::cluster::Cluster;
use crate::http::{self, PASSWORD};
use crate::process::{self, Server, run};
use crate::{Fallible, limits, place};

/// Users of each peer.
const USERS: usize = 1000;

/// A peer that serves log-ins.
pub(crate) struct Peer {
    /// The name of its figures.
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    /// What it is sent.
    pub(crate) templates: Vec<String>,
}

struct Kind {
    name: &'static str,
    module: &'static str,
    hash: &'static str,
    path: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "log_ins.fastapi_bcrypt",
        module: "fastapi_app",
        hash: "bcrypt",
        path: "/token",
    },
    Kind {
        name: "log_ins.fastapi_argon2",
        module: "fastapi_app",
        hash: "argon2",
        path: "/token",
    },
    Kind {
        name: "log_ins.django_simplejwt",
        module: "django_app",
        hash: "argon2",
        path: "/token",
    },
];

/// Installs, fills and starts all of them.
pub(crate) fn start(cluster: &Cluster, folder: &Path) -> Fallible<Vec<Peer>> {
    let venv = install(folder)?;
    let start = |kind: &Kind| {
        let name = kind.name.replace('.', "_");
        let database = cluster.empty(&name)?;
        let configured = |command: &mut Command| {
            command
                .current_dir(place::own("peers"))
                .env("BENCH_DATABASE_URL", database.expose_secret())
                .env("BENCH_HASH", kind.hash)
                .env("BENCH_PASSWORD", PASSWORD)
                .env("BENCH_USERS", USERS.to_string())
                .env("PYTHONDONTWRITEBYTECODE", "1");
        };
        let mut seeding = Command::new(venv.join("bin/python"));
        configured(seeding.arg(format!("{}.py", kind.module)));
        run(&mut seeding)?;
        let address = process::free_address()?;
        let mut serving = served(kind, &venv, address);
        configured(&mut serving);
        let log = folder.join(format!("logs/{name}.log"));
        let server = Server::start_at(serving, address, &log)?;
        let templates: Vec<String> = (0..USERS)
            .map(|number| http::post(kind.path, &http::log_in_form(&format!("user{number}"))))
            .collect();
        // Whether it is the app that was meant.
        http::ask(address, &templates[0])?;
        Ok(Peer {
            name: kind.name,
            server,
            templates,
        })
    };
    KINDS.iter().map(start).collect()
}

/// As their documentation says: a process a core. gunicorn's threads keep connections open, which
/// its plain workers do not.
fn served(kind: &Kind, venv: &Path, address: std::net::SocketAddr) -> Command {
    let workers = limits::cores().to_string();
    let app = format!("{}:app", kind.module);
    if kind.module == "fastapi_app" {
        let mut uvicorn = process::tied(venv.join("bin/uvicorn"));
        uvicorn
            .arg(app)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--workers", &workers]);
        return uvicorn;
    }
    let mut gunicorn = process::tied(venv.join("bin/gunicorn"));
    gunicorn
        .arg(app)
        .args(["--bind", &address.to_string(), "--workers", &workers])
        .args(["--worker-class", "gthread", "--threads", "4"]);
    gunicorn
}

/// Makes the environment, or finds it made from the same list.
fn install(folder: &Path) -> Fallible<PathBuf> {
    let venv = folder.join("venv");
    let (wanted, made) = (
        place::own("peers/requirements.txt"),
        venv.join("made-from.txt"),
    );
    let list = fs::read_to_string(&wanted)?;
    if fs::read_to_string(&made).is_ok_and(|made| made == list) {
        return Ok(venv);
    }
    println!("installing the peers from PyPI");
    let explain =
        |error| format!("the peers cannot be installed (--no-peers leaves them out): {error}");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).map_err(explain)?;
    run(Command::new(venv.join("bin/pip"))
        .args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(&wanted))
    .map_err(explain)?;
    fs::write(made, list)?;
    Ok(venv)
}
