use clap::{Args, Subcommand};
use passgate_domain::ports::SigningKeyStore;
use passgate_domain::signing_key::SigningKeyState;
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::{output, with_database};
use crate::config::DatabaseArgs;
use crate::failure::Failure;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the keys that sign and verify.
    List(ListArgs),
}

/// How keys are listed.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list(&args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let keys = with_database(&args.database, |database| {
        Ok(database.store().signing_keys()?)
    })?;
    let mut rows = Vec::new();
    for key in &keys {
        let state = match key.state {
            SigningKeyState::Active => "active",
            SigningKeyState::Retired => "retired",
        };
        rows.push((key, state, key.created_at.format(&Rfc3339)?));
    }
    if args.json {
        let keys: Vec<_> = rows
            .iter()
            .map(|(key, state, created_at)| {
                json!({
                    "kid": key.kid,
                    "algorithm": key.algorithm,
                    "state": state,
                    "created_at": created_at,
                })
            })
            .collect();
        return output::line(&serde_json::to_string_pretty(&keys)?);
    }
    output::line(&format!(
        "{:<43}  {:<9}  {:<7}  CREATED",
        "KID", "ALGORITHM", "STATE"
    ))?;
    for (key, state, created_at) in rows {
        output::line(&format!(
            "{:<43}  {:<9}  {state:<7}  {created_at}",
            key.kid, key.algorithm
        ))?;
    }
    Ok(())
}
