//! What Passgate needs of a database, as traits.
//!
//! Every method is one atomic change or one consistent read, named for the use it serves: no
//! caller ever holds a transaction. Methods block; callers on an async runtime move them to a
//! thread where that is fine. "Not found" is `Ok(None)`, never an error.
//!
//! A method that takes an [`Act`] writes down what it did in the same change: the deed that its
//! documentation names, and none if it changed nothing. Its present is [`Act::at`].
//!
//! The words MUST and MUST NOT are the contract; `testing::contract` checks each of them
//! against any implementation.

mod clients;

use std::error::Error as StdError;
use std::fmt;

use thiserror::Error;
use time::OffsetDateTime;

use crate::audit::{Act, Deed, Event, EventFilter};
use crate::session::{
    EndReason, LiveSession, NewSession, Revocation, Rotate, Rotation, Session, SessionId,
};
use crate::signing_key::{ResealedKey, StoredSigningKey};
use crate::username::InvalidUsername;
use crate::{
    ClientId, Credentials, Email, ImportedUser, NewUser, PasswordHash, User, UserChange, UserId,
    Username,
};

pub use clients::{AddedSecret, ClientStore, CreateClientError};

/// Any error of a library below, for the log only.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// The store could not answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached, or has no connection free in time. Trying again later
    /// may work; whether a write that failed like this happened is unknown.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// What is stored breaks a rule of the domain: somebody else wrote there.
    #[error("table {table} holds an invalid {column} in row {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key, as text.
        row: String,
        /// The rule it breaks.
        #[source]
        cause: Cause,
    },
    /// The database refused the statement: a fault of ours.
    #[error("the database refused a statement")]
    Internal(#[source] Cause),
}

/// A field whose value must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UniqueField {
    /// The number of a user.
    Id,
    /// The key form of the username.
    Username,
    /// The key form of the email address.
    Email,
}

impl UniqueField {
    /// The field's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Username => "username",
            Self::Email => "email",
        }
    }
}

impl fmt::Display for UniqueField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A user could not be made or changed. Nothing was written.
#[derive(Debug, Error)]
pub enum CreateUserError {
    /// Somebody has this username or email address already.
    #[error("the {0} is already taken")]
    Taken(UniqueField),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Users could not be imported. Nothing was written.
#[derive(Debug, Error)]
pub enum ImportUsersError {
    /// Some of them collide with accounts that exist. All such are listed.
    #[error("{} of the users collide with accounts that exist", .0.len())]
    Conflicts(Vec<ImportConflict>),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One user of an import that collides with a *different* account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportConflict {
    /// The user's place in the list given.
    pub index: usize,
    /// What it has in common with the other account.
    pub field: UniqueField,
    /// The other account.
    pub holder: UserId,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportSummary {
    /// Accounts made.
    pub created: usize,
    /// Accounts that were there already, left as they are.
    pub unchanged: usize,
}

impl fmt::Display for ImportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} created, {} unchanged", self.created, self.unchanged)
    }
}

/// Which users are asked for, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserQuery {
    /// All, by number.
    All {
        /// Only those with a greater number.
        after: Option<UserId>,
    },
    /// Those whose username's key begins with a text, by that key.
    ByUsername {
        /// What it begins with.
        prefix: String,
        /// Only those with a greater key.
        after: Option<String>,
    },
    /// Those whose email address' key begins with a text, by that key.
    ByEmail {
        /// What it begins with.
        prefix: String,
        /// Only those with a greater key.
        after: Option<String>,
    },
}

impl UserQuery {
    /// The users whose username begins with a text, in any case or width.
    ///
    /// # Errors
    /// [`InvalidUsername`] if no username begins so.
    pub fn by_username(prefix: &str, after: Option<String>) -> Result<Self, InvalidUsername> {
        let prefix = Username::parse(prefix)?.key().to_owned();
        Ok(Self::ByUsername { prefix, after })
    }

