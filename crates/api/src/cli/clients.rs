use clap::{Args, Subcommand};
use passgate_auth::flows::{self, RegisterClient};
use passgate_domain::client::{Client, ClientChange, Grant, Slot, check_name};
use passgate_domain::ports::ClientStore;
use passgate_domain::scope::check_scope;
use passgate_domain::{ClientId, ScopeSet};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{act, output, with_database};
use crate::config::DatabaseArgs;
use crate::failure::Failure;

/// How many clients are read at a time.
const PAGE: u32 = 500;

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a client and print its secret, this once.
    Add(AddArgs),
    /// List clients by their ids.
    List(ListArgs),
    /// Show one client.
    Show(ShowArgs),
    /// Keep a client, and the sessions that it opened, from being used.
    Disable(IdArgs),
    /// Let a disabled client be used again.
    Enable(IdArgs),
    /// Delete a client. Its tokens and sessions are good for nothing then.
    Remove(IdArgs),
    /// Give a client one more secret and print it, this once. The other one stays good: deploy the
    /// new one, then remove the old one.
    AddSecret(ShowArgs),
    /// Take a secret from a client.
    RemoveSecret(RemoveSecretArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The client's name for programs: letters, digits and . _ ~ -
    id: ClientId,

    /// What its tokens may be used for, those of its users included; several words or several times.
    #[arg(long, value_name = "SCOPE", num_args = 1.., value_parser = ScopeSet::parse)]
    scope: Vec<ScopeSet>,

    /// How it may get tokens: `password`, `refresh_token`, `client_credentials`; may be given several
    /// times [default: `client_credentials`].
    #[arg(long = "grant", value_name = "GRANT", num_args = 1..)]
    grants: Vec<Grant>,

    /// What people call it.
    #[arg(long)]
    name: Option<String>,

    /// Print a JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The client.
    id: ClientId,

    /// Print a JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct IdArgs {
    /// The client.
    id: ClientId,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct RemoveSecretArgs {
    /// The client.
    id: ClientId,

    /// Where the secret is: 1 or 2, as `passgate clients show` says.
    slot: Slot,

    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(args) => add(args),
        Command::List(args) => list(&args),
        Command::Show(args) => show(&args),
        Command::Disable(args) => set_status(&args, false),
        Command::Enable(args) => set_status(&args, true),
        Command::Remove(args) => remove(&args),
        Command::AddSecret(args) => add_secret(&args),
        Command::RemoveSecret(args) => remove_secret(&args),
    }
}

fn add(args: AddArgs) -> Result<(), Failure> {
    let AddArgs {
        id,
        scope,
        grants,
        name,
        json,
        database,
    } = args;
    let is_named = name
        .as_deref()
        .map(check_name)
        .transpose()?
        .flatten()
        .is_some();
    let grants = if grants.is_empty() {
        vec![Grant::ClientCredentials]
    } else {
        grants
    };
    let scope: ScopeSet = scope.iter().flat_map(ScopeSet::iter).cloned().collect();
    check_scope(&scope)?;
    let command = RegisterClient {
        id,
        name: name.filter(|_| is_named),
        grants: grants.into_iter().collect(),
        scope,
    };
    with_database(&database, |database| {
        let (client, secret) = flows::register_client(database.store(), command, &act())?;
        // Here, since it is shown this once, and closing the database may fail.
        if json {
            let mut made = to_json(&client)?;
            made["secret"] = secret.expose().into();
            return output::line(&serde_json::to_string_pretty(&made)?);
        }
        output::line(&format!(
            "Registered client {}. Its secret, shown this once:",
            client.id
        ))?;
        output::line(secret.expose())
    })
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let clients = with_database(&args.database, |database| {
        let mut clients: Vec<Client> = Vec::new();
        loop {
            let after = clients.last().map(|client| &client.id);
            let page = database.store().list_clients(after, PAGE)?;
            if page.is_empty() {
                return Ok(clients);
            }
            clients.extend(page);
        }
    })?;
    if args.json {
        let clients: Result<Vec<Value>, Failure> = clients.iter().map(to_json).collect();
        return output::line(&serde_json::to_string_pretty(&clients?)?);
    }
    output::line(&format!(
        "{:<24}  {:<8}  {:<7}  {:<42}  SCOPE",
        "CLIENT", "STATUS", "SECRETS", "GRANTS"
    ))?;
    for client in &clients {
        output::line(&format!(
            "{:<24}  {:<8}  {:<7}  {:<42}  {}",
            client.id.as_str(),
            status(client),
            client.secrets.len(),
            grants(client),
            client.scope,
        ))?;
    }
    Ok(())
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let client = with_database(&args.database, |database| {
        let found = database.store().find_client(&args.id)?;
        found.ok_or_else(|| unknown(&args.id))
    })?;
    if args.json {
        return output::line(&serde_json::to_string_pretty(&to_json(&client)?)?);
    }
    output::line(&format!("client    {}", client.id))?;
    if let Some(name) = &client.name {
        output::line(&format!("name      {}", output::plain(name)))?;
    }
    output::line(&format!("grants    {}", grants(&client)))?;
    output::line(&format!("scope     {}", client.scope))?;
    output::line(&format!("status    {}", status(&client)))?;
    for secret in &client.secrets {
        output::line(&format!(
            "secret {}  ends in {}, made {}",
            secret.slot,
            output::plain(secret.hint.as_str()),
            secret.created_at.format(&Rfc3339)?
        ))?;
    }
    output::line(&format!(
        "made      {}",
        client.created_at.format(&Rfc3339)?
    ))?;
    output::line(&format!(
        "changed   {}",
        client.updated_at.format(&Rfc3339)?
    ))
}

