//! Where results go: the terminal, a file of the run, and on request the documentation.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::figures::Figures;
use crate::machine::Machine;
use crate::rows::{self, Row};
use crate::{Fallible, model, place};

/// The name of a run that is no `--scale`: its file, and its marks in docs/performance.md.
pub(crate) const BENCH: &str = "bench";

/// The figures of the last recorded runs, in this crate.
const RECORD: &str = "figures.json";

/// What a run wrote that can be recorded later.
#[derive(Deserialize)]
struct Run {
    machine: Machine,
    figures: Figures,
}

/// Which run.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// The file that it wrote: `bench.json`, of a run without `--scale`.
    #[arg(value_name = "FILE")]
    run: PathBuf,
}

/// Records a run that was not to be recorded when it was made, or whose table has other lines by now.
pub(crate) fn record_run(args: &RecordArgs) -> Fallible {
    let text = fs::read_to_string(&args.run)?;
    let read = serde_json::from_str(&text);
    let Run { machine, figures } =
        read.map_err(|error| format!("{}: {error}", args.run.display()))?;
    report(BENCH, &machine, &figures, &rows::of(&figures), true)
}

#[derive(Serialize)]
struct Report<'a> {
    machine: &'a Machine,
    rows: &'a [Row],
    figures: &'a Figures,
}

/// What the documentation and the model are made from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) figures: Figures,
}

impl Record {
    /// Reads it; it is empty before the first run that is recorded.
    pub(crate) fn read(path: &Path) -> Fallible<Self> {
        if path.exists() {
            let text = fs::read_to_string(path)?;
            let read = serde_json::from_str(&text);
            return read.map_err(|error| format!("{}: {error}", path.display()).into());
        }
        Ok(Self::default())
    }

    fn write(&self, path: &Path) -> Fallible {
        Ok(fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }
}

/// The recorded figures.
pub(crate) fn record() -> std::path::PathBuf {
    place::own(RECORD)
}

/// Prints the rows, writes `target/bench/NAME.json`, and records both if asked to.
pub(crate) fn report(
    name: &str,
    machine: &Machine,
    figures: &Figures,
    rows: &[Row],
    is_recorded: bool,
) -> Fallible {
    println!("\n{}", rows::table(rows));
    let file = place::folder()?.join(format!("{name}.json"));
    let report = Report {
        machine,
        rows,
        figures,
    };
    fs::write(&file, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("every figure is in {}", file.display());
    if is_recorded {
        let mut recorded = Record::read(&record())?;
        recorded.figures.replace_with(figures);
        recorded.write(&record())?;
        let block = format!(
            "{}\n{}\n{}",
            machine_of(machine),
            rows::markdown(rows),
            medians(figures)
        );
        let page = if name == "scale" {
            "scaling.md"
        } else {
            "performance.md"
        };
        write_block(page, name, &block)?;
        model::write_docs(&recorded)?;
    }
    Ok(())
}

fn machine_of(machine: &Machine) -> String {
    format!(
        "Commit {}, {} cores of {}, {} GiB, Linux {}, PostgreSQL {}; load before the run {}.\n",
        machine.commit,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.postgres,
        machine.load_before
    )
}

fn medians(figures: &Figures) -> String {
    let mut text = "| figure | median | least | most |\n| --- | ---: | ---: | ---: |\n".to_owned();
    for (name, figure) in figures.iter() {
        let least = figure.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = figure
            .samples
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let [median, least, most] = [figure.median, least, most].map(rows::number);
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "| `{name}` | {median} {} | {least} | {most} |",
            figure.unit
        );
    }
    text
}

/// Puts a text between the marks of a page.
pub(crate) fn write_block(page: &str, name: &str, block: &str) -> Fallible {
    let path = place::workspace().join("docs").join(page);
    let text = fs::read_to_string(&path)?;
    let replaced = replaced(&text, name, block)
        .ok_or_else(|| format!("docs/{page} has no marks for {name}"))?;
    Ok(fs::write(path, replaced)?)
}

fn replaced(text: &str, name: &str, block: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- {name}: begin -->"),
        format!("<!-- {name}: end -->"),
    );
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!(
        "{before}{begin}\n{}\n{end}{after}",
        block.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_between_its_marks_only() {
        let text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";
        let new = replaced(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n");
        assert_eq!(replaced(&new, "x", "new").unwrap(), new);
        assert_eq!(replaced(text, "y", "new"), None);
    }

    #[test]
    fn every_page_has_the_marks_that_are_written_to() {
        for (page, name) in [
            ("performance.md", "bench"),
            ("scaling.md", "scale"),
            ("scaling.md", "model"),
        ] {
            let path = place::workspace().join("docs").join(page);
            let text = fs::read_to_string(path).unwrap();
            assert!(replaced(&text, name, "").is_some(), "{page}: {name}");
        }
    }

    #[test]
    fn the_recorded_figures_can_be_read() {
        assert!(Record::read(&record()).unwrap().figures.iter().count() > 0);
    }
}
