use clap::{Args, Subcommand};
use passgate_auth::flows::{self, AnnounceError, KeySchedule};
use passgate_auth::jwt::Algorithm;
use passgate_auth::seal::SealingKeys;
use passgate_domain::ports::SigningKeyStore;
use passgate_domain::signing_key::{SigningKeyState, StoredSigningKey};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{act, output, with_database};
use crate::config::{DatabaseArgs, JwtAlgorithm, PublicationArgs, SecretArgs};
use crate::database::Database;
use crate::failure::Failure;
use crate::handlers::admin::keys::KeyBody;
use crate::{secret, settings};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the keys that sign and verify, and what happens to each next.
    List(ListArgs),
    /// Announce the key that is to sign next. Nobody notices: it signs when everybody knows it.
    Rotate(RotateArgs),
    /// Encrypt the keys in the database with the current secret.
    Reseal(ResealArgs),
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

/// How keys follow each other.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// A key leaked: a new one signs at once and every other is removed. Access tokens that are
    /// out stop verifying; sessions go on.
    #[arg(long)]
    now: bool,

    /// What the new key signs with [default: as the key that signs].
    #[arg(long, env = "PASSGATE_JWT_ALGORITHM", value_name = "ALGORITHM")]
    jwt_algorithm: Option<JwtAlgorithm>,

    #[command(flatten)]
    publication: PublicationArgs,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    database: DatabaseArgs,
}

