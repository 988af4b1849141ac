use clap::{Args, Subcommand};
use passgate_domain::ports::SigningKeyStore;

use super::output;
use crate::capacity;
use crate::config::{ServeArgs, is_given};
use crate::database::{Database, Migrate};
use crate::failure::Failure;
use crate::secret;
use crate::settings::{Settings, warning_of_plain_http};
use crate::telemetry::{self, Traces};
use crate::tls::Tls;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say whether a server would start with these settings, and what is wrong with them; the exit
    /// code tells.
    Check(Box<CheckArgs>),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Also connect to the database, and see whether its schema is ours and the secret opens its
    /// keys. Changes nothing there.
    #[arg(long)]
    connect: bool,

    /// The settings.
    #[command(flatten)]
    serve: ServeArgs,
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    let Command::Check(args) = command;
    check(args)
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let serve = &args.serve;
    let Settings {
        issuer,
        audience,
        passwords,
        ..
    } = Settings::check(serve, serve.listen)?;
    Tls::open(&serve.tls)?;
    telemetry::check(&serve.log)?;
    if let Some(traces) = Traces::start(&serve.traces)? {
        traces.finish();
    }
    // With the private database a secret is made at the first start.
    if serve.database.url().is_some() || serve.secret.secret.as_ref().is_some_and(is_given) {
        secret::sealing_keys(&serve.secret, None, false)?;
    }
    let plain = warning_of_plain_http(serve, serve.listen, &issuer);
    for warning in plain
        .into_iter()
        .chain(capacity::warnings_of(&serve.passwords, &passwords))
    {
        output::line(&format!("Warning: {warning}."))?;
    }
    if args.connect {
        connect(serve)?;
    }
    output::line(&format!(
        "The settings can be used: tokens are {issuer}'s, for {audience}."
    ))
}

fn connect(serve: &ServeArgs) -> Result<(), Failure> {
    if serve.database.url().is_none() {
        return Err(Failure::new(
            "--connect is for a database of yours: name it with --database-url",
        ));
    }
    let database = Database::open(&serve.database, Migrate::Never, 1)?;
    let checked = keys_open(serve, &database);
    let closed = database.close();
    checked.and(closed)
}

fn keys_open(serve: &ServeArgs, database: &Database) -> Result<(), Failure> {
    let sealing = secret::sealing_keys(&serve.secret, None, false)?;
    let keys = database.store().signing_keys()?;
    let closed = keys
        .iter()
        .filter(|key| !key.sealed_private_key.is_empty())
        .find(|key| sealing.named(&key.sealing_key_id).is_none());
    match closed {
        None => Ok(()),
        Some(key) => Err(Failure::new(format!(
            "the signing key {} was encrypted with another secret: its name is {}, given is {}",
            key.kid,
            key.sealing_key_id,
            sealing.current().key_id()
        ))),
    }
}
