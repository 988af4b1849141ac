use std::time::Duration;

use clap::Args;
use passgate_domain::audit::{Action, Event, EventFilter};
use passgate_domain::ports::{AuditStore, UserStore};
use passgate_domain::{Clock, SystemClock, UserId, Username};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{output, with_database};
use crate::config::DatabaseArgs;
use crate::database::Database;
use crate::failure::Failure;

/// Which events are shown, the newest first.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Only those that concern this user, by name; or by number, also after the user is gone.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Only those by this actor: `user:NUMBER`, `client:ID`, `operator`, `passgate` or `anonymous`.
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,

    /// Only of this action, for example `log_in_refused`.
    #[arg(long, value_name = "ACTION")]
    action: Option<Action>,

    /// Only the last so long, for example `24h`.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,

    /// At most so many.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,

    /// Print a JSON array.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) fn run(args: &AuditArgs) -> Result<(), Failure> {
    let events = with_database(&args.database, |database| {
        let user = args.user.as_deref().map(|user| find(database, user));
        let filter = EventFilter {
            before: None,
            user: user.transpose()?,
            actor: args.actor.clone(),
            action: args.action,
            since: args.since.and_then(ago),
            until: None,
            limit: args.limit,
        };
        Ok(database.store().events(&filter)?)
    })?;
    if args.json {
        let events: Result<Vec<Value>, Failure> = events.iter().map(to_json).collect();
        return output::line(&serde_json::to_string_pretty(&events?)?);
    }
    output::line(&format!(
        "{:<20}  {:<22}  {:<16}  {:<8}  {:<15}  ABOUT",
        "TIME", "ACTION", "ACTOR", "USER", "ADDRESS"
    ))?;
    for event in &events {
        let user = event.user.map_or_else(String::new, |id| id.to_string());
        let about = [event.target.as_deref(), event.detail.as_deref()];
        let about: Vec<&str> = about.into_iter().flatten().collect();
        output::line(&format!(
            "{:<20}  {:<22}  {:<16}  {user:<8}  {:<15}  {}",
            event.at.replace_nanosecond(0)?.format(&Rfc3339)?,
            output::plain(&event.action),
            output::plain(&event.actor),
            event.address.as_deref().unwrap_or("-"),
            output::plain(&about.join(" ")),
        ))?;
    }
    Ok(())
}

/// When that was; none before every date that the database knows, and every event.
fn ago(life: Duration) -> Option<OffsetDateTime> {
    let then = SystemClock.now().checked_sub(life.try_into().ok()?);
    then.filter(|then| then.year() >= 0)
}

fn find(database: &Database, user: &str) -> Result<UserId, Failure> {
    if let Some(id) = user.parse().ok().map(UserId::try_new) {
        return Ok(id?);
    }
    let found = database.store().find_credentials(&Username::parse(user)?)?;
    found.map(|found| found.user.id).ok_or_else(|| {
        Failure::new(format!(
            "there is no user {}; the events of one who is gone are found by number",
            output::plain(user)
        ))
    })
}

fn to_json(event: &Event) -> Result<Value, Failure> {
    Ok(json!({
        "id": event.id,
        "at": event.at.format(&Rfc3339)?,
        "action": event.action,
        "actor": event.actor,
        "user_id": event.user.map(UserId::get),
        "target": event.target,
        "detail": event.detail,
        "address": event.address,
        "request_id": event.request_id,
    }))
}
