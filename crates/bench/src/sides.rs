//! Those who are compared in a round.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use passgate_auth::password::Passwords;
use secrecy::SecretString;

use crate::bench::{Part, USERS, World};
use crate::figures::Figures;
use crate::load::{Counted, Script};
use crate::peers::{self, Peer};
use crate::process::Server;
use crate::{Fallible, cluster, http, limits, pgbench, seed, server};

/// Those who are compared, as far as they are wanted.
pub(crate) struct Sides<'a> {
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
    pub(crate) fn start(world: &'a World<'a>) -> Fallible<Self> {
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
    pub(crate) fn round(&self, round: usize, figures: &mut Figures) -> Fallible {
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
        sides.push(Side::of_server("me.bare", "bare", &me.bare, || {
            world.load(&me.bare, Script::Replay, &me.requests)
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

    /// The same, and the processor time that the server takes for each request.
    fn of_server(
        name: &'static str,
        request: &'static str,
        server: &'a Server,
        load: impl Fn() -> Fallible<Counted> + 'a,
    ) -> Self {
        let measure = move |note: &mut Note<'_>| {
            let before = server.processor_time()?;
            let counted = load()?;
            let taken = server.processor_time()?.saturating_sub(before);
            note(name, "1/s", counted.good_per_second()?);
            let of_each = taken.as_secs_f64() * 1e6 / counted.requests;
            note(&format!("{request}.processor"), "us", of_each);
            Ok(())
        };
        Self {
            name,
            measure: Box::new(measure),
        }
    }

    /// The same of Passgate, and the bytes that a request leaves in PostgreSQL's log.
    fn of_passgate(
        name: &'static str,
        request: &'static str,
        world: &'a World<'a>,
        load: impl Fn() -> Fallible<Counted> + 'a,
    ) -> Self {
        let written = Rc::new(Cell::new(0.0));
        let counting = {
            let written = Rc::clone(&written);
            move || {
                let before = world.cluster.wal_bytes()?;
                let counted = load()?;
                let bytes = world.cluster.wal_bytes()? - before;
                written.set(bytes / counted.requests);
                Ok(counted)
            }
        };
        let Self { measure, .. } = Self::of_server(name, request, &world.served, counting);
        let measure = move |note: &mut Note<'_>| {
            measure(note)?;
            note(&format!("{request}.wal"), "bytes", written.get());
            Ok(())
        };
        Self {
            name,
            measure: Box::new(measure),
        }
    }
}