/// How keys are encrypted.
#[derive(Debug, Args)]
pub(super) struct ResealArgs {
    /// Make a new secret first, where Passgate made the one so far, beside its private database.
    #[arg(long)]
    new_secret: bool,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list(&args),
        Command::Rotate(args) => rotate(&args),
        Command::Reseal(args) => reseal(&args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let keys = with_database(&args.database, |database| {
        Ok(database.store().signing_keys()?)
    })?;
    if args.json {
        let keys: Result<Vec<Value>, Failure> = keys.into_iter().map(to_json).collect();
        return output::line(&serde_json::to_string_pretty(&keys?)?);
    }
    output::line(&format!(
        "{:<43}  {:<9}  {:<9}  {:<16}  NEXT",
        "KID", "ALGORITHM", "STATE", "SECRET"
    ))?;
    for key in keys {
        output::line(&format!(
            "{:<43}  {:<9}  {:<9}  {:<16}  {}",
            key.kid,
            key.algorithm,
            key.state.name(),
            sealed_with(&key),
            next(&key.state)?
        ))?;
    }
    Ok(())
}

/// The name of the secret that opens it; a retired key has nothing to open.
fn sealed_with(key: &StoredSigningKey) -> &str {
    if key.sealed_private_key.is_empty() {
        "-"
    } else {
        &key.sealing_key_id
    }
}

fn next(state: &SigningKeyState) -> Result<String, Failure> {
    Ok(match state {
        SigningKeyState::Announced { promotable_at } => {
            format!("signs from {}", seconds(*promotable_at)?)
        }
        SigningKeyState::Active { promoted_at } => {
            format!("signs since {}", seconds(*promoted_at)?)
        }
        SigningKeyState::Retired { .. } => match state.removable_at() {
            Some(at) => format!("goes at {}", seconds(at)?),
            None => String::new(),
        },
    })
}

fn to_json(key: StoredSigningKey) -> Result<Value, Failure> {
    let sealed_with = Value::from(sealed_with(&key));
    let mut value = serde_json::to_value(KeyBody::from(key))?;
    value["secret"] = sealed_with;
    Ok(value)
}

/// The next whole second.
fn seconds(time: OffsetDateTime) -> Result<String, Failure> {
    let up = time + time::Duration::nanoseconds(999_999_999);
    Ok(up.replace_nanosecond(0)?.format(&Rfc3339)?)
}

fn rotate(args: &RotateArgs) -> Result<(), Failure> {
    let schedule = settings::key_schedule(&args.publication, None)?;
    if args.jwt_algorithm == Some(JwtAlgorithm::Hs256) {
        return Err(Failure::new(
            "HS256 signs with a shared secret and has no keys: exchange PASSGATE_JWT_SECRET here \
             and in the service that verifies",
        ));
    }
    let wanted = args.jwt_algorithm.and_then(JwtAlgorithm::asymmetric);
    let said = with_database(&args.database, |database| {
        let keys = database.store().signing_keys()?;
        // With `--now` nothing is opened: the secret that was lost is made anew.
        let is_first = keys.is_empty() || args.now;
        let sealing = secret::sealing_keys(&args.secret, database.data_dir(), is_first)?;
        let algorithm = match wanted {
            Some(algorithm) => algorithm,
            None => algorithm_of(&keys)?,
        };
        if args.now {
            replace(database, &sealing, algorithm)
        } else {
            announce(database, &sealing, algorithm, &schedule)
        }
    })?;
    output::line(&said)
}

fn algorithm_of(keys: &[StoredSigningKey]) -> Result<Algorithm, Failure> {
    let mut active = keys.iter().filter(|key| key.state.is_active());
    match (active.next(), active.next()) {
        (Some(key), None) => Ok(key.algorithm.parse()?),
        (Some(one), Some(other)) => Err(Failure::new(format!(
            "keys of several algorithms sign ({}, {}): say which with --jwt-algorithm",
            one.algorithm, other.algorithm
        ))),
        (None, _) => Err(Failure::new(
            "there are no signing keys: `passgate serve` makes the first, unless it signs with a \
             shared secret (HS256), which has none",
        )),
    }
}

fn announce(
    database: &Database,
    sealing: &SealingKeys,
    algorithm: Algorithm,
    schedule: &KeySchedule,
) -> Result<String, Failure> {
    let next = flows::announce_key(database.store(), sealing, algorithm, schedule, &act());
    let next = next.map_err(|error| match error {
        AnnounceError::Announced { promotable_at, .. } => match seconds(promotable_at) {
            Ok(at) => Failure::new(format!("{error}, and signs from {at}: nothing was changed")),
            Err(failure) => failure,
        },
        error => Failure::from_error(&error),
    })?;
    Ok(format!(
        "Announced the {algorithm} key {}: it is published, and {} if `serve` runs by then. Nobody \
         has to log in again.",
        next.kid,
        self::next(&next.state)?
    ))
}

fn replace(
    database: &Database,
    sealing: &SealingKeys,
    algorithm: Algorithm,
) -> Result<String, Failure> {
    let before = database.store().signing_keys()?;
    // Of a retired key nothing is left that a secret opens.
    let is_ours = |key: &StoredSigningKey| {
        key.sealed_private_key.is_empty() || sealing.named(&key.sealing_key_id).is_some()
    };
    let consequence = if before.iter().all(is_ours) {
        "Sessions go on, clients refresh. Replicas follow within ten seconds"
    } else {
        "The secret is another than theirs: everybody has to log in again. Replicas sign nothing until \
         they are restarted with it; they follow then"
    };
    let replaced = flows::replace_keys(database.store(), sealing, algorithm, &act())?;
    Ok(format!(
        "The {algorithm} key {} signs from now on, {} others are gone: no access token that is out \
         verifies any more. {consequence}, services when they fetch the keys again.",
        replaced.kid,
        replaced.removed.len()
    ))
}

fn reseal(args: &ResealArgs) -> Result<(), Failure> {
    let (resealed, name) = with_database(&args.database, |database| {
        if args.new_secret {
            secret::renew(&args.secret, database.data_dir())?;
        }
        let sealing = secret::sealing_keys(&args.secret, database.data_dir(), false)?;
        let resealed = flows::reseal_keys(database.store(), &sealing, &act())?;
        Ok((resealed, sealing.current().key_id().to_owned()))
    })?;
    output::line(&format!(
        "Encrypted {resealed} signing keys with the secret of the name {name}; none is encrypted \
         with another now."
    ))?;
    if args.new_secret {
        output::line(
            "Restart `serve` if it runs. Remove the file accepted-secret when no session is left \
             from before, after --session-lifetime.",
        )?;
    }
    Ok(())
}
