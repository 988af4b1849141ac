use std::time::Duration;

use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::client::Grant;
use passgate_domain::ports::{
    AuditStore, ClientStore, GuessStore, SessionStore, StoreError, UserStore,
};
use passgate_domain::session::{Device, Generation};
use passgate_domain::{Credentials, Password, ScopeSet, User, Username};
use thiserror::Error;

use super::authenticate::{ClientCredentials, ClientError, Identified};
use super::guessing::{self, Admitted, NotAdmitted};
use super::{DeviceToken, Granted, Guessing, Tokens, TooManyGuesses};
use crate::jwt::IssueError;
use crate::password::{Check, PasswordError, Passwords};

/// A log-in with a password: the resource owner password credentials grant of RFC 6749
/// section 4.3.
#[derive(Debug)]
pub struct LogIn {
    /// Who says to be logging in. `None` if the text given cannot be anybody's name.
    pub username: Option<Username>,
    /// What proves it.
    pub password: Password,
    /// What the token is to be used for; empty means the default scopes.
    pub scope: ScopeSet,
    /// What the client says of itself. A name that is no registered client's is a label.
    pub client: Option<ClientCredentials>,
    /// Who is asking.
    pub device: Device,
    /// What [`LoggedIn::device_token`] was, if the device kept it.
    pub device_token: Option<String>,
}

/// A log-in that succeeded.
#[derive(Debug)]
pub struct LoggedIn {
    /// What the client is answered with.
    pub granted: Granted,
    /// Whether the stored hash was replaced by one of the configured cost.
    pub upgraded: bool,
    /// For the device to keep and bring along: it is known to the account then, and gets in while
    /// others guess at the password.
    pub device_token: DeviceToken,
}

/// Why nobody was logged in.
#[derive(Debug, Error)]
pub enum LogInError {
    /// Unknown user, wrong password or disabled user: which one is nobody's business.
    #[error("incorrect username or password")]
    Refused,
    /// Too many wrong passwords were given, by others or from here.
    #[error(transparent)]
    TooMany(#[from] TooManyGuesses),
    /// It is not for this client. No password was looked at.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The password is right, and the user may not have these scopes, or not with this client.
    #[error("the user may not have the scope asked for; allowed is: {allowed}")]
    Scope {
        /// What may be asked for.
        allowed: ScopeSet,
    },
    /// The password could not be checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The token could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LogInError {
    /// How long to wait before trying again, where that may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Password(PasswordError::Busy { retry_after }) => Some(*retry_after),
            Self::TooMany(too_many) => Some(too_many.retry_after),
            _ => None,
        }
    }
}

impl From<NotAdmitted> for LogInError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::TooMany(error) => Self::TooMany(error),
            NotAdmitted::Store(error) => Self::Store(error),
        }
    }
}

/// How often a log-in is begun because the user's hash changed under it, or others guessed. Whoever moves a
/// weaker hash to a stronger one does it once.
const TRIES: usize = 3;

