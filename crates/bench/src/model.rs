//! From what one machine was measured to do, to what a given number of users takes.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Parser;

use crate::docs::{self, Record};
use crate::figures::Figures;
use crate::rows::number;
use crate::{Fallible, limits};

/// What is carried where, and how people behave.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ModelArgs {
    /// The figures to start from [default: those recorded in crates/bench/figures.json].
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,

    /// The numbers of users.
    #[arg(long, value_delimiter = ',',
          default_values_t = [10_000.0, 100_000.0, 1e6, 10e6, 100e6])]
    users: Vec<f64>,

    #[command(flatten)]
    habits: Habits,

    /// Write the table into docs/scaling.md.
    #[arg(long)]
    write_docs: bool,
}

/// How people behave, and how much is kept free.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Habits {
    /// The share of the users that is active on a day.
    #[arg(long, default_value_t = 0.3)]
    active: f64,

    /// Log-ins of an active user a day; sessions last for weeks.
    #[arg(long, default_value_t = 0.5)]
    log_ins: f64,

    /// Refreshes of an active user a day: one in 25 minutes of use, on every device.
    #[arg(long, default_value_t = 10.0)]
    refreshes: f64,

    /// Sessions of a user that are kept.
    #[arg(long, default_value_t = 2.0)]
    sessions: f64,

    /// How much more comes in the busiest minutes than on average.
    #[arg(long, default_value_t = 5.0)]
    peak: f64,

    /// How busy the cores may be then.
    #[arg(long, default_value_t = 0.6)]
    busy: f64,

    /// The cores of a replica.
    #[arg(long, default_value_t = 8.0)]
    cores: f64,

    /// The connections of a replica to the database, for each of its cores.
    #[arg(long, default_value_t = 4.0)]
    connections: f64,

    /// The fewest replicas, so that one may fail.
    #[arg(long, default_value_t = 2.0)]
    replicas: f64,

    /// Days that the audit log is kept.
    #[arg(long, default_value_t = 365.0)]
    days: f64,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    /// Log-ins a second, for each core.
    log_ins_per_core: f64,
    /// Refreshes a second, for each core; the database's work included.
    refreshes_per_core: f64,
    /// Bytes of rows and their indexes.
    bytes_user: f64,
    bytes_session: f64,
    bytes_event: f64,
    /// Bytes in the log of changes.
    wal_log_in: f64,
    wal_refresh: f64,
}

/// What a number of users takes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Needs {
    users: f64,
    log_ins_per_second: f64,
    refreshes_per_second: f64,
    cores: f64,
    replicas: f64,
    connections: f64,
    memory_gib: f64,
    users_gb: f64,
    sessions_gb: f64,
    audit_gb: f64,
    wal_mb_per_second: f64,
    /// Cores with which everybody is logged in anew within a day, as after a leak.
    cores_of_everybody: f64,
}

const DAY: f64 = 86_400.0;

/// Resident memory of a replica beside its arenas, and of an arena, in MiB.
const REPLICA: f64 = 30.0;
const ARENA: f64 = 19.0;

impl Measured {
    fn of(figures: &Figures) -> Fallible<Self> {
        let of = |name: &str| {
            let median = figures.median(name);
            median.ok_or_else(|| format!("{name} was not measured: run the bench, and --scale"))
        };
        // Of the greatest table that was measured.
        let greatest = |noun: &str| {
            let prefix = format!("bytes.{noun}.");
            let sized = figures.iter().filter_map(|(name, figure)| {
                let users: u64 = name.strip_prefix(&prefix)?.parse().ok()?;
                Some((users, figure.median))
            });
            let greatest = sized.max_by_key(|(users, _)| *users);
            greatest
                .map(|(_, bytes)| bytes)
                .ok_or_else(|| format!("{prefix}N was not measured: run the bench with --scale"))
        };
        Ok(Self {
            log_ins_per_core: of("log_ins.passgate")? / cores_of(figures),
            refreshes_per_core: of("refreshes.passgate")? / cores_of(figures),
            bytes_user: greatest("user")?,
            bytes_session: greatest("session")?,
            bytes_event: of("bytes.event")?,
            wal_log_in: of("log_in.wal")?,
            wal_refresh: of("refresh.wal")?,
        })
    }
}

