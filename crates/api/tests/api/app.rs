//! A server in this process, made by the functions that production uses.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{rt, web};
use clap::Parser;
use passgate_api::config::ServeArgs;
use passgate_api::server;
use passgate_api::settings::Settings;
use passgate_auth::password::Passwords;
use passgate_auth::seal::SealingKey;
use passgate_persistence::testing::TestDatabase;
use secrecy::SecretString;

use crate::client::Ask;

pub(crate) const SECRET: &str = "a secret of the tests, long enough";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: ServeArgs,
}

pub(crate) struct App {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    pub(crate) database: Arc<TestDatabase>,
    pub(crate) passwords: Passwords,
}

impl App {
    pub(crate) fn spawn() -> Self {
        Self::with(&[])
    }

    /// With flags of `serve`, and hashes that cost next to nothing.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let mut all = vec!["passgate", "--argon2", "m=64,t=1,p=1"];
        all.extend(flags);
        Self::with_args(&all)
    }

    pub(crate) fn with_args(flags: &[&str]) -> Self {
        Self::on(Arc::new(TestDatabase::new()), flags)
    }

    /// Another replica, on the same database.
    pub(crate) fn beside(&self) -> Self {
        self.beside_with(&[])
    }

    /// Another replica, with flags of its own.
    pub(crate) fn beside_with(&self, flags: &[&str]) -> Self {
        let mut all = vec!["passgate", "--argon2", "m=64,t=1,p=1"];
        all.extend(flags);
        Self::on(Arc::clone(&self.database), &all)
    }

    fn on(database: Arc<TestDatabase>, flags: &[&str]) -> Self {
        let Flags { args } = Flags::try_parse_from(flags).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sealing = SealingKey::from_secret(&SecretString::from(SECRET)).unwrap();
        let state = Settings::check(&args, address)
            .and_then(|settings| server::build_state(&args, settings, database.store(), sealing))
            .unwrap_or_else(|failure| panic!("{failure}"));
        let passwords = state.passwords.clone();
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let state = web::Data::new(state);
            rt::System::new().block_on(async {
                let server = server::run(listener, None, state, 2, Duration::from_secs(5)).unwrap();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self {
            address,
            handle: receiver.recv().unwrap(),
            thread: Some(thread),
            database,
            passwords,
        }
    }
}

impl Ask for App {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