    /// The users whose email address begins with a text, in any case.
    pub fn by_email(prefix: &str, after: Option<String>) -> Self {
        let prefix = Email::key_of(prefix);
        Self::ByEmail { prefix, after }
    }
}

/// Where users are kept.
pub trait UserStore: Send + Sync {
    /// Reads what a log-in needs, by the username's key form.
    ///
    /// MUST find disabled users too: whether they may log in is not the store's business.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError>;

    /// Reads one user.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Reads users, at most `limit`, in the order that the query names. Keys are compared byte by
    /// byte. Whoever asks again after the last one of a page MUST see everybody who was there all
    /// along exactly once, whatever is added or deleted meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list_users(&self, query: &UserQuery, limit: u32) -> Result<Vec<User>, StoreError>;

    /// Makes an active user with the next free number, created and updated now:
    /// [`Action::UserCreated`](crate::audit::Action::UserCreated).
    ///
    /// Of any number of concurrent calls with one username or email key, exactly one MUST
    /// succeed and the others MUST return [`CreateUserError::Taken`] naming that field, the
    /// username before the email.
    ///
    /// # Errors
    /// [`CreateUserError`]; nothing is written then.
    fn create_user(&self, user: &NewUser, act: &Act) -> Result<User, CreateUserError>;

    /// Brings users over, all or none:
    /// [`Action::UsersImported`](crate::audit::Action::UsersImported).
    ///
    /// A user whose username is there already with the same number (or who brings no number)
    /// counts as unchanged and MUST be left as it is: its password may have been changed
    /// since. Any other common number, username or email MUST be reported, all of them at
    /// once, and nothing written. Numbers given later by [`UserStore::create_user`] MUST be
    /// greater than every number imported. `progress` is called with the count of users dealt
    /// with, now and then. The list MUST NOT contain a username, email or number twice.
    ///
    /// # Errors
    /// [`ImportUsersError`]; nothing is written then.
    fn import_users(
        &self,
        users: &[ImportedUser],
        act: &Act,
        progress: &mut dyn FnMut(usize),
    ) -> Result<ImportSummary, ImportUsersError>;

    /// Changes a user, and returns it as it is then; `None` if there is no such user. Where nothing
    /// is to be changed, MUST change nothing:
    /// [`Action::UserChanged`](crate::audit::Action::UserChanged).
    ///
    /// Disabling a disabled user MUST keep the earlier time. Disabling MUST end every session of
    /// the user in the same change, with [`EndReason::UserDisabled`]:
    /// [`Action::UserDisabled`](crate::audit::Action::UserDisabled), or
    /// [`Action::UserEnabled`](crate::audit::Action::UserEnabled).
    ///
    /// # Errors
    /// [`CreateUserError::Taken`] if somebody else has the email address; nothing is written then.
    fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        act: &Act,
    ) -> Result<Option<User>, CreateUserError>;

    /// Deletes an account; `false` if there is none. MUST end every session of the user in the same
    /// change, with [`EndReason::UserDeleted`], forget the address, the display name, the roles and
    /// the password, and MUST NOT ever give the number or the username to anybody else: nobody is
    /// taken for the one who had it. The user is not there any more for any other method:
    /// [`Action::UserDeleted`](crate::audit::Action::UserDeleted).
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete_user(&self, id: UserId, act: &Act) -> Result<bool, StoreError>;

    /// Gives a user another password. MUST end every session of the user in the same change,
    /// with [`EndReason::PasswordChanged`]. `false` if there is no such user:
    /// [`Action::PasswordReset`](crate::audit::Action::PasswordReset).
    ///
    /// # Errors
    /// [`StoreError`].
    fn set_password_hash(
        &self,
        id: UserId,
        hash: &PasswordHash,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Gives a user another password at the user's own wish. MUST change nothing and return
    /// `false` unless the stored hash is still `from`, the one that the old password was checked
    /// against. MUST end every other session of the user in the same change, with
    /// [`EndReason::PasswordChanged`], and leave `keep`:
    /// [`Action::PasswordChanged`](crate::audit::Action::PasswordChanged).
    ///
    /// # Errors
    /// [`StoreError`].
    fn change_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
        keep: SessionId,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Stores a stronger hash of the *same* password. MUST change nothing and return `false`
    /// unless the stored hash is still `from`: a password changed meanwhile wins. MUST NOT
    /// touch `updated_at`: nothing about the user has changed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn upgrade_password_hash(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<bool, StoreError>;
}

