//! The audit log: who did what, when and from where.
//!
//! Every change that a store makes is somebody's [`Act`], and leaves an [`Event`] in the same
//! change: what was done is in the log, and what is in the log was done. No event holds a secret,
//! nor a text that may be one, such as the name in a log-in that nobody has.

use std::fmt;

use thiserror::Error;
use time::OffsetDateTime;

use crate::{ClientId, UserId};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Somebody who did not prove who they are.
    Anonymous,
    /// A user.
    User(UserId),
    /// A client, on its own behalf.
    Client(ClientId),
    /// Whoever has the command line.
    Operator,
    /// Passgate itself, when a time has come.
    Passgate,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Operator => f.write_str("operator"),
            Self::Passgate => f.write_str("passgate"),
        }
    }
}

/// One doing: its time, who does it, and where the request came from. Stores take their `now`
/// from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: OffsetDateTime,
    /// Who.
    pub actor: Actor,
    /// The network address of the request.
    pub address: Option<String>,
    /// The id of the request, which the log has too.
    pub request_id: Option<String>,
}

impl Act {
    /// An act that no request asked for.
    pub const fn new(at: OffsetDateTime, actor: Actor) -> Self {
        Self {
            at,
            actor,
            address: None,
            request_id: None,
        }
    }

    /// The same, by somebody who proved who they are meanwhile.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Self {
        Self {
            actor,
            ..self.clone()
        }
    }

    /// The same at another time.
    #[must_use]
    pub fn at(&self, at: OffsetDateTime) -> Self {
        Self { at, ..self.clone() }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Action {
            $($(#[$doc])* $variant,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name it is kept under.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

actions! {
    /// Somebody logged in. The target is the session, the detail the client.
    LoggedIn = "logged_in",
    /// Somebody did not. The detail says why.
    LogInRefused = "log_in_refused",
    /// A session was ended. The target is the session, the detail the reason.
    SessionEnded = "session_ended",
    /// A user's sessions were ended. The detail says how many, and why.
    SessionsEnded = "sessions_ended",
    /// A refresh token that was used up came back, and ended its session, the target.
    RefreshTokenReused = "refresh_token_reused",
    /// An account was made.
    UserCreated = "user_created",
    /// Accounts were brought over. The detail says how many.
    UsersImported = "users_imported",
    /// An account was changed. The detail names the fields.
    UserChanged = "user_changed",
    /// A user may not log in any more.
    UserDisabled = "user_disabled",
    /// A user may log in again.
    UserEnabled = "user_enabled",
    /// An account was deleted.
    UserDeleted = "user_deleted",
    /// A user changed the password.
    PasswordChanged = "password_changed",
    /// Somebody with a user's token did not know the password.
    PasswordChangeRefused = "password_change_refused",
    /// A user was given another password by somebody else.
    PasswordReset = "password_reset",
    /// A client was made, the target.
    ClientCreated = "client_created",
    /// A client was changed, the target. The detail names the fields.
    ClientChanged = "client_changed",
    /// A client was deleted, the target.
    ClientDeleted = "client_deleted",
    /// A client, the target, got one more secret.
    ClientSecretAdded = "client_secret_added",
    /// A client, the target, lost a secret.
    ClientSecretRemoved = "client_secret_removed",
    /// A client, the target, did not prove who it is.
    ClientRefused = "client_refused",
    /// A client got a token on its own behalf.
    ClientTokenIssued = "client_token_issued",
    /// A signing key, the target, was published. It does not sign yet.
    KeyAnnounced = "key_announced",
    /// A signing key, the target, signs from now on.
    KeyPromoted = "key_promoted",
    /// A signing key, the target, signs nothing more.
    KeyRetired = "key_retired",
    /// A signing key, the target, was removed: nothing that it signed verifies any more.
    KeyRemoved = "key_removed",
    /// The signing keys were encrypted with another secret. The detail says how many.
    KeysResealed = "keys_resealed",
    /// A server logs something else for a while, or what is configured again. The detail says what.
    LogFilterChanged = "log_filter_changed",
}

/// The text names no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an action is one of: {}", Action::names())]
pub struct UnknownAction;

impl Action {
    /// Reads an action's name.
    ///
    /// # Errors
    /// [`UnknownAction`] lists those there are.
    pub fn parse(name: &str) -> Result<Self, UnknownAction> {
        let known = Self::ALL.iter().find(|action| action.as_str() == name);
        known.copied().ok_or(UnknownAction)
    }

    fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|action| action.as_str()).collect();
        names.join(", ")
    }
}

impl std::str::FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a store or a flow writes down of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// What was done.
    pub action: Action,
    /// The user whom it concerns.
    pub user: Option<UserId>,
    /// What else it concerns: a session, a client, a key.
    pub target: Option<String>,
    /// What else there is to say. Never a secret.
    pub detail: Option<String>,
}

impl Deed {
    /// A deed of which there is no more to say.
    pub const fn new(action: Action) -> Self {
        Self {
            action,
            user: None,
            target: None,
            detail: None,
        }
    }

    /// Says whom it concerns.
    #[must_use]
    pub fn on(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Says what else it concerns.
    #[must_use]
    pub fn target(mut self, target: &impl ToString) -> Self {
        self.target = Some(target.to_string());
        self
    }

    /// Says more.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// An entry of the log. Actions and actors are texts here: a later release may have written them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number: of two, the later has the greater.
    pub id: i64,
    /// When.
    pub at: OffsetDateTime,
    /// What was done: the name of an [`Action`].
    pub action: String,
    /// Who did it: the text of an [`Actor`].
    pub actor: String,
    /// The user whom it concerns.
    pub user: Option<UserId>,
    /// What else it concerns.
    pub target: Option<String>,
    /// What else there is to say.
    pub detail: Option<String>,
    /// The network address of the request.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// Which events are asked for. The newest come first: by their numbers, or by their times where a time
/// is asked for. Both tell almost the same, since clocks of replicas differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only those that come after the one of this number.
    pub before: Option<i64>,
    /// Only those that concern this user.
    pub user: Option<UserId>,
    /// Only those by this actor.
    pub actor: Option<String>,
    /// Only of this action.
    pub action: Option<Action>,
    /// Only from this time on.
    pub since: Option<OffsetDateTime>,
    /// Only from before this time.
    pub until: Option<OffsetDateTime>,
    /// At most so many.
    pub limit: u32,
}

impl EventFilter {
    /// Whether they come by their times.
    pub fn is_by_time(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_action_has_a_name_of_its_own() {
        let names: HashSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Ok(*action));
        }
        let unknown = Action::parse("logged_on").unwrap_err().to_string();
        assert!(unknown.contains("logged_in, log_in_refused"), "{unknown}");
    }

    #[test]
    fn an_actor_is_written_with_its_kind() {
        let user = Actor::User(UserId::try_new(7).unwrap());
        let client = Actor::Client(ClientId::parse("billing").unwrap());
        assert_eq!(user.to_string(), "user:7");
        assert_eq!(client.to_string(), "client:billing");
    }
}
