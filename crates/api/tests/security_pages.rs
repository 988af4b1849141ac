//! The pages in `docs/security` name tests: each of them is there and is run, and every requirement
//! has its one line.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const PAGES: [&str; 3] = ["asvs.md", "rfc8725.md", "rfc9700.md"];

/// How many requirements each section of OWASP ASVS 5.0.0 has.
const SECTIONS: [(&str, u32); 28] = [
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 8),
    ("6.4", 6),
    ("6.5", 8),
    ("6.6", 4),
    ("6.7", 2),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 3),
    ("7.6", 2),
    ("9.1", 3),
    ("9.2", 4),
    ("10.1", 2),
    ("10.2", 3),
    ("10.3", 5),
    ("10.4", 16),
    ("10.5", 5),
    ("10.6", 2),
    ("10.7", 3),
    ("16.1", 1),
    ("16.2", 5),
    ("16.3", 4),
    ("16.4", 3),
    ("16.5", 4),
];

/// What can become of a requirement.
const OUTCOMES: [&str; 5] = ["met", "part", "no", "operator", "n/a"];

fn workspace() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

fn page(name: &str) -> String {
    fs::read_to_string(workspace().join("docs/security").join(name)).unwrap()
}

/// What is wrong with a reference such as `api/tests/layers.rs::the_layers_hold`, from `crates/`.
fn complaint(reference: &str) -> Option<String> {
    let (path, test) = match reference.split_once("::") {
        Some((path, test)) => (path, Some(test)),
        None => (reference, None),
    };
    let Ok(source) = fs::read_to_string(workspace().join("crates").join(path)) else {
        return Some(format!("there is no file crates/{path}"));
    };
    let test = test?;
    let rules = "domain/src/testing/contract";
    if path.starts_with(rules) {
        let listed = workspace().join("crates").join(rules).with_extension("rs");
        let is_listed = |list: &str| list.lines().any(|line| line.trim() == test);
        let is_rule = source.contains(&format!("pub fn {test}<"));
        let is_run = is_rule && is_listed(&fs::read_to_string(listed).unwrap());
        return (!is_run).then(|| format!("crates/{path} has no rule {test} that is run"));
    }
    of_source(&source, path, test)
}

/// What is wrong with a test that a source is said to have.
fn of_source(source: &str, path: &str, test: &str) -> Option<String> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let begins = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line
            .strip_prefix("fn ")
            .and_then(|line| line.strip_prefix(test));
        rest.is_some_and(|rest| rest.starts_with('('))
    };
    let Some(at) = lines.iter().position(|line| begins(line)) else {
        return Some(format!("crates/{path} has no test {test}"));
    };
    let attributes: Vec<&&str> = lines[..at]
        .iter()
        .rev()
        .take_while(|line| !line.is_empty() && **line != "}")
        .collect();
    let has = |what: &str| attributes.iter().any(|line| line.starts_with(what));
    if !["#[test]", "#[tokio::test", "#[actix_web::test"]
        .into_iter()
        .any(has)
    {
        return Some(format!("{test} of crates/{path} is no test"));
    }
    has("#[ignore").then(|| format!("{test} of crates/{path} is not run"))
}

/// Everything that a text names and that is not so.
fn complaints(text: &str) -> Vec<String> {
    let spans = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_source = |span: &&str| {
        let path = span.split("::").next().map(Path::new);
        path.and_then(Path::extension) == Some(OsStr::new("rs"))
    };
    let references = spans.filter(is_source);
    references.filter_map(complaint).collect()
}

/// The cells of every line of a table.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines
        .flatten()
        .map(|line| line.split('|').map(str::trim).collect())
}

/// The lines of the requirements: id, level, what it asks for, outcome, what shows it.
fn requirements(text: &str) -> Vec<Vec<&str>> {
    let is_one = |row: &Vec<&str>| row[0].split('.').count() == 3;
    rows(text).filter(is_one).collect()
}

#[test]
fn every_test_that_the_pages_name_is_there_and_is_run() {
    for name in PAGES {
        let (text, wrong) = (page(name), complaints(&page(name)));
        assert!(text.contains(".rs::"), "docs/security/{name} names no test");
        assert!(
            wrong.is_empty(),
            "docs/security/{name} is out of date:\n{}\nName the test that shows it now, or say \
             there that none does.",
            wrong.join("\n")
        );
    }
}

#[test]
fn what_is_not_there_or_not_run_is_named() {
    for (reference, says) in [
        (
            "api/tests/layers.rs::the_layers_held",
            "has no test the_layers_held",
        ),
        (
            "api/tests/layers.rs::workspace",
            "workspace of crates/api/tests/layers.rs is no test",
        ),
        (
            "api/tests/strata.rs::the_layers_hold",
            "no file crates/api/tests/strata.rs",
        ),
        ("api/src/strata.rs", "no file crates/api/src/strata.rs"),
        (
            "domain/src/testing/contract/keys.rs::rotating",
            "has no rule rotating",
        ),
    ] {
        let found = complaints(&format!("| 1 | `met` `{reference}` |"));
        assert!(found.len() == 1 && found[0].contains(says), "{found:?}");
    }
    let left_out = "#[test]\n#[ignore = \"slow\"]\nfn it_holds() {";
    let said = of_source(left_out, "a.rs", "it_holds").unwrap();
    assert!(said.contains("is not run"), "{said}");
    let right = "`api/tests/layers.rs::the_layers_hold`, `api/src/routes.rs`, \
                 `domain/src/testing/contract/keys.rs::a_key_has_one_successor`, `docs/x.md`";
    assert_eq!(complaints(right), [""; 0]);
}

#[test]
fn whatever_is_met_says_what_shows_it() {
    for name in PAGES {
        for row in rows(&page(name)) {
            let [.., outcome, shown] = row[..] else {
                continue;
            };
            let names_something = shown.contains('`') || shown.contains("](");
            assert!(
                names_something || row.len() < 3 || !["met", "part"].contains(&outcome),
                "docs/security/{name} names nothing that shows {}: {}",
                row[0],
                row[1]
            );
        }
    }
}

#[test]
fn every_requirement_has_one_line() {
    let text = page("asvs.md");
    let mut missing: Vec<String> = Vec::new();
    for (section, count) in SECTIONS {
        missing.extend((1..=count).map(|number| format!("{section}.{number}")));
    }
    for row in requirements(&text) {
        let (id, level, outcome) = (row[0], row[1], row[3]);
        let at = missing.iter().position(|missing| missing == id);
        missing.remove(at.unwrap_or_else(|| panic!("{id} is there twice, or no requirement")));
        assert!(["1", "2", "3"].contains(&level), "{id}: level {level}");
        assert!(OUTCOMES.contains(&outcome), "{id}: {outcome}");
    }
    assert_eq!(
        missing, [""; 0],
        "docs/security/asvs.md leaves requirements out"
    );
}

#[test]
fn the_summary_counts_the_lines() {
    let text = page("asvs.md");
    let mut counts: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    for row in requirements(&text) {
        let at = OUTCOMES.iter().position(|outcome| *outcome == row[3]);
        counts.entry(row[1]).or_default()[at.unwrap()] += 1;
    }
    for (level, counts) in counts {
        let counts = counts.map(|count| count.to_string()).join(" | ");
        let line = format!("| {level} | {counts} |");
        assert!(
            text.contains(&line),
            "the summary has to have the line: {line}"
        );
    }
}