/// Where signing keys are kept.
///
/// Any number of replicas may take one step at the same moment: the guard of each is part of the
/// change, so that exactly one of them takes it.
pub trait SigningKeyStore: Send + Sync {
    /// Every key that is published, the active ones first, then by age, the youngest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError>;

    /// Keeps `candidate`, which is active, unless its algorithm has an active key already. Returns
    /// the key that is active then: [`Action::KeyPromoted`](crate::audit::Action::KeyPromoted).
    ///
    /// Of any number of concurrent calls for one algorithm, all MUST return the same key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn install_signing_key(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<StoredSigningKey, StoreError>;

    /// Keeps `candidate`, which is announced, as the successor of the active key `predecessor`:
    /// [`Action::KeyAnnounced`](crate::audit::Action::KeyAnnounced). MUST change nothing and return
    /// `false` if the algorithm has an announced key already, or `predecessor` is not (any more)
    /// its active key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn announce_signing_key(
        &self,
        candidate: &StoredSigningKey,
        predecessor: &str,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Makes the announced key of an algorithm its active one, retires the one that was, whose
    /// private half MUST be forgotten, and returns the name of the new one:
    /// [`Action::KeyRetired`](crate::audit::Action::KeyRetired) and
    /// [`Action::KeyPromoted`](crate::audit::Action::KeyPromoted). MUST change nothing and return
    /// `None` unless there is an announced key whose time has come
    /// ([`SigningKeyState::promote`](crate::signing_key::SigningKeyState::promote)) and that was made
    /// no later than `made_until`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn promote_signing_key(
        &self,
        algorithm: &str,
        made_until: OffsetDateTime,
        act: &Act,
    ) -> Result<Option<String>, StoreError>;

    /// Removes the retired keys whose time has come
    /// ([`SigningKeyState::remove`](crate::signing_key::SigningKeyState::remove)), whatever their
    /// algorithm, and returns their names:
    /// [`Action::KeyRemoved`](crate::audit::Action::KeyRemoved) for each.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_signing_keys(&self, act: &Act) -> Result<Vec<String>, StoreError>;

    /// Removes every key, in whatever state and of whatever algorithm, keeps `candidate`, which is
    /// active, as the only one, and returns the names of the others:
    /// [`Action::KeyRemoved`](crate::audit::Action::KeyRemoved) for each and
    /// [`Action::KeyPromoted`](crate::audit::Action::KeyPromoted). Of any number of concurrent calls
    /// the candidate of the last one MUST be the only key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn replace_signing_keys(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<Vec<String>, StoreError>;

    /// Keeps private halves that were encrypted anew, all of them in one change, and returns how
    /// many: [`Action::KeysResealed`](crate::audit::Action::KeysResealed), if any. A key that is gone,
    /// or sealed with another secret than [`ResealedKey::from`], MUST be left as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn reseal_signing_keys(&self, keys: &[ResealedKey], act: &Act) -> Result<usize, StoreError>;
}

