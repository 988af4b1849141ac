use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::row::KNOWN_COLUMNS;
use crate::failure::Failure;

/// A file's lines, not yet users.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) lines: Vec<Line>,
    /// Columns that mean nothing to us.
    pub(super) ignored: Vec<String>,
}

/// A line: its fields by column, without the empty ones, or why it has none.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) fields: Result<HashMap<String, String>, String>,
}

/// Reads a whole file.
pub(super) fn file(path: &Path) -> Result<Content, Failure> {
    let shown = path.display();
    let bytes =
        fs::read(path).map_err(|error| Failure::new(format!("{shown} cannot be read: {error}")))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let lines_of_json = path
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "jsonl" | "ndjson" | "json"));
    if lines_of_json {
        return Ok(json_lines(bytes));
    }
    csv(bytes).map_err(|reason| Failure::new(format!("{shown} cannot be imported: {reason}")))
}

/// Reads CSV whose first line names the columns.
pub(super) fn csv(bytes: &[u8]) -> Result<Content, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_reader(bytes);
    let columns = reader.headers().map_err(|error| explain(&error))?.clone();
    for needed in [&["username"][..], &["hashed_password", "password_hash"][..]] {
        if !columns
            .iter()
            .any(|column| needed.contains(&normal(column).as_str()))
        {
            return Err(format!(
                "its first line has to name the columns, and {} is not among them",
                needed.join(" or ")
            ));
        }
    }
    let mut columns_seen = BTreeSet::new();
    for column in &columns {
        if !columns_seen.insert(normal(column)) {
            return Err(format!("its first line names the column {column:?} twice"));
        }
    }
    let ignored = unknown(columns_seen);
    let mut lines = Vec::new();
    for record in reader.records() {
        lines.push(match record {
            Ok(record) => Line {
                number: record.position().map_or(0, csv::Position::line),
                fields: Ok(columns
                    .iter()
                    .zip(&record)
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(column, value)| (normal(column), value.to_owned()))
                    .collect()),
            },
            Err(error) => Line {
                number: error.position().map_or(0, csv::Position::line),
                fields: Err(explain(&error)),
            },
        });
    }
    Ok(Content { lines, ignored })
}

/// The library's own words would repeat the line.
fn explain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("it has {len} fields where the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not valid UTF-8".to_owned(),
        _ => "it is not valid CSV".to_owned(),
    }
}

/// Reads one JSON object a line.
fn json_lines(bytes: &[u8]) -> Content {
    let mut lines = Vec::new();
    let mut columns = BTreeSet::new();
    for (number, line) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let fields = serde_json::from_slice::<Map<String, Value>>(line)
            .map_err(|error| format!("it is not a JSON object (column {})", error.column()))
            .and_then(fields);
        if let Ok(fields) = &fields {
            columns.extend(fields.keys().cloned());
        }
        lines.push(Line { number, fields });
    }
    Content {
        lines,
        ignored: unknown(columns),
    }
}

fn fields(object: Map<String, Value>) -> Result<HashMap<String, String>, String> {
    let mut fields = HashMap::new();
    for (name, value) in object {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(items) if items.iter().all(Value::is_string) => items
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" "),
            Value::Array(_) | Value::Object(_) => {
                return Err(format!(
                    "the field {name:?} is neither text, number nor truth value"
                ));
            }
        };
        if !text.is_empty() {
            fields.insert(normal(&name), text);
        }
    }
    Ok(fields)
}

fn normal(column: &str) -> String {
    column.trim().to_ascii_lowercase()
}

fn unknown(columns: BTreeSet<String>) -> Vec<String> {
    columns
        .into_iter()
        .filter(|column| !KNOWN_COLUMNS.contains(&column.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_numbers_count_lines_of_the_file() {
        let csv = b"username,hashed_password\n\"a\nb\",x\nc,y\nd\n";
        let lines = csv_lines(csv);
        assert_eq!(
            lines.iter().map(|line| line.number).collect::<Vec<_>>(),
            [2, 4, 5]
        );
        assert!(lines[2].fields.as_ref().unwrap_err().contains("1 fields"));
    }

    fn csv_lines(bytes: &[u8]) -> Vec<Line> {
        super::csv(bytes).unwrap().lines
    }

    #[test]
    fn a_file_without_the_needed_columns_is_refused() {
        for (csv, missing) in [
            ("1,matt,x\n", "username"),
            ("id,username\n1,matt\n", "hashed_password"),
            ("username,username,hashed_password\n", "twice"),
        ] {
            let reason = super::csv(csv.as_bytes()).unwrap_err();
            assert!(reason.contains(missing), "{reason}");
        }
    }

    #[test]
    fn columns_that_mean_nothing_are_named() {
        let content = super::csv(b"username,hashed_password,Phone_Number\n").unwrap();
        assert_eq!(content.ignored, ["phone_number"]);
    }

    #[test]
    fn json_lines_tell_their_numbers_too() {
        let content = json_lines(b"{\"username\":\"a\",\"id\":7}\n\nnot json\n{\"username\":{}}\n");
        let numbers: Vec<_> = content.lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 3, 4]);
        assert_eq!(content.lines[0].fields.as_ref().unwrap()["id"], "7");
        assert!(content.lines[1].fields.is_err() && content.lines[2].fields.is_err());
    }
}
