//! The growth with the number of users: the same requests on databases of different sizes.

use std::path::Path;
use std::time::Duration;

use passgate_auth::password::Cost;
use secrecy::SecretString;

use crate::cluster::{self, Cluster};
use crate::figures::Figures;
use crate::load::{self, Load, Script};
use crate::machine::{self, Machine};
use crate::process::{Server, run as run_program};
use crate::server::Passgate;
use crate::{Fallible, Settings, bench, docs, http, place, rows, seed};

/// The cheapest hash there is, 0.02 ms: what is left of a log-in is what grows, if anything does.
const CHEAP: &str = "m=8,t=1,p=1";

/// Users and sessions that are asked for, from all over the tables.
const ASKED: u64 = 20_000;

/// What a user with a session takes on the disk, in bytes: the rows and their indexes.
const BYTES: u64 = 900;

/// What is free besides, in bytes: PostgreSQL's log of changes takes half of it.
const KEPT_FREE: u64 = 8 << 30;

/// A database of one size, and who serves it.
struct Size {
    users: u64,
    database: SecretString,
    served: Server,
    log_ins: Vec<String>,
    sessions: Vec<uuid::Uuid>,
    pages: Vec<String>,
    searches: Vec<String>,
}

/// Measures and reports.
pub(crate) fn run(settings: &Settings) -> Fallible {
    let load_before = machine::load();
    load::check()?;
    let folder = place::folder()?;
    check_disk(&folder, settings.sizes.iter().sum())?;
    let passgate = Passgate::build(settings, &folder)?;
    let cluster = Cluster::start(&folder)?;
    let machine = Machine::look(&cluster, load_before)?;
    let mut figures = Figures::default();
    let outcome = measure(settings, &folder, &cluster, &passgate, &mut figures);
    let stopped = cluster.stop();
    outcome.and(stopped)?;
    let rows = growth(settings, &figures);
    docs::report("scale", &machine, &figures, &rows, settings.write_docs)
}

fn check_disk(folder: &Path, users: u64) -> Fallible {
    let output = run_program(
        std::process::Command::new("df")
            .args(["--output=avail", "--block-size=1"])
            .arg(folder),
    )?;
    let free: u64 = output.lines().nth(1).unwrap_or_default().trim().parse()?;
    let wanted = users * BYTES + KEPT_FREE;
    if free < wanted {
        return Err(format!(
            "{} users want {} GiB in {}, and {} GiB are free: name smaller --sizes",
            users,
            wanted >> 30,
            folder.display(),
            free >> 30
        )
        .into());
    }
    Ok(())
}

fn measure(
    settings: &Settings,
    folder: &Path,
    cluster: &Cluster,
    passgate: &Passgate,
    figures: &mut Figures,
) -> Fallible {
    let make = |users: &u64| Size::make(*users, cluster, passgate, figures);
    let sizes = settings
        .sizes
        .iter()
        .map(make)
        .collect::<Fallible<Vec<_>>>()?;
    cluster.settle()?;
    for round in 1..=settings.rounds.get() {
        println!("round {round} of {}", settings.rounds);
        let mut turn: Vec<&Size> = sizes.iter().collect();
        if round.is_multiple_of(2) {
            turn.reverse();
        }
        // Each request on every size, one right after the other.
        for kind in Kind::ALL {
            for size in &turn {
                let median = size.measure(kind, settings.seconds, folder)?;
                println!(
                    "  {:>10} users {:<8} {median:>8.3} ms",
                    size.users,
                    kind.name()
                );
                figures.add(&figure(size.users, kind), "ms", median);
            }
        }
    }
    if let Some(size) = sizes.last() {
        let mut connection = cluster::connect(&size.database)?;
        let bytes = cluster::number(
            &mut connection,
            "SELECT pg_total_relation_size('audit_events') / greatest(count(*), 1) AS number
             FROM audit_events",
        )?;
        figures.add("bytes.event", "bytes", bytes);
    }
    Ok(())
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    LogIn,
    Refresh,
    Page,
    Search,
}

impl Kind {
    const ALL: [Self; 4] = [Self::LogIn, Self::Refresh, Self::Page, Self::Search];

    fn name(self) -> &'static str {
        match self {
            Self::LogIn => "log_in",
            Self::Refresh => "refresh",
            Self::Page => "page",
            Self::Search => "search",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::LogIn => "log-in minus hash",
            Self::Refresh => "refresh",
            Self::Page => "a page of /admin/users",
            Self::Search => "search by prefix",
        }
    }
}