/// Logs somebody in and opens a session.
///
/// Whether the user is unknown, the password wrong or the account disabled, the work is the
/// same: one read, one password check, one guess counted, one event, and [`LogInError::Refused`]. A name
/// that nobody has is not written down: people type passwords there. A registered client proves itself
/// before. A password that is right writes nothing but its session; whether too many wrong ones were
/// given meanwhile is asked in that statement.
///
/// # Errors
/// [`LogInError`].
pub fn log_in<S: UserStore + SessionStore + ClientStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    passwords: &Passwords,
    tokens: &Tokens,
    guessing: &Guessing,
    command: &LogIn,
    act: &Act,
) -> Result<LoggedIn, LogInError> {
    // Before a password is hashed and a session opened for nothing.
    tokens.ready()?;
    let client = Identified::look(store, guessing, command.client.as_ref(), act)?;
    let client = client.using(Grant::Password)?;
    let username = command.username.as_ref();
    let known = command.device_token.as_deref();
    let attempt = guessing.log_in(username, guessing::address(act), known, tokens.now());
    let mut last_seen = Deed::new(Action::LogInRefused);
    let mut overtaken = None;
    for _ in 0..TRIES {
        let (credentials, admitted) = guessing.admit(store, username, &attempt, tokens.now())?;
        let now = || act.at(tokens.now());
        let mut checked = match check(passwords, credentials, command)? {
            Ok(checked) => checked,
            Err(deed) => return Err(refuse(store, guessing, &admitted, deed, &now())?),
        };
        last_seen = last_seen.on(checked.credentials.user.id);
        let scope = match grant(&checked.credentials.user, &client, &command.scope) {
            Ok(scope) => scope,
            Err(error) => {
                // It tells that the password is right.
                let still = guessing.still(store, &admitted, tokens.now());
                still.map_err(|error| guessing.given_up(error))?;
                store.record(&last_seen.detail("scope"), &now())?;
                return Err(error);
            }
        };
        let mut upgraded = false;
        if checked.upgrade {
            // It takes as long as another guess, and stays: both tell that the password is right.
            match guessing.still(store, &admitted, tokens.now()) {
                Ok(()) => {}
                Err(NotAdmitted::TooMany(error)) => {
                    overtaken = Some(error);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            upgraded = upgrade_hash(store, passwords, &mut checked, command)?;
        }
        let Credentials {
            user,
            password_hash,
        } = checked.credentials;
        let session = tokens.new_session(&user, &client, &scope, command.device.clone());
        match guessing.open(store, &admitted, &session, &password_hash, &now()) {
            Ok(true) => {}
            // Disabled, given another password or a stronger hash, since we read: look again.
            Ok(false) => continue,
            // Overtaken by wrong guesses. A device that is known has a budget of its own, which
            // shows when we look again.
            Err(NotAdmitted::TooMany(error)) => {
                overtaken = Some(error);
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let device_token = guessing.device_token(&user.username, attempt.device(), tokens.now());
        let first = Generation::FIRST;
        let mut granted = tokens.grant(user, session.id, first, client.name(), scope)?;
        granted.refresh_token = granted.refresh_token.filter(|_| client.may_refresh());
        return Ok(LoggedIn {
            granted,
            upgraded,
            device_token,
        });
    }
    if let Some(error) = overtaken {
        return Err(guessing.given_up(error.into()).into());
    }
    store.record(
        &last_seen.detail("changed meanwhile"),
        &act.at(tokens.now()),
    )?;
    Err(LogInError::Refused)
}

/// Counts a wrong guess and writes it down, with what it has used up: those that are not looked at
/// after it are not written down.
fn refuse<S: AuditStore + GuessStore + ?Sized>(
    store: &S,
    guessing: &Guessing,
    admitted: &Admitted,
    mut deed: Deed,
    act: &Act,
) -> Result<LogInError, LogInError> {
    let used_up = guessing.count(store, admitted, act.at)?;
    if let Some(detail) = deed.detail.as_mut().filter(|_| !used_up.is_empty()) {
        let used_up: Vec<&str> = used_up.iter().map(|guesser| guesser.as_str()).collect();
        *detail += "; too many guesses: ";
        *detail += &used_up.join(" ");
    }
    store.record(&deed, act)?;
    Ok(LogInError::Refused)
}

/// Somebody whose password is right.
struct Checked {
    credentials: Credentials,
    upgrade: bool,
}

/// Checks the password; otherwise, what is to be written down.
fn check(
    passwords: &Passwords,
    credentials: Option<Credentials>,
    command: &LogIn,
) -> Result<Result<Checked, Deed>, LogInError> {
    let stored = credentials.as_ref().map(|held| &held.password_hash);
    let check = super::hashing(|| passwords.check_blocking(&command.password, stored))?;
    let refused = Deed::new(Action::LogInRefused);
    Ok(match (check, credentials) {
        (_, None) => Err(refused.detail("unknown user")),
        (Check::Mismatch, Some(held)) => Err(refused.on(held.user.id).detail("wrong password")),
        (Check::Match { .. }, Some(held)) if !held.user.status.is_active() => {
            Err(refused.on(held.user.id).detail("disabled"))
        }
        (Check::Match { upgrade }, Some(credentials)) => Ok(Checked {
            credentials,
            upgrade,
        }),
    })
}

fn grant(user: &User, client: &Identified, asked: &ScopeSet) -> Result<ScopeSet, LogInError> {
    let allowed = client.narrow(&user.allowed_scopes());
    let scope = if asked.is_empty() {
        client.narrow(&User::default_scopes())
    } else {
        asked.clone()
    };
    // A token that is good for nothing helps nobody.
    if scope.is_empty() || !scope.is_subset(&allowed) {
        return Err(LogInError::Scope { allowed });
    }
    Ok(scope)
}

/// Moves the password to a hash of the configured cost. A user who cannot be upgraded just now,
/// because every arena is busy or the table is held, is logged in all the same and upgraded next
/// time.
fn upgrade_hash<S: UserStore + ?Sized>(
    store: &S,
    passwords: &Passwords,
    checked: &mut Checked,
    command: &LogIn,
) -> Result<bool, LogInError> {
    let stronger = match super::hashing(|| passwords.hash_blocking(&command.password)) {
        Ok(hash) => hash,
        Err(PasswordError::Busy { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let Credentials {
        user,
        password_hash,
    } = &mut checked.credentials;
    match store.upgrade_password_hash(user.id, password_hash, &stronger) {
        Ok(true) => {
            *password_hash = stronger;
            Ok(true)
        }
        Ok(false) | Err(StoreError::Unavailable(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
