//! Sessions: what a log-in leaves behind, so that it outlives its first access token.
//!
//! A session is one row however often it is refreshed. Its refresh tokens are counted: each
//! carries the session's id and its own generation, and proves itself by a keyed code, so that
//! any earlier one is recognised without a history of them.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{ClientId, ScopeSet, User, UserId};

/// A session's name, the claim `sid` of its access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A new one, which nobody can guess.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Wraps a number that is known to be one.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The number itself.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many refresh tokens a session had when one was made, that one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(NonZeroU32);

impl Generation {
    /// The refresh token of the log-in itself.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Wraps a number; none for zero.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The one after it. Four thousand million refreshes later there is none.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

/// What a session was last used by, for its owner to recognise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The `User-Agent`, cut to [`Device::MAX_USER_AGENT`].
    pub user_agent: Option<String>,
    /// The network address.
    pub address: Option<String>,
}

impl Device {
    /// The longest user agent that is kept, in bytes.
    pub const MAX_USER_AGENT: usize = 255;

    /// Keeps what can be kept: control characters go, and what is too long is cut.
    pub fn new(user_agent: Option<&str>, address: Option<String>) -> Self {
        let user_agent = user_agent.map(|text| {
            let mut kept = String::new();
            for c in text.chars().filter(|c| !c.is_control()) {
                if kept.len() + c.len_utf8() > Self::MAX_USER_AGENT {
                    break;
                }
                kept.push(c);
            }
            kept
        });
        Self {
            user_agent: user_agent.filter(|text| !text.is_empty()),
            address,
        }
    }
}

/// How many sessions a user has at most. Nobody is logged in at so many places; a program that logs in
/// each time it wants something is, and whatever ends all sessions of its user has to end these.
pub const MAX_SESSIONS: u32 = 1000;

/// A session to be opened, at [`Generation::FIRST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The client that logged in: its id, or what it calls itself.
    pub client_id: String,
    /// Whether that is a registered client, which proved itself.
    pub of_client: bool,
    /// What its access tokens may be used for at most.
    pub scope: ScopeSet,
    /// Who logged in.
    pub device: Device,
    /// When it ends unless it is used before.
    pub idle_until: OffsetDateTime,
    /// When it ends however it is used.
    pub expires_at: OffsetDateTime,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The client that logged in: its id, or what it calls itself.
    pub client_id: String,
    /// Whether that is a registered client, which proved itself.
    pub of_client: bool,
    /// What its access tokens may be used for at most.
    pub scope: ScopeSet,
    /// The newest refresh token's.
    pub generation: Generation,
    /// Who used it last.
    pub device: Device,
    /// When somebody logged in.
    pub created_at: OffsetDateTime,
    /// When it was last refreshed.
    pub last_used_at: OffsetDateTime,
    /// When it ends unless it is used before.
    pub idle_until: OffsetDateTime,
    /// When it ends however it is used.
    pub expires_at: OffsetDateTime,
}

impl Session {
    /// Whether its time is not over.
    pub fn is_within_its_time(&self, now: OffsetDateTime) -> bool {
        now < self.idle_until && now < self.expires_at
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Its owner, or the client, ended it.
    Revoked,
    /// A refresh token that was used up came back: somebody copied it.
    Reuse,
    /// Its user has another password.
    PasswordChanged,
    /// Its user was disabled.
    UserDisabled,
    /// Its user was deleted.
    UserDeleted,
    /// Its user opened [`MAX_SESSIONS`] others that were used since.
    TooMany,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Revoked,
        Self::Reuse,
        Self::PasswordChanged,
        Self::UserDisabled,
        Self::UserDeleted,
        Self::TooMany,
    ];

    /// The name it is kept under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Reuse => "reuse",
            Self::PasswordChanged => "password_changed",
            Self::UserDisabled => "user_disabled",
            Self::UserDeleted => "user_deleted",
            Self::TooMany => "too_many",
        }
    }
}

/// A session that lives, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// The session.
    pub session: Session,
    /// When its newest refresh token was made.
    pub rotated_at: OffsetDateTime,
    /// Its user, who is active.
    pub user: User,
}

impl LiveSession {
    /// Whether the refresh token of a generation would be answered, by [`Rotate`]'s rules.
    pub fn accepts(&self, generation: Generation, grace_since: OffsetDateTime) -> bool {
        let newest = self.session.generation;
        generation == newest || (generation.next() == Some(newest) && self.rotated_at > grace_since)
    }
}

/// What whoever presents a token says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presenter {
    /// Nothing.
    Nobody,
    /// A name that proves nothing.
    Label(String),
    /// A registered client, which has proved itself.
    Client(ClientId),
}

impl Presenter {
    /// The name it gives.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::Label(label) => Some(label),
            Self::Client(id) => Some(id.as_str()),
        }
    }

    /// The client that it is proved to be.
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Client(id) => Some(id),
            Self::Nobody | Self::Label(_) => None,
        }
    }
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The session has ended.
    Ended,
    /// There is no such session, or none any more.
    NotAlive,
    /// It is another client's, and lives on.
    OtherClient,
}

/// A refresh: an authentic refresh token was presented.
#[derive(Debug, Clone)]
pub struct Rotate {
    /// The token's session.
    pub id: SessionId,
    /// The token's generation.
    pub generation: Generation,
    /// Who presents it.
    pub presenter: Presenter,
    /// What it asks for; empty means all that the session has.
    pub scope: ScopeSet,
    /// Until when the generation before the newest gets the newest again: it was made after this.
    pub grace_since: OffsetDateTime,
    /// When the session ends now unless it is used again.
    pub idle_until: OffsetDateTime,
    /// Who refreshes.
    pub device: Device,
}

/// What came of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The session lives; its newest generation is the token to answer with.
    Rotated {
        /// The session as it is now.
        session: Box<Session>,
        /// Its user as it is now.
        user: User,
    },
    /// The token was used up: the session has just ended, with [`EndReason::Reuse`].
    Reused {
        /// Whose session it was.
        user_id: UserId,
    },
    /// The client is another than the session's, or asks for more than the session has. Nothing
    /// has changed: the token is as good as before.
    Mismatch {
        /// What may be asked for, if the client is the right one.
        allowed: Option<ScopeSet>,
    },
    /// There is no such session, or none any more, or its user may not log in.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_count_from_one() {
        assert_eq!(Generation::new(0), None);
        assert_eq!(Generation::new(1), Some(Generation::FIRST));
        assert_eq!(Generation::FIRST.next(), Generation::new(2));
        assert_eq!(Generation::new(u32::MAX).unwrap().next(), None);
    }

    #[test]
    fn a_user_agent_is_kept_as_far_as_it_can_be_shown() {
        let kept = |text: &str| Device::new(Some(text), None).user_agent;
        assert_eq!(kept("curl/8\r\nX: y").unwrap(), "curl/8X: y");
        assert_eq!(kept("\u{1b}"), None);
        assert_eq!(kept(&"é".repeat(200)).unwrap().len(), 254);
    }
}