/// The name of a figure.
fn figure(users: u64, kind: Kind) -> String {
    format!("scale.{users}.{}", kind.name())
}

fn growth(settings: &Settings, figures: &Figures) -> Vec<rows::Row> {
    let (Some(least), Some(most)) = (settings.sizes.iter().min(), settings.sizes.iter().max())
    else {
        return Vec::new();
    };
    let row = |kind: Kind| {
        let ratio = figures.ratio(&figure(*most, kind), &figure(*least, kind))?;
        let what = format!("{}, {most} over {least} users", kind.words());
        let is_promised = matches!(kind, Kind::LogIn | Kind::Refresh);
        Some(rows::of_growth(&what, ratio, is_promised))
    };
    Kind::ALL.into_iter().filter_map(row).collect()
}

impl Size {
    fn make(
        users: u64,
        cluster: &Cluster,
        passgate: &Passgate,
        figures: &mut Figures,
    ) -> Fallible<Self> {
        let database = cluster.migrated(&format!("scale_{users}"))?;
        let mut connection = cluster::connect(&database)?;
        let hash = seed::hash(CHEAP.parse::<Cost>()?)?;
        let progress = |table: &'static str| {
            move |done: u64| {
                if done == users || done.is_multiple_of(1_000_000) {
                    println!("  {done:>10} of {users} {table}");
                }
            }
        };
        seed::users(&mut connection, users, &hash, progress("users"))?;
        seed::sessions(&mut connection, users, users, progress("sessions"))?;
        for table in ["users", "sessions"] {
            let statement = format!("SELECT pg_total_relation_size('{table}') / {users} AS number");
            let bytes = cluster::number(&mut connection, &statement)?;
            let noun = table.trim_end_matches('s');
            figures.add(&format!("bytes.{noun}.{users}"), "bytes", bytes);
        }
        let name = format!("scale_{users}");
        let served = passgate.serve_with(&database, &name, &["--argon2", CHEAP])?;
        let asked: Vec<u64> = (0..ASKED).map(|n| seed::mix(n) % users).collect();
        let root = format!("{}&scope=admin", http::log_in_form("root"));
        let token = http::access_token(served.address, &http::post("/token", &root))?;
        let page = |after: u64| {
            let cursor = cursor(after);
            http::get(&format!("/admin/users?limit=50&after={cursor}"), &token)
        };
        // Of ten thousand users some forty share a prefix, so that the page is full at each size.
        let search = |number: u64| {
            let prefix = seed::username(number).chars().take(6).collect::<String>();
            http::get(&format!("/admin/users?limit=20&username={prefix}"), &token)
        };
        Ok(Self {
            users,
            log_ins: asked
                .iter()
                .map(|user| http::from_address(&http::log_in(&seed::username(*user)), *user))
                .collect(),
            sessions: asked
                .iter()
                .map(|number| seed::session_id(*number))
                .collect(),
            pages: asked
                .iter()
                .take(1000)
                .map(|after| page(after % users.max(1)))
                .collect(),
            searches: asked.iter().take(1000).map(|user| search(*user)).collect(),
            database,
            served,
        })
    }

    /// The median time of one request, in milliseconds, one after another.
    fn measure(&self, kind: Kind, seconds: u64, folder: &Path) -> Fallible<f64> {
        let refreshes;
        let (script, templates) = match kind {
            Kind::LogIn => (Script::Replay, &self.log_ins),
            Kind::Page => (Script::Replay, &self.pages),
            Kind::Search => (Script::Replay, &self.searches),
            Kind::Refresh => {
                let mut connection = cluster::connect(&self.database)?;
                let tokens = seed::refresh_tokens(&mut connection, &self.sessions)?;
                refreshes = bench::refreshes(tokens)?;
                (Script::Refresh, &refreshes)
            }
        };
        let load = Load {
            address: self.served.address,
            script,
            templates,
            connections: 1,
            seconds,
            pause: Duration::ZERO,
        };
        let counted = load.run(folder, "scale")?;
        counted
            .good_per_second()
            .map_err(|error| format!("{}, {} users: {error}", kind.words(), self.users))?;
        Ok(counted.p50 / 1e3)
    }
}

/// The cursor that a page of users ends with, after a user.
fn cursor(after: u64) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("n{}", after.max(1)))
}
