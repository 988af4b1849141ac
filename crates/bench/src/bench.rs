//! One run: every side in turn, round by round.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use passgate_auth::password::Cost;
use passgate_domain::PasswordHash;
use secrecy::SecretString;

use crate::cluster::{self, Cluster};
use crate::figures::Figures;
use crate::load::{self, Counted, Load, Script};
use crate::machine::{self, Machine};
use crate::process::Server;
use crate::server::Passgate;
use crate::sides::Sides;
use crate::{Fallible, Settings, calm, docs, flood, http, limits, place, rows, seed};

/// Users of Passgate: many enough that none is asked for more often than people log in.
pub(crate) const USERS: u64 = 1000;

/// Chains of refresh tokens under way.
const CHAINS: u64 = 1000;

/// Starts that are timed.
const STARTS: usize = 10;

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// How long until it listens.
    Start,
    /// Log-ins, of everybody.
    LogIns,
    /// Refreshes, and their statement alone.
    Refresh,
    /// `GET /users/me`, and no work at all.
    Me,
    /// What needs no hash, while hashes take every core.
    Calm,
    /// Ten times the log-ins that it can hash.
    Flood,
}

/// What is there while it is measured.
pub(crate) struct World<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) folder: PathBuf,
    pub(crate) cluster: Cluster,
    pub(crate) database: SecretString,
    pub(crate) served: Server,
    pub(crate) stored: PasswordHash,
    /// Log-ins, one a user.
    pub(crate) log_ins: Vec<String>,
}

/// Measures and reports.
pub(crate) fn run(settings: &Settings) -> Fallible {
    let load_before = machine::load();
    load::check()?;
    let folder = place::folder()?;
    let passgate = Passgate::build(settings, &folder)?;
    let cluster = Cluster::start(&folder)?;
    let machine = Machine::look(&cluster, load_before)?;
    let mut figures = Figures::default();
    figures.add("cores", "", limits::cores_f64());
    let world = World::set_up(settings, folder, cluster, &passgate, &mut figures)?;
    let outcome = world.measure(&mut figures);
    let cluster = world.tear_down();
    let stopped = cluster.stop();
    outcome.and(stopped)?;
    docs::report(
        docs::BENCH,
        &machine,
        &figures,
        &rows::of(&figures),
        settings.write_docs,
    )
}

impl<'a> World<'a> {
    fn set_up(
        settings: &'a Settings,
        folder: PathBuf,
        cluster: Cluster,
        passgate: &Passgate,
        figures: &mut Figures,
    ) -> Fallible<Self> {
        println!("making {USERS} users and {CHAINS} sessions");
        let database = cluster.migrated("passgate")?;
        let mut connection = cluster::connect(&database)?;
        let stored = seed::hash(Cost::OWASP)?;
        seed::users(&mut connection, USERS, &stored, |_| ())?;
        seed::sessions(&mut connection, CHAINS, USERS, |_| ())?;
        drop(connection);
        if wants(settings, Part::Start) {
            println!("starting it {STARTS} times");
            // The first one makes the signing key.
            passgate.time_to_listen(&database)?;
            for _ in 0..STARTS {
                let took = passgate.time_to_listen(&database)?;
                figures.add("start", "ms", took.as_secs_f64() * 1e3);
            }
        }
        let served = passgate.serve(&database, "passgate")?;
        Ok(Self {
            settings,
            folder,
            cluster,
            database,
            served,
            stored,
            log_ins: (0..USERS)
                .map(|user| http::from_address(&http::log_in(&seed::username(user)), user))
                .collect(),
        })
    }

    fn tear_down(self) -> Cluster {
        drop(self.served);
        self.cluster
    }

    fn measure(&self, figures: &mut Figures) -> Fallible {
        figures.add("memory.start", "MiB", self.served.resident()?);
        let sides = Sides::start(self)?;
        for round in 1..=self.settings.rounds.get() {
            println!("round {round} of {}", self.settings.rounds);
            sides.round(round, figures)?;
        }
        drop(sides);
        // The arenas have been in use, and are given back by now: nobody logged in for a while.
        figures.add("memory.idle", "MiB", self.served.resident()?);
        if self.wants(Part::Calm) {
            println!("what needs no hash, while hashes take every core");
            calm::measure(self, figures)?;
        }
        if self.wants(Part::Flood) {
            println!("ten times the log-ins, for {} s", self.settings.flood);
            flood::measure(self, figures)?;
        }
        Ok(())
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        wants(self.settings, part)
    }

    /// Loads somebody by every connection.
    pub(crate) fn load(
        &self,
        server: &Server,
        script: Script,
        templates: &[String],
    ) -> Fallible<Counted> {
        let load = Load {
            address: server.address,
            script,
            templates,
            connections: self.settings.connections.get(),
            seconds: self.settings.seconds,
            pause: Duration::ZERO,
        };
        let counted = load.run(&self.folder, "load")?;
        server.settle()?;
        Ok(counted)
    }

    /// A refresh and the tokens for it.
    pub(crate) fn refreshes(&self) -> Fallible<Vec<String>> {
        let sessions: Vec<_> = (0..CHAINS).map(seed::session_id).collect();
        let mut connection = cluster::connect(&self.database)?;
        refreshes(seed::refresh_tokens(&mut connection, &sessions)?)
    }

    /// Requests for their own account by a hundred users.
    pub(crate) fn accounts(&self) -> Fallible<Vec<String>> {
        let log_ins = self.log_ins.iter().take(100);
        let token = |log_in: &String| http::access_token(self.served.address, log_in);
        let tokens = log_ins.map(token).collect::<Fallible<Vec<_>>>()?;
        Ok(tokens
            .iter()
            .map(|token| http::get("/users/me", token))
            .collect())
    }
}

/// The template of a refresh, and after it the tokens.
pub(crate) fn refreshes(tokens: Vec<String>) -> Fallible<Vec<String>> {
    let form = "grant_type=refresh_token&refresh_token=@TOKEN@";
    let token = tokens.first().ok_or("there are no sessions")?;
    let length = form.len() - "@TOKEN@".len() + token.len();
    let mut templates = vec![http::sized_post("/token", form, length)];
    templates.extend(tokens);
    Ok(templates)
}

fn wants(settings: &Settings, part: Part) -> bool {
    settings.only.is_empty() || settings.only.contains(&part)
}