/// The cores of the machine that was measured.
fn cores_of(figures: &Figures) -> f64 {
    figures.median("cores").unwrap_or_else(limits::cores_f64)
}

impl Needs {
    fn of(users: f64, measured: &Measured, habits: &Habits) -> Self {
        let active = users * habits.active;
        let daily_log_ins = active * habits.log_ins;
        let log_ins = daily_log_ins / DAY * habits.peak;
        let refreshes = active * habits.refreshes / DAY * habits.peak;
        let busy_cores =
            log_ins / measured.log_ins_per_core + refreshes / measured.refreshes_per_core;
        let cores = busy_cores / habits.busy;
        let replicas = (cores / habits.cores).ceil().max(habits.replicas);
        let wal = log_ins * measured.wal_log_in + refreshes * measured.wal_refresh;
        Self {
            users,
            log_ins_per_second: log_ins,
            refreshes_per_second: refreshes,
            cores,
            replicas,
            connections: replicas * habits.cores * habits.connections,
            memory_gib: replicas * (REPLICA + habits.cores * ARENA) / 1024.0,
            users_gb: users * measured.bytes_user / 1e9,
            sessions_gb: users * habits.sessions * measured.bytes_session / 1e9,
            // A log-in is one event; refreshes leave none.
            audit_gb: daily_log_ins * habits.days * measured.bytes_event / 1e9,
            wal_mb_per_second: wal / 1e6,
            cores_of_everybody: users / DAY / measured.log_ins_per_core / habits.busy,
        }
    }
}

/// Writes the table of the recorded figures into the documentation, with the usual assumptions, if
/// everything that it starts from was measured.
pub(crate) fn write_docs(record: &Record) -> Fallible {
    let Ok(measured) = Measured::of(&record.figures) else {
        return Ok(());
    };
    let args = Usual::parse_from(["model"]).args;
    docs::write_block("scaling.md", "model", &text(&args, &measured))
}

/// The assumptions that are made unless told otherwise.
#[derive(Debug, Parser)]
struct Usual {
    #[command(flatten)]
    args: ModelArgs,
}

fn text(args: &ModelArgs, measured: &Measured) -> String {
    let needs: Vec<Needs> = args
        .users
        .iter()
        .map(|users| Needs::of(*users, measured, &args.habits))
        .collect();
    format!("{}\n{}", premises(measured, &args.habits), table(&needs))
}

/// Prints the table.
pub(crate) fn run(args: &ModelArgs) -> Fallible {
    let path = args.figures.clone().unwrap_or_else(docs::record);
    let measured = Measured::of(&Record::read(&path)?.figures)?;
    let text = text(args, &measured);
    println!("{text}");
    if args.write_docs {
        docs::write_block("scaling.md", "model", &text)?;
    }
    Ok(())
}

fn premises(measured: &Measured, habits: &Habits) -> String {
    let Measured {
        log_ins_per_core,
        refreshes_per_core,
        bytes_user,
        bytes_session,
        bytes_event,
        wal_log_in,
        wal_refresh,
    } = measured;
    let [log_ins, refreshes] = [log_ins_per_core, refreshes_per_core].map(|value| number(*value));
    let Habits {
        active,
        log_ins: daily_log_ins,
        refreshes: daily_refreshes,
        sessions,
        peak,
        busy,
        cores,
        connections,
        days,
        ..
    } = habits;
    format!(
        "Measured: {log_ins} log-ins/s and {refreshes} refreshes/s a core; a user \
         {bytes_user:.0}, a session {bytes_session:.0}, an event {bytes_event:.0} bytes with \
         indexes; {wal_log_in:.0} bytes of WAL a log-in, {wal_refresh:.0} a refresh.\n\n\
         Assumed: {:.0} % of the users active a day, each with {daily_log_ins} log-ins and \
         {daily_refreshes} refreshes; {sessions} sessions kept a user; {peak} times the average \
         at the peak; cores {:.0} % busy then; replicas of {cores} cores with {connections} \
         connections a core; events kept for {days} days.\n",
        active * 100.0,
        busy * 100.0
    )
}