/// Where sessions are kept.
pub trait SessionStore: Send + Sync {
    /// Opens a session, at the first generation: [`Action::LoggedIn`](crate::audit::Action::LoggedIn).
    ///
    /// MUST write nothing and return `false` unless the user is active and its stored hash is
    /// still `credential`, the one that the password was checked against: of a log-in and a
    /// change of the password at the same moment, no session survives the change.
    ///
    /// # Errors
    /// [`StoreError`].
    fn open_session(
        &self,
        session: &NewSession,
        credential: &PasswordHash,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Answers an authentic refresh token, in one atomic change.
    ///
    /// If the session does not live, or its user is not active, nothing MUST change. If the
    /// client is another or asks for more than the session has, nothing MUST change, either
    /// ([`Rotation::Mismatch`]). The session of a registered client is for this client alone, once
    /// it has proved itself ([`Presenter::Client`](crate::session::Presenter::Client)), and while it
    /// is enabled and the one that opened the session. Otherwise: the newest generation MUST be
    /// followed by the next; the one before it MUST change nothing but the time of use if the
    /// newest was made after `rotate.grace_since`; any other MUST end the session with
    /// [`EndReason::Reuse`], and only this is written down:
    /// [`Action::RefreshTokenReused`](crate::audit::Action::RefreshTokenReused). Of any number of concurrent calls with the newest generation,
    /// exactly one MUST make the next, and the others count as coming after it.
    /// [`Session::idle_until`] MUST NOT be moved past [`Session::expires_at`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn rotate_session(&self, rotate: &Rotate, act: &Act) -> Result<Rotation, StoreError>;

    /// Ends a session. `false`, and nothing changed, if it does not live:
    /// [`Action::SessionEnded`](crate::audit::Action::SessionEnded).
    ///
    /// # Errors
    /// [`StoreError`].
    fn end_session(&self, id: SessionId, reason: EndReason, act: &Act) -> Result<bool, StoreError>;

    /// Ends the session of a token that a client wants revoked:
    /// [`Action::SessionEnded`](crate::audit::Action::SessionEnded) with [`EndReason::Revoked`].
    /// MUST change nothing, and return [`Revocation::OtherClient`], if the session lives and belongs
    /// to a registered client other than `client`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn revoke_session(
        &self,
        id: SessionId,
        client: Option<&ClientId>,
        act: &Act,
    ) -> Result<Revocation, StoreError>;

    /// Ends every session of a user that lives, but for `keep`, and returns how many:
    /// [`Action::SessionsEnded`](crate::audit::Action::SessionsEnded).
    ///
    /// # Errors
    /// [`StoreError`].
    fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        act: &Act,
    ) -> Result<usize, StoreError>;

    /// Removes at most `limit` sessions that ended, or whose time was over, before `before`, and
    /// returns how many. MUST do nothing, and return 0, while another caller is at it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_ended_sessions(
        &self,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<usize, StoreError>;

    /// The sessions of a user that live, the one used last first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sessions_of(&self, user: UserId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError>;

    /// The user of a session that lives, if the user is active, and the client too if it is a
    /// registered one: what an access token with this `sid` is still worth.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_session_user(
        &self,
        id: SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<User>, StoreError>;

    /// A session and its user, by the same rule as [`SessionStore::find_session_user`]: what a
    /// token of either kind is still worth.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_live_session(
        &self,
        id: SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<LiveSession>, StoreError>;

    /// Why a session ended, for the audit log; `None` if it was not ended.
    ///
    /// # Errors
    /// [`StoreError`].
    fn end_reason(&self, id: SessionId) -> Result<Option<EndReason>, StoreError>;
}

/// Where it is written down what was done.
pub trait AuditStore: Send + Sync {
    /// Writes down a deed that changed nothing else.
    ///
    /// # Errors
    /// [`StoreError`].
    fn record(&self, deed: &Deed, act: &Act) -> Result<(), StoreError>;

    /// Reads the log, the newest events first. MUST return at most `filter.limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, StoreError>;

    /// Removes at most `limit` events from before `before`, and returns how many. This is the only
    /// way out of the log. MUST do nothing, and return 0, while another caller is at it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_events(&self, before: OffsetDateTime, limit: u32) -> Result<usize, StoreError>;
}
