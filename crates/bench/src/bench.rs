//! One run: every side in turn, round by round.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use passgate_auth::password::{Cost, Passwords};
use passgate_domain::PasswordHash;
use secrecy::SecretString;

use crate::cluster::{self, Cluster};
use crate::figures::Figures;
use crate::load::{self, Counted, Load, Script};
use crate::machine::{self, Machine};
use crate::peers::{self, Peer};
use crate::process::Server;
use crate::server::{self, Passgate};
use crate::{Fallible, Settings, calm, docs, flood, http, limits, pgbench, place, rows, seed};

/// Users of Passgate: many enough that none is asked for more often than people log in.
const USERS: u64 = 1000;

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
    stored: PasswordHash,
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
        "bench",
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
        figures.add("memory.idle", "MiB", self.served.resident()?);
        let sides = Sides::start(self)?;
        for round in 1..=self.settings.rounds.get() {
            println!("round {round} of {}", self.settings.rounds);
            sides.round(round, figures)?;
        }
        drop(sides);
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

    fn wants(&self, part: Part) -> bool {
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
        load.run(&self.folder, "load")
    }

    /// Log-ins a second.
    pub(crate) fn log_ins_per_second(&self) -> Fallible<f64> {
        self.load(&self.served, Script::Replay, &self.log_ins)?
            .good_per_second()
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

/// Those who are compared, as far as they are wanted.
struct Sides<'a> {
    world: &'a World<'a>,
    log_ins: Option<LogIns>,
    statement: Option<SecretString>,
    me: Option<Me>,
}

struct LogIns {
    passwords: Passwords,
    naive: Server,
    peers: Vec<Peer>,
}

struct Me {
    bare: Server,
    requests: Vec<String>,
}

impl<'a> Sides<'a> {
    fn start(world: &'a World<'a>) -> Fallible<Self> {
        let settings = world.settings;
        let folder = &world.folder;
        let log_ins = world.wants(Part::LogIns).then(|| -> Fallible<LogIns> {
            Ok(LogIns {
                passwords: Passwords::builder().arenas(limits::cores()).build()?,
                naive: server::own("naive", &[], Some(&world.database), folder)?,
                peers: if settings.no_peers {
                    Vec::new()
                } else {
                    peers::start(&world.cluster, folder)?
                },
            })
        });
        let statement = world
            .wants(Part::Refresh)
            .then(|| -> Fallible<SecretString> {
                let database = world.cluster.migrated("statement")?;
                let mut connection = cluster::connect(&database)?;
                seed::users(&mut connection, USERS, &world.stored, |_| ())?;
                Ok(database)
            });
        let me = world.wants(Part::Me).then(|| -> Fallible<Me> {
            let requests = world.accounts()?;
            let body = http::ask(world.served.address, &requests[0])?;
            let bare = server::own("bare", &["--body", &body], None, folder)?;
            Ok(Me { bare, requests })
        });
        Ok(Self {
            world,
            log_ins: log_ins.transpose()?,
            statement: statement.transpose()?,
            me: me.transpose()?,
        })
    }

    /// Loads one side after another, in the other direction every second time.
    fn round(&self, round: usize, figures: &mut Figures) -> Fallible {
        self.world.cluster.settle()?;
        let mut sides: Vec<Side<'_>> = Vec::new();
        if let Some(log_ins) = &self.log_ins {
            self.log_in_sides(log_ins, &mut sides);
        }
        if let Some(statement) = &self.statement {
            self.refresh_sides(statement, &mut sides);
        }
        if let Some(me) = &self.me {
            self.me_sides(me, &mut sides);
        }
        if round.is_multiple_of(2) {
            sides.reverse();
        }
        for side in sides {
            let mut note = |name: &str, unit: &str, value: f64| {
                println!("  {name:<28} {value:>10.1} {unit}");
                figures.add(name, unit, value);
            };
            (side.measure)(&mut note).map_err(|error| format!("{}: {error}", side.name))?;
        }
        Ok(())
    }

    fn log_in_sides<'s>(&'s self, log_ins: &'s LogIns, sides: &mut Vec<Side<'s>>) {
        let world = self.world;
        let time = Duration::from_secs(world.settings.seconds);
        sides.push(Side::per_second("log_ins.limit", move || {
            limits::hashes_per_second(&log_ins.passwords, &world.stored, time)
        }));
        sides.push(Side::of_passgate(
            "log_ins.passgate",
            "log_in",
            world,
            || world.load(&world.served, Script::Replay, &world.log_ins),
        ));
        sides.push(Side::per_second("log_ins.naive", || {
            world
                .load(&log_ins.naive, Script::Replay, &world.log_ins)?
                .good_per_second()
        }));
        for peer in &log_ins.peers {
            sides.push(Side::per_second(peer.name, || {
                world
                    .load(&peer.server, Script::Replay, &peer.templates)?
                    .good_per_second()
            }));
        }
    }

    fn refresh_sides<'s>(&'s self, statement: &'s SecretString, sides: &mut Vec<Side<'s>>) {
        let world = self.world;
        let settings = world.settings;
        sides.push(Side::of_passgate(
            "refreshes.passgate",
            "refresh",
            world,
            || world.load(&world.served, Script::Refresh, &world.refreshes()?),
        ));
        sides.push(Side::per_second("refreshes.statement", move || {
            let clients = settings.connections.get();
            pgbench::prepare(statement, clients)?;
            pgbench::refreshes_per_second(statement, clients, settings.seconds, &world.folder)
        }));
    }

    fn me_sides<'s>(&'s self, me: &'s Me, sides: &mut Vec<Side<'s>>) {
        let world = self.world;
        sides.push(Side::of_passgate("me.passgate", "me", world, || {
            world.load(&world.served, Script::Replay, &me.requests)
        }));
        sides.push(Side::per_second("me.bare", || {
            world
                .load(&me.bare, Script::Replay, &me.requests)?
                .good_per_second()
        }));
        sides.push(Side::per_second("verifications", || {
            limits::verifications_per_second(Duration::from_secs(1))
        }));
    }
}

/// Takes the name, the unit and the value of a figure.
type Note<'a> = dyn FnMut(&str, &str, f64) + 'a;

/// What is measured in a round, one after another.
struct Side<'a> {
    name: &'static str,
    measure: Box<dyn Fn(&mut Note<'_>) -> Fallible + 'a>,
}

impl<'a> Side<'a> {
    /// So many a second.
    fn per_second(name: &'static str, measure: impl Fn() -> Fallible<f64> + 'a) -> Self {
        Self {
            name,
            measure: Box::new(move |note| {
                note(name, "1/s", measure()?);
                Ok(())
            }),
        }
    }

    /// The same, and what each request costs: processor time of Passgate, and bytes in
    /// PostgreSQL's log.
    fn of_passgate(
        name: &'static str,
        request: &'static str,
        world: &'a World<'a>,
        load: impl Fn() -> Fallible<Counted> + 'a,
    ) -> Self {
        let measure = move |note: &mut Note<'_>| {
            let (wal, processor) = (world.cluster.wal_bytes()?, world.served.processor_time()?);
            let counted = load()?;
            let wal = world.cluster.wal_bytes()? - wal;
            let processor = world.served.processor_time()?.saturating_sub(processor);
            note(name, "1/s", counted.good_per_second()?);
            let of_each = processor.as_secs_f64() * 1e6 / counted.requests;
            note(&format!("{request}.processor"), "us", of_each);
            note(&format!("{request}.wal"), "bytes", wal / counted.requests);
            Ok(())
        };
        Self {
            name,
            measure: Box::new(measure),
        }
    }
}
