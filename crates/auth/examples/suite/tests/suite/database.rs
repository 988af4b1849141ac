//! Databases on the server that all tests share.

use std::env;
use std::fmt::Write;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use passgate_local_postgres::Places;
use passgate_local_postgres::testing::{VARIABLE, admin_url};
use postgres::config::Host;
use postgres::{Config, NoTls};
use secrecy::ExposeSecret;

/// An empty database, dropped when this is.
pub struct Database {
    server: Config,
    name: String,
}

/// Whether tests can have databases.
pub fn is_there() -> bool {
    env::var_os(VARIABLE).is_some() || !Places::system().search().is_empty()
}

impl Database {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("passgate_example_{}_{count}", process::id());
        let server: Config = admin_url().expose_secret().parse().unwrap();
        let database = Self { server, name };
        database.run(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// As a connection string, which libpq and others read.
    pub fn url(&self) -> String {
        let mut url = format!("dbname={}", self.name);
        let hosts = self.server.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.to_str().unwrap().to_owned(),
        });
        let ports = self.server.get_ports().iter().map(u16::to_string);
        let password = self
            .server
            .get_password()
            .map(|bytes| str::from_utf8(bytes).unwrap());
        for (name, value) in [
            ("host", Some(hosts.collect::<Vec<_>>().join(","))),
            ("port", Some(ports.collect::<Vec<_>>().join(","))),
            ("user", self.server.get_user().map(str::to_owned)),
            ("password", password.map(str::to_owned)),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
                write!(url, " {name}='{quoted}'").unwrap();
            }
        }
        url
    }

    fn run(&self, sql: &str) {
        self.try_run(sql).unwrap();
    }

    fn try_run(&self, sql: &str) -> Result<(), postgres::Error> {
        self.server.connect(NoTls)?.batch_execute(sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Who was killed a moment ago may still be connected.
        let dropped = self.try_run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A second panic would end the whole program, and hide the first.
        match dropped {
            Err(error) if thread::panicking() => eprintln!("{}: {error}", self.name),
            dropped => dropped.unwrap(),
        }
    }
}
