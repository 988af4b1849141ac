use clap::Args;
use passgate_domain::ports::{UserQuery, UserStore};
use passgate_domain::{Email, Role, User};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::super::{output, with_database};
use super::find;
use crate::config::DatabaseArgs;
use crate::database::Database;
use crate::failure::Failure;

/// How many users are read at a time.
const PAGE: u32 = 500;

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Only those whose username begins so, by their names.
    #[arg(long, value_name = "TEXT", conflicts_with = "email")]
    username: Option<String>,

    /// Only those whose email address begins so, by their addresses.
    #[arg(long, value_name = "TEXT")]
    email: Option<String>,

    /// Print a JSON array.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// Who.
    pub(super) username: String,

    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) database: DatabaseArgs,
}

impl ListArgs {
    fn query(&self, last: Option<&User>) -> Result<UserQuery, Failure> {
        let query = match (&self.username, &self.email) {
            (Some(prefix), _) => {
                let after = last.map(|user| user.username.key().to_owned());
                UserQuery::by_username(prefix, after)?
            }
            (None, Some(prefix)) => {
                let key = last.and_then(|user| user.email.as_ref()).map(Email::key);
                UserQuery::by_email(prefix, key.map(str::to_owned))
            }
            (None, None) => UserQuery::All {
                after: last.map(|user| user.id),
            },
        };
        Ok(query)
    }
}

pub(super) fn list(args: &ListArgs) -> Result<(), Failure> {
    with_database(&args.database, |database| {
        if args.json {
            let mut array = output::Array::begin();
            each(database, args, |user| array.item(&to_json(user)?))?;
            return array.end();
        }
        output::line(&format!(
            "{:>8}  {:<24}  {:<32}  {:<8}  ROLES",
            "NUMBER", "USERNAME", "EMAIL", "STATUS"
        ))?;
        each(database, args, |user| {
            output::line(&format!(
                "{:>8}  {:<24}  {:<32}  {:<8}  {}",
                user.id,
                output::plain(user.username.as_str()),
                output::plain(user.email.as_ref().map_or("-", Email::as_str)),
                status(user),
                roles(user).join(" "),
            ))
        })
    })
}

/// A page at a time: there may be more users than memory.
fn each(
    database: &Database,
    args: &ListArgs,
    mut show: impl FnMut(&User) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut last = None;
    loop {
        let page = database
            .store()
            .list_users(&args.query(last.as_ref())?, PAGE)?;
        for user in &page {
            show(user)?;
        }
        match page.into_iter().next_back() {
            Some(user) => last = Some(user),
            None => return Ok(()),
        }
    }
}

pub(super) fn show(args: &ShowArgs) -> Result<(), Failure> {
    let user = with_database(&args.database, |database| find(database, &args.username))?;
    if args.json {
        return output::line(&serde_json::to_string_pretty(&to_json(&user)?)?);
    }
    output::line(&format!("number        {}", user.id))?;
    output::line(&format!(
        "username      {}",
        output::plain(user.username.as_str())
    ))?;
    if let Some(email) = &user.email {
        output::line(&format!("email         {}", output::plain(email.as_str())))?;
    }
    if let Some(name) = &user.display_name {
        output::line(&format!("display name  {}", output::plain(name)))?;
    }
    output::line(&format!("roles         {}", roles(&user).join(" ")))?;
    output::line(&format!("status        {}", status(&user)))?;
    output::line(&format!(
        "made          {}",
        user.created_at.format(&Rfc3339)?
    ))?;
    output::line(&format!(
        "changed       {}",
        user.updated_at.format(&Rfc3339)?
    ))
}

pub(super) fn status(user: &User) -> &'static str {
    if user.status.is_active() {
        "active"
    } else {
        "disabled"
    }
}

pub(super) fn roles(user: &User) -> Vec<&str> {
    user.roles.iter().map(Role::as_str).collect()
}

fn to_json(user: &User) -> Result<Value, Failure> {
    Ok(json!({
        "id": user.id.get(),
        "username": user.username.as_str(),
        "email": user.email.as_ref().map(Email::as_str),
        "display_name": user.display_name,
        "roles": roles(user),
        "disabled": !user.status.is_active(),
        "created_at": user.created_at.format(&Rfc3339)?,
        "updated_at": user.updated_at.format(&Rfc3339)?,
    }))
}
