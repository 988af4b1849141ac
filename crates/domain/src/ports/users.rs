use std::fmt;

use thiserror::Error;

use super::{StoreError, UniqueField};
use crate::audit::Act;
use crate::session::SessionId;
use crate::username::InvalidUsername;
use crate::{
    Credentials, Email, ImportedUser, NewUser, PasswordHash, User, UserChange, UserId, Username,
};

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

    /// Changes a user, and returns it as it is then; `None` if there is no such user. Of what the user
    /// is already ([`UserChange::differing`]) nothing MUST be changed, nor written down:
    /// [`Action::UserChanged`](crate::audit::Action::UserChanged) names what differed.
    ///
    /// Disabling a disabled user MUST keep the earlier time. Disabling MUST end every session of
    /// the user in the same change, with [`EndReason::UserDisabled`](crate::session::EndReason::UserDisabled):
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
    /// change, with [`EndReason::UserDeleted`](crate::session::EndReason::UserDeleted), forget the address, the display name, the roles and
    /// the password, and MUST NOT ever give the number or the username to anybody else: nobody is
    /// taken for the one who had it. The user is not there any more for any other method:
    /// [`Action::UserDeleted`](crate::audit::Action::UserDeleted).
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete_user(&self, id: UserId, act: &Act) -> Result<bool, StoreError>;

    /// Gives a user another password. MUST end every session of the user in the same change,
    /// with [`EndReason::PasswordChanged`](crate::session::EndReason::PasswordChanged). `false` if there is no such user:
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
    /// [`EndReason::PasswordChanged`](crate::session::EndReason::PasswordChanged), and leave `keep`:
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