/// The heads of the columns, and what stands under them.
type Column = (&'static str, fn(&Needs) -> f64);

const COLUMNS: [Column; 12] = [
    ("users", |needs| needs.users),
    ("log-ins/s", |needs| needs.log_ins_per_second),
    ("refreshes/s", |needs| needs.refreshes_per_second),
    ("cores", |needs| needs.cores),
    ("replicas", |needs| needs.replicas),
    ("connections", |needs| needs.connections),
    ("memory GiB", |needs| needs.memory_gib),
    ("users GB", |needs| needs.users_gb),
    ("sessions GB", |needs| needs.sessions_gb),
    ("audit GB", |needs| needs.audit_gb),
    ("WAL MB/s", |needs| needs.wal_mb_per_second),
    ("cores, all anew in a day", |needs| needs.cores_of_everybody),
];

fn table(needs: &[Needs]) -> String {
    let heads = COLUMNS.map(|(head, _)| head).join(" | ");
    let mut text = format!("| {heads} |\n|{}\n", " ---: |".repeat(COLUMNS.len()));
    for row in needs {
        let cells = COLUMNS.map(|(_, value)| number(value(row))).join(" | ");
        // Writing to a text does not fail.
        let _ = writeln!(text, "| {cells} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: Measured = Measured {
        log_ins_per_core: 100.0,
        refreshes_per_core: 1000.0,
        bytes_user: 500.0,
        bytes_session: 300.0,
        bytes_event: 200.0,
        wal_log_in: 2000.0,
        wal_refresh: 500.0,
    };

    const HABITS: Habits = Habits {
        active: 0.5,
        log_ins: 1.0,
        refreshes: 10.0,
        sessions: 2.0,
        peak: 4.0,
        busy: 0.5,
        cores: 8.0,
        connections: 4.0,
        replicas: 2.0,
        days: 100.0,
    };

    /// A number of users that makes the arithmetic one of whole numbers.
    const USERS: f64 = 86_400_000.0;

    fn near(value: f64, wanted: f64) {
        assert!(
            (value - wanted).abs() < wanted * 1e-9,
            "{value} is not {wanted}"
        );
    }

    #[test]
    fn needs_follow_from_figures_and_habits() {
        let needs = Needs::of(USERS, &MEASURED, &HABITS);
        // 43.2 million log-ins a day are 500 a second, and four times that at the peak.
        near(needs.log_ins_per_second, 2000.0);
        near(needs.refreshes_per_second, 20_000.0);
        // 20 cores hash and 20 refresh, half busy.
        near(needs.cores, 80.0);
        near(needs.replicas, 10.0);
        near(needs.connections, 320.0);
        near(needs.memory_gib, 10.0 * (30.0 + 8.0 * 19.0) / 1024.0);
        near(needs.users_gb, 43.2);
        near(needs.sessions_gb, 51.84);
        // 43.2 million events a day for 100 days.
        near(needs.audit_gb, 864.0);
        near(needs.wal_mb_per_second, 4.0 + 10.0);
        // A thousand log-ins a second are ten cores, half busy.
        near(needs.cores_of_everybody, 20.0);
    }

    #[test]
    fn few_users_have_two_replicas_all_the_same() {
        let needs = Needs::of(1000.0, &MEASURED, &HABITS);
        near(needs.replicas, 2.0);
    }

    #[test]
    fn figures_of_the_greatest_table_count_and_missing_ones_are_named() {
        let mut figures = Figures::default();
        for (name, value) in [
            ("cores", 2.0),
            ("log_ins.passgate", 200.0),
            ("refreshes.passgate", 2000.0),
            ("bytes.user.1000000", 500.0),
            ("bytes.user.10000", 400.0),
            ("bytes.session.10000", 300.0),
            ("bytes.event", 200.0),
            ("log_in.wal", 2000.0),
        ] {
            figures.add(name, "", value);
        }
        let missing = Measured::of(&figures).unwrap_err().to_string();
        assert!(
            missing.starts_with("refresh.wal was not measured"),
            "{missing}"
        );
        figures.add("refresh.wal", "bytes", 500.0);
        assert_eq!(Measured::of(&figures).unwrap(), MEASURED);
    }

    #[test]
    fn the_table_has_a_line_for_each_number_of_users() {
        let needs = [USERS, 1000.0].map(|users| Needs::of(users, &MEASURED, &HABITS));
        let table = table(&needs);
        assert_eq!(table.lines().count(), 4);
        assert!(
            table
                .lines()
                .nth(2)
                .unwrap()
                .starts_with("| 86400000 | 2000 | 20000 | 80.0 |")
        );
    }
}
