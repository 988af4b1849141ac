use passgate_domain::ports::SessionStore;
use passgate_domain::session::{EndReason, Session};
use passgate_domain::{Clock, SystemClock};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::super::{act, output, with_database};
use super::listing::ShowArgs;
use super::{NameArgs, find};
use crate::failure::Failure;

pub(super) fn list(args: &ShowArgs) -> Result<(), Failure> {
    let sessions = with_database(&args.database, |database| {
        let user = find(database, &args.username)?;
        Ok(database.store().sessions_of(user.id, SystemClock.now())?)
    })?;
    if args.json {
        let sessions: Result<Vec<_>, Failure> = sessions.iter().map(to_json).collect();
        return output::line(&serde_json::to_string_pretty(&sessions?)?);
    }
    output::line(&format!(
        "{:<36}  {:<20}  {:<15}  {:<16}  DEVICE",
        "SESSION", "LAST USED", "ADDRESS", "CLIENT"
    ))?;
    for session in &sessions {
        output::line(&format!(
            "{:<36}  {:<20}  {:<15}  {:<16}  {}",
            session.id,
            session
                .last_used_at
                .replace_nanosecond(0)?
                .format(&Rfc3339)?,
            session.device.address.as_deref().unwrap_or("-"),
            output::plain(&session.client_id),
            output::plain(session.device.user_agent.as_deref().unwrap_or("-")),
        ))?;
    }
    Ok(())
}

fn to_json(session: &Session) -> Result<serde_json::Value, Failure> {
    Ok(json!({
        "id": session.id.to_string(),
        "client_id": session.client_id,
        "scope": session.scope.to_string(),
        "user_agent": session.device.user_agent,
        "address": session.device.address,
        "created_at": session.created_at.format(&Rfc3339)?,
        "last_used_at": session.last_used_at.format(&Rfc3339)?,
        "expires_at": session.idle_until.format(&Rfc3339)?,
    }))
}

pub(super) fn end(args: &NameArgs) -> Result<(), Failure> {
    let (user, ended) = with_database(&args.database, |database| {
        let user = find(database, &args.username)?;
        let revoked = EndReason::Revoked;
        let ended = database
            .store()
            .end_sessions(user.id, None, revoked, &act())?;
        Ok((user, ended))
    })?;
    output::line(&format!(
        "User {} is logged out of {ended} session{}.",
        output::plain(user.username.as_str()),
        if ended == 1 { "" } else { "s" },
    ))
}
