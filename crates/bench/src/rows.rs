//! What was promised, held against what was measured.

use std::fmt::Write as _;

use serde::Serialize;

use crate::figures::Figures;
use crate::limits;

/// A promise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    /// Shown, and not promised.
    Nothing,
}

/// A promise and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: f64,
    pub(crate) wanted: Wanted,
    pub(crate) unit: &'static str,
    /// Whether the promise is kept.
    pub(crate) ok: bool,
}

impl Row {
    fn new(what: &str, measured: f64, wanted: Wanted, unit: &'static str) -> Self {
        let ok = match wanted {
            Wanted::AtLeast(least) => measured >= least,
            Wanted::AtMost(most) => measured <= most,
            Wanted::Nothing => true,
        };
        Self {
            what: what.to_owned(),
            measured,
            wanted,
            unit,
            ok,
        }
    }

    /// `ok`, or `short` of what was promised.
    pub(crate) fn verdict(&self) -> &'static str {
        match (self.wanted, self.ok) {
            (Wanted::Nothing, _) => "",
            (_, true) => "ok",
            (_, false) => "short",
        }
    }

    /// What was promised, in words.
    pub(crate) fn promise(&self) -> String {
        match self.wanted {
            Wanted::AtLeast(least) => format!("at least {}", number(least)),
            Wanted::AtMost(most) => format!("at most {}", number(most)),
            Wanted::Nothing => String::new(),
        }
    }

    /// What was measured, in words.
    pub(crate) fn found(&self) -> String {
        let unit = if self.unit.is_empty() { "x" } else { self.unit };
        format!("{} {unit}", number(self.measured))
    }
}

/// As many places as say something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 10.0 => format!("{value:.2}"),
        medium if medium < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

use Wanted::{AtLeast, AtMost, Nothing};

/// `(what, of, to, wanted)`: the median ratio of two figures.
const RATIOS: [(&str, &str, &str, Wanted); 16] = [
    (
        "log-ins/s over the limit in process",
        "log_ins.passgate",
        "log_ins.limit",
        AtLeast(0.90),
    ),
    (
        "log-ins/s over the naive build",
        "log_ins.passgate",
        "log_ins.naive",
        AtLeast(3.5),
    ),
    (
        "that is possible: the limit over the same",
        "log_ins.limit",
        "log_ins.naive",
        Nothing,
    ),
    (
        "log-ins/s over FastAPI, argon2-cffi at equal cost",
        "log_ins.passgate",
        "log_ins.fastapi_argon2",
        AtLeast(4.0),
    ),
    (
        "that is possible: the limit over the same",
        "log_ins.limit",
        "log_ins.fastapi_argon2",
        Nothing,
    ),
    (
        "log-ins/s over FastAPI as in the tutorial (bcrypt 12)",
        "log_ins.passgate",
        "log_ins.fastapi_bcrypt",
        AtLeast(40.0),
    ),
    (
        "that is possible: the limit over the same",
        "log_ins.limit",
        "log_ins.fastapi_bcrypt",
        Nothing,
    ),
    (
        "log-ins/s over Django simplejwt, argon2 at equal cost",
        "log_ins.passgate",
        "log_ins.django_simplejwt",
        Nothing,
    ),
    (
        "refreshes/s over the same statement in pgbench",
        "refreshes.passgate",
        "refreshes.statement",
        AtLeast(0.5),
    ),
    (
        "/users/me over bare actix",
        "me.passgate",
        "me.bare",
        AtLeast(0.6),
    ),
    (
        "processor time of /users/me over that of bare actix",
        "me.processor",
        "bare.processor",
        Nothing,
    ),
    (
        "p99 of /users/me during log-ins over idle",
        "calm.me_loaded_p99",
        "calm.me_idle_p99",
        AtMost(5.0),
    ),
    (
        "p99 of a refresh during log-ins over idle",
        "calm.refresh_loaded_p99",
        "calm.refresh_idle_p99",
        AtMost(5.0),
    ),
    (
        "flood: log-ins offered over the peak",
        "flood.offered",
        "flood.peak",
        AtLeast(10.0),
    ),
    (
        "flood: log-ins/s served over the peak",
        "flood.served",
        "flood.peak",
        AtLeast(0.95),
    ),
    (
        "that is possible: the limit, with a bare actix flooded",
        "flood.limit_beside",
        "flood.limit",
        Nothing,
    ),
];