fn set_status(args: &IdArgs, enable: bool) -> Result<(), Failure> {
    let client = with_database(&args.database, |database| {
        let change = ClientChange::enabled(enable);
        let changed = database.store().update_client(&args.id, &change, &act())?;
        changed.ok_or_else(|| unknown(&args.id))
    })?;
    output::line(&format!("Client {} is {}.", client.id, status(&client)))
}

fn remove(args: &IdArgs) -> Result<(), Failure> {
    let is_removed = with_database(&args.database, |database| {
        Ok(database.store().delete_client(&args.id, &act())?)
    })?;
    if !is_removed {
        return Err(unknown(&args.id));
    }
    output::line(&format!("Removed client {}.", args.id))
}

fn add_secret(args: &ShowArgs) -> Result<(), Failure> {
    with_database(&args.database, |database| {
        let (kept, secret) = flows::add_client_secret(database.store(), &args.id, &act())?;
        if args.json {
            let made = json!({
                "id": args.id.as_str(),
                "slot": kept.slot.number(),
                "hint": kept.hint.as_str(),
                "created_at": kept.created_at.format(&Rfc3339)?,
                "secret": secret.expose(),
            });
            return output::line(&serde_json::to_string_pretty(&made)?);
        }
        output::line(&format!(
            "Client {} has one more secret, in slot {}, shown this once:",
            args.id, kept.slot
        ))?;
        output::line(secret.expose())
    })
}

fn remove_secret(args: &RemoveSecretArgs) -> Result<(), Failure> {
    let is_removed = with_database(&args.database, |database| {
        let store = database.store();
        Ok(store.remove_client_secret(&args.id, args.slot, &act())?)
    })?;
    if !is_removed {
        return Err(Failure::new(format!(
            "there is no client {} with a secret in slot {}: `passgate clients list` shows all",
            args.id, args.slot
        )));
    }
    output::line(&format!(
        "Removed secret {} of client {}.",
        args.slot, args.id
    ))
}

fn unknown(id: &ClientId) -> Failure {
    Failure::new(format!(
        "there is no client {id}: `passgate clients list` shows all"
    ))
}

fn status(client: &Client) -> &'static str {
    if client.is_enabled() {
        "enabled"
    } else {
        "disabled"
    }
}

fn grants(client: &Client) -> String {
    let grants: Vec<&str> = client.grants.iter().map(|grant| grant.as_str()).collect();
    grants.join(" ")
}

fn to_json(client: &Client) -> Result<Value, Failure> {
    let mut secrets = Vec::new();
    for secret in &client.secrets {
        secrets.push(json!({
            "slot": secret.slot.number(),
            "hint": secret.hint.as_str(),
            "created_at": secret.created_at.format(&Rfc3339)?,
        }));
    }
    Ok(json!({
        "id": client.id.as_str(),
        "name": client.name,
        "scope": client.scope.to_string(),
        "grants": client.grants,
        "disabled": !client.is_enabled(),
        "secrets": secrets,
        "created_at": client.created_at.format(&Rfc3339)?,
        "updated_at": client.updated_at.format(&Rfc3339)?,
    }))
}
