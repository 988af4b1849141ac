//! The statement of a refresh without us: pgbench, PostgreSQL's own load generator.

use std::fs;
use std::path::Path;
use std::process::Command;

use passgate_persistence::testing::ROTATE_STATEMENT;
use secrecy::{ExposeSecret, SecretString};

use crate::process::run;
use crate::{Fallible, cluster};

/// The sessions of a client, which it refreshes in turn.
const SESSIONS: usize = 100;

/// Makes the sessions of so many clients, in their first generation. A session's id is its number.
pub(crate) fn prepare(database: &SecretString, clients: usize) -> Fallible {
    let mut connection = cluster::connect(database)?;
    let statement = format!(
        "TRUNCATE sessions;
         INSERT INTO sessions (id, user_id, client_id, scope, generation, rotated_at, user_agent,
                               address, created_at, last_used_at, idle_until, expires_at)
         SELECT lpad(n::text, 32, '0')::uuid, 1 + n % (SELECT max(id) FROM users), 'passgate',
                'profile', 1, 'yesterday', 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) \
         Gecko/20100101 Firefox/145.0', '127.0.0.1', 'yesterday', 'yesterday', '2100-01-01',
                '2100-01-01'
         FROM generate_series(0, {} - 1) AS n;
         ANALYZE sessions",
        clients * SESSIONS
    );
    Ok(diesel::connection::SimpleConnection::batch_execute(
        &mut connection,
        &statement,
    )?)
}

/// Refreshes a second.
pub(crate) fn refreshes_per_second(
    database: &SecretString,
    clients: usize,
    seconds: u64,
    folder: &Path,
) -> Fallible<f64> {
    let output = run(&mut command(database, clients, seconds, folder)?)?;
    read(&output)
}

/// How long refreshes take where so many a second come, in microseconds.
pub(crate) fn times_of_refreshes(
    database: &SecretString,
    clients: usize,
    a_second: u32,
    seconds: u64,
    folder: &Path,
) -> Fallible<Vec<f64>> {
    let log = folder.join("transactions");
    if log.exists() {
        fs::remove_dir_all(&log)?;
    }
    fs::create_dir(&log)?;
    run(command(database, clients, seconds, folder)?
        .arg(format!("--rate={a_second}"))
        .arg("--log")
        .arg(format!("--log-prefix={}", log.join("log").display())))?;
    let mut times = Vec::new();
    for file in fs::read_dir(&log)? {
        for line in fs::read_to_string(file?.path())?.lines() {
            times.push(time_of(line)?);
        }
    }
    Ok(times)
}

fn command(
    database: &SecretString,
    clients: usize,
    seconds: u64,
    folder: &Path,
) -> Fallible<Command> {
    let script = folder.join("refresh.sql");
    fs::write(&script, source())?;
    let mut command = Command::new(cluster::program("pgbench"));
    command
        .args(["--no-vacuum", "--protocol=prepared"])
        .args([format!("--client={clients}"), format!("--time={seconds}")])
        .args(["--jobs=1", "--define=i=-1"])
        .arg(format!("--file={}", script.display()))
        .arg(database.expose_secret());
    Ok(command)
}

/// Of a line of pgbench's log: the time since the transaction was due, without the time that it was begun
/// too late.
fn time_of(line: &str) -> Fallible<f64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let micros = |at: usize| -> Option<f64> { fields.get(at)?.parse().ok() };
    let time = micros(2).zip(micros(6)).map(|(time, late)| time - late);
    Ok(time.ok_or_else(|| format!("pgbench wrote into its log: {line}"))?)
}

/// The statement, with what we bind to it in the places of its parameters.
fn source() -> String {
    let parameters = [
        ("13", "false"),
        ("12", "'0b1e9a6f-3d3c-4f39-8f0b-51f7a2d7d5c0'::text"),
        ("11", "'127.0.0.1'::text"),
        ("10", "'anonymous'::text"),
        ("9", "''::text"),
        ("8", "NULL::text"),
        ("7", "'127.0.0.1'::text"),
        (
            "6",
            "'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'::text",
        ),
        ("5", "(now() + interval '14 days')"),
        ("4", "now()"),
        ("3", "(now() - interval '10 s')"),
        ("2", ":generation"),
        ("1", "lpad((:session)::text, 32, '0')::uuid"),
    ];
    let mut statement = ROTATE_STATEMENT.trim().to_owned();
    for (number, value) in parameters {
        statement = statement.replace(&format!("${number}"), value);
    }
    format!(
        "\\set i :i + 1\n\
         \\set session :client_id * {SESSIONS} + mod(:i, {SESSIONS})\n\
         \\set generation 1 + :i / {SESSIONS}\n\
         {statement};\n"
    )
}

fn read(output: &str) -> Fallible<f64> {
    let line = output.lines().find_map(|line| line.strip_prefix("tps = "));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number
        .ok_or_else(|| format!("pgbench does not say how many transactions: {output}"))?
        .parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_a_value() {
        assert!(!source().contains('$'), "{}", source());
    }

    #[test]
    fn the_time_of_a_transaction_is_that_from_its_begin() {
        let line = "3 199 2241 0 1175850568 995598 1020";
        assert!((time_of(line).unwrap() - 1221.0).abs() < 1e-9);
        assert!(time_of("3 199 2241 0 1175850568 995598").is_err());
    }

    #[test]
    fn the_transactions_a_second_are_read() {
        let output = "number of clients: 8\ntps = 4321.5 (without initial connection time)\n";
        assert!((read(output).unwrap() - 4321.5).abs() < 1e-9);
        assert!(read("no such line").is_err());
    }
}