/// `(what, figure, unit, wanted)`: a figure as it is.
const FIGURES: [(&str, &str, &str, Wanted); 7] = [
    (
        "flood: log-ins neither served nor refused",
        "flood.lost",
        "requests",
        AtMost(0.0),
    ),
    (
        "p99 of /users/me during log-ins",
        "calm.me_loaded_p99",
        "ms",
        AtMost(10.0),
    ),
    (
        "p99 of a refresh during log-ins",
        "calm.refresh_loaded_p99",
        "ms",
        AtMost(10.0),
    ),
    (
        "that is possible: the statement in pgbench, as loaded",
        "calm.statement_loaded_p99",
        "ms",
        Nothing,
    ),
    (
        "flood: median time of a refusal",
        "flood.shed_p50",
        "ms",
        AtMost(5.0),
    ),
    (
        "flood: growth of memory in its second half",
        "flood.memory_growth",
        "MiB",
        AtMost(1.0),
    ),
    (
        "start to listening, migrated external database",
        "start",
        "ms",
        AtMost(200.0),
    ),
];

/// The resident memory beside that of the arenas, in MiB.
const MEMORY: f64 = 30.0;

/// The memory of an arena at the default cost, in MiB.
const ARENA: f64 = 19.0;

/// What the queue of a flood may take, in MiB: the stacks of 64 who wait.
const QUEUE: f64 = 8.0;

/// Every promise whose figures are there.
pub(crate) fn of(figures: &Figures) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (what, of, to, wanted) in RATIOS {
        rows.extend(
            figures
                .ratio(of, to)
                .map(|ratio| Row::new(what, ratio, wanted, "")),
        );
    }
    for (what, figure, unit, wanted) in FIGURES {
        rows.extend(
            figures
                .median(figure)
                .map(|value| Row::new(what, value, wanted, unit)),
        );
    }
    let arenas = limits::cores_f64() * ARENA;
    for (what, figure, most) in [
        ("resident memory, idle", "memory.idle", MEMORY + arenas),
        (
            "resident memory, under the flood",
            "flood.memory",
            MEMORY + arenas + QUEUE,
        ),
    ] {
        let value = figures.median(figure);
        rows.extend(value.map(|value| Row::new(what, value, AtMost(most), "MiB")));
    }
    let idle = figures.median("memory.idle");
    let connections = figures.median("flood.connections_alone");
    rows.extend(idle.zip(connections).map(|(idle, connections)| {
        let what = "that is possible: idle, arenas, 1000 connections of actix";
        Row::new(what, idle + arenas + connections, Nothing, "MiB")
    }));
    rows
}

/// The growth: the ratio of the greatest number of users to the least.
pub(crate) fn of_growth(what: &str, ratio: f64, is_promised: bool) -> Row {
    let wanted = if is_promised { AtMost(1.3) } else { Nothing };
    Row::new(what, ratio, wanted, "")
}

/// The rows as a table of text. (Writing to a text does not fail.)
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<56} {:>12} {:>14}\n", "what", "measured", "wanted");
    for row in rows {
        let (found, promise, verdict) = (row.found(), row.promise(), row.verdict());
        let _ = writeln!(
            text,
            "{:<56} {found:>12} {promise:>14}  {verdict}",
            row.what
        );
    }
    text
}

/// The rows as a table of Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = "| what | measured | wanted | |\n| --- | ---: | ---: | --- |\n".to_owned();
    for row in rows {
        let (found, promise, verdict) = (row.found(), row.promise(), row.verdict());
        let _ = writeln!(text, "| {} | {found} | {promise} | {verdict} |", row.what);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_or_short() {
        let row = |measured, wanted| Row::new("it", measured, wanted, "").verdict();
        assert_eq!(row(0.9, AtLeast(0.9)), "ok");
        assert_eq!(row(0.89, AtLeast(0.9)), "short");
        assert_eq!(row(5.0, AtMost(5.0)), "ok");
        assert_eq!(row(5.1, AtMost(5.0)), "short");
        assert_eq!(row(5.1, Nothing), "");
    }

    #[test]
    fn what_was_not_measured_has_no_row() {
        let mut figures = Figures::default();
        figures.add("me.passgate", "1/s", 60.0);
        assert_eq!(of(&figures), []);
        figures.add("me.bare", "1/s", 100.0);
        let rows = of(&figures);
        assert_eq!((rows.len(), rows[0].measured, rows[0].ok), (1, 0.6, true));
    }

    #[test]
    fn numbers_have_the_places_that_say_something() {
        assert_eq!(
            ["0", "0.12", "12.3", "1234"],
            [0.0, 0.123, 12.34, 1234.4].map(number)[..]
        );
    }
}
