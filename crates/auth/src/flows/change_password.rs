use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::ports::{AuditStore, GuessStore, StoreError, UserStore};
use passgate_domain::session::SessionId;
use passgate_domain::{Password, UserId, Username};
use thiserror::Error;

use super::guessing::NotAdmitted;
use super::{Guessing, TooManyGuesses};
use crate::password::{
    BreachCheckError, Check, PasswordError, Passwords, Personal, Policy, PolicyViolations,
};

/// A user's wish for another password.
#[derive(Debug)]
pub struct ChangePassword {
    /// Who.
    pub user_id: UserId,
    /// The user's name.
    pub username: Username,
    /// The session that asks, and stays.
    pub session: SessionId,
    /// The password so far.
    pub current: Password,
    /// The password from now on.
    pub new: Password,
}

/// Why the password stays as it is.
#[derive(Debug, Error)]
pub enum ChangePasswordError {
    /// The password so far is another, or was changed at the same moment.
    #[error("the current password is not correct")]
    Incorrect,
    /// The new one breaks the policy.
    #[error(transparent)]
    Policy(#[from] PolicyViolations),
    /// The file of breached passwords cannot be read.
    #[error("the password could not be looked for among the breached ones")]
    Breached(#[source] std::io::Error),
    /// Too many wrong passwords were given in this session.
    #[error(transparent)]
    TooMany(#[from] TooManyGuesses),
    /// A password could not be checked or hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BreachCheckError> for ChangePasswordError {
    fn from(error: BreachCheckError) -> Self {
        match error {
            BreachCheckError::Breached(violations) => Self::Policy(violations),
            BreachCheckError::Unreadable(error) => Self::Breached(error),
        }
    }
}

impl From<NotAdmitted> for ChangePasswordError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::TooMany(error) => Self::TooMany(error),
            NotAdmitted::Store(error) => Self::Store(error),
        }
    }
}

/// Gives a user another password and ends the user's other sessions. Wrong passwords are counted for
/// the session, whatever others guess at log-in.
///
/// # Errors
/// [`ChangePasswordError`]; nothing is changed then.
pub fn change_password<S: UserStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    passwords: &Passwords,
    policy: &Policy,
    guessing: &Guessing,
    command: &ChangePassword,
    act: &Act,
) -> Result<(), ChangePasswordError> {
    let ChangePassword {
        user_id,
        username,
        session,
        current,
        new,
    } = command;
    let attempt = guessing.within_session(*session);
    let (credentials, admitted) = guessing.admit(store, Some(username), &attempt, act.at)?;
    let credentials = credentials
        .filter(|credentials| credentials.user.id == *user_id)
        .ok_or(ChangePasswordError::Incorrect)?;
    policy.check(new, Personal::from(&credentials.user))?;
    policy.check_breached(new)?;
    let stored = &credentials.password_hash;
    if super::hashing(|| passwords.check_blocking(current, Some(stored)))? == Check::Mismatch {
        guessing.count(store, &admitted, act.at)?;
        let deed = Deed::new(Action::PasswordChangeRefused).on(*user_id);
        store.record(&deed, act)?;
        return Err(ChangePasswordError::Incorrect);
    }
    let still = guessing.still(store, &admitted, act.at);
    still.map_err(|error| guessing.given_up(error))?;
    let hash = super::hashing(|| passwords.hash_blocking(new))?;
    if store.change_password(*user_id, stored, &hash, *session, act)? {
        Ok(())
    } else {
        Err(ChangePasswordError::Incorrect)
    }
}
