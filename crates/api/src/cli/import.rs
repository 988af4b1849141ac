//! `passgate users import`: every line is checked before the first is written.

mod read;
mod row;

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use passgate_auth::password::Passwords;
use passgate_domain::ImportedUser;
use passgate_domain::ports::{ImportSummary, ImportUsersError, UserStore};

use self::read::Line;
use super::{act, output, with_database};
use crate::config::{DatabaseArgs, PasswordArgs};
use crate::failure::Failure;
use crate::settings;

/// How many bad lines are told at most: the first hundred explain the others.
const MAX_TOLD: usize = 100;

/// What is imported.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file: CSV, or JSON Lines if it ends in .jsonl, .ndjson or .json.
    file: PathBuf,

    #[command(flatten)]
    passwords: PasswordArgs,

    #[command(flatten)]
    database: DatabaseArgs,
}

/// A line that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
struct BadLine {
    number: u64,
    reason: String,
}

pub(super) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let passwords = settings::passwords(&args.passwords)?;
    let file = args.file.display().to_string();
    let content = read::file(&args.file)?;
    if !content.ignored.is_empty() {
        output::line(&format!(
            "Leaving out the columns: {}.",
            content.ignored.join(", ")
        ))?;
    }
    let (numbers, users) = check(content.lines, &passwords).map_err(|bad| tell(&file, bad))?;
    let summary = with_database(&args.database, |database| {
        let bar = progress_bar(users.len());
        let outcome = database.store().import_users(&users, &act(), &mut |done| {
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        outcome.map_err(|error| match error {
            ImportUsersError::Conflicts(conflicts) => tell(
                &file,
                conflicts
                    .into_iter()
                    .map(|conflict| BadLine {
                        number: numbers[conflict.index],
                        reason: format!(
                            "the {} belongs to the existing user number {}",
                            conflict.field, conflict.holder
                        ),
                    })
                    .collect(),
            ),
            ImportUsersError::Store(error) => Failure::from_error(&error),
        })
    })?;
    let ImportSummary { created, unchanged } = summary;
    output::line(&format!(
        "Imported {created} users; {unchanged} were there already."
    ))
}

fn progress_bar(length: usize) -> ProgressBar {
    // Draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(length as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} users, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Turns lines into users and finds everything that is wrong with any of them.
fn check(
    lines: Vec<Line>,
    passwords: &Passwords,
) -> Result<(Vec<u64>, Vec<ImportedUser>), Vec<BadLine>> {
    let mut numbers = Vec::new();
    let mut users: Vec<ImportedUser> = Vec::new();
    let mut bad = Vec::new();
    let mut seen: HashMap<(&'static str, String), u64> = HashMap::new();
    for Line { number, fields } in lines {
        let user = match fields.and_then(|fields| row::user(&fields, passwords)) {
            Ok(user) => user,
            Err(reason) => {
                bad.push(BadLine { number, reason });
                continue;
            }
        };
        let unique = [
            ("id", user.id.map(|id| id.to_string())),
            ("username", Some(user.user.username.key().to_owned())),
            (
                "email",
                user.user.email.as_ref().map(|email| email.key().to_owned()),
            ),
        ];
        for (field, value) in unique {
            let Some(value) = value else { continue };
            if let Some(earlier) = seen.insert((field, value), number) {
                let reason = format!("the {field} stands in line {earlier} already");
                bad.push(BadLine { number, reason });
            }
        }
        numbers.push(number);
        users.push(user);
    }
    if bad.is_empty() {
        Ok((numbers, users))
    } else {
        Err(bad)
    }
}

fn tell(file: &str, bad: Vec<BadLine>) -> Failure {
    let total = bad.len();
    let mut text = format!("{file} has {total} lines that cannot be taken; nothing was imported:");
    let told = bad.into_iter().take(MAX_TOLD);
    text.extend(told.map(|BadLine { number, reason }| format!("\n  line {number}: {reason}")));
    let untold = total.saturating_sub(MAX_TOLD);
    text.extend((untold > 0).then(|| format!("\n  and {untold} more")));
    Failure::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use passgate_auth::password::Passwords;

    const HASH: &str = "$2b$12$gsCNbRD1uwp7hc6h.VVzb.AvVuQ3Y8qYzTMBqrDTJHUgjmGzJ3zW.";

    fn bad_lines(csv: &str) -> Vec<(u64, String)> {
        let content = read::csv(csv.as_bytes()).unwrap();
        let passwords = Passwords::builder().arenas(1).build().unwrap();
        let bad = check(content.lines, &passwords).unwrap_err();
        bad.into_iter()
            .map(|bad| (bad.number, bad.reason))
            .collect()
    }

    #[test]
    fn every_bad_line_is_told_by_its_number() {
        let csv = format!(
            "id,username,hashed_password\n1,matt,{HASH}\nx,ada,{HASH}\n3,,{HASH}\n4,bob,plain\n"
        );
        let bad = bad_lines(&csv);
        assert_eq!(
            bad.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [3, 4, 5]
        );
        assert!(bad[0].1.contains("id"), "{}", bad[0].1);
        assert!(bad[1].1.contains("username"), "{}", bad[1].1);
        assert!(
            !bad[2].1.contains("plain"),
            "the hash is not repeated: {}",
            bad[2].1
        );
    }

    #[test]
    fn names_that_are_one_name_collide_within_the_file() {
        let csv = format!(
            "username,email,hashed_password\nmatt,a@example.com,{HASH}\nMATT,A@example.com,{HASH}\n"
        );
        let bad = bad_lines(&csv);
        assert_eq!(bad.len(), 2);
        assert!(
            bad.iter()
                .all(|(number, reason)| *number == 3 && reason.contains("line 2"))
        );
    }
}
