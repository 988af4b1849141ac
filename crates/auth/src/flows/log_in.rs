use std::time::Duration;

use passgate_domain::ports::{StoreError, UserStore};
use passgate_domain::token::{FIRST_PARTY_CLIENT, UserClaims};
use passgate_domain::{Credentials, Password, ScopeSet, User, Username};
use thiserror::Error;

use crate::jwt::{Audience, IssueError, Issuer, Minted, Subject};
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
    /// The client's label, if it gave one.
    pub client_id: Option<String>,
}

/// A log-in that succeeded.
#[derive(Debug)]
pub struct LoggedIn {
    /// The token.
    pub access_token: Minted,
    /// What it may be used for.
    pub scope: ScopeSet,
    /// Whose it is.
    pub user: User,
    /// Whether the stored hash was replaced by one of the configured cost.
    pub upgraded: bool,
}

/// Why nobody was logged in.
#[derive(Debug, Error)]
pub enum LogInError {
    /// Unknown user, wrong password or disabled user: which one is nobody's business.
    #[error("incorrect username or password")]
    Refused,
    /// The password is right, and the user may not have these scopes.
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
    /// How long to wait before trying again, where the refusal is for want of capacity.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Password(PasswordError::Busy { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }
}

/// Logs somebody in.
///
/// Whether the user is unknown, the password wrong or the account disabled, the work is the
/// same: one read, one password check, no write, and [`LogInError::Refused`].
///
/// # Errors
/// [`LogInError`].
pub fn log_in<S: UserStore + ?Sized>(
    store: &S,
    passwords: &Passwords,
    issuer: &Issuer,
    audience: &Audience,
    command: LogIn,
) -> Result<LoggedIn, LogInError> {
    let LogIn {
        username,
        password,
        scope,
        client_id,
    } = command;
    let credentials = match &username {
        Some(username) => store.find_credentials(username)?,
        None => None,
    };
    let stored = credentials.as_ref().map(|held| &held.password_hash);
    let check = passwords.check_blocking(&password, stored)?;
    let (Check::Match { upgrade }, Some(credentials)) = (check, credentials) else {
        return Err(LogInError::Refused);
    };
    if !credentials.user.status.is_active() {
        return Err(LogInError::Refused);
    }
    let scope = grant(&credentials.user, scope)?;
    let upgraded = upgrade && upgrade_hash(store, passwords, &credentials, &password)?;
    let access_token = issue(
        issuer,
        audience,
        &credentials.user,
        &scope,
        client_id.as_deref(),
    )?;
    Ok(LoggedIn {
        access_token,
        scope,
        user: credentials.user,
        upgraded,
    })
}

fn grant(user: &User, asked: ScopeSet) -> Result<ScopeSet, LogInError> {
    if asked.is_empty() {
        return Ok(User::default_scopes());
    }
    let allowed = user.allowed_scopes();
    if asked.is_subset(&allowed) {
        Ok(asked)
    } else {
        Err(LogInError::Scope { allowed })
    }
}

/// Moves the password to a hash of the configured cost. A user who cannot be upgraded just now,
/// because every arena is busy, is logged in all the same and upgraded next time.
fn upgrade_hash<S: UserStore + ?Sized>(
    store: &S,
    passwords: &Passwords,
    credentials: &Credentials,
    password: &Password,
) -> Result<bool, LogInError> {
    let stronger = match passwords.hash_blocking(password) {
        Ok(hash) => hash,
        Err(PasswordError::Busy { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    match store.upgrade_password_hash(credentials.user.id, &credentials.password_hash, &stronger) {
        Err(StoreError::Unavailable(_)) => Ok(false),
        outcome => Ok(outcome?),
    }
}

fn issue(
    issuer: &Issuer,
    audience: &Audience,
    user: &User,
    scope: &ScopeSet,
    client_id: Option<&str>,
) -> Result<Minted, IssueError> {
    let subject = Subject::parse(user.username.as_str())?;
    let claims = UserClaims {
        user_id: user.id,
        sid: None,
    };
    issuer
        .access(&subject, audience)
        .scope(scope)
        .roles(&user.roles)
        .client_id(client_id.unwrap_or(FIRST_PARTY_CLIENT))
        .extra(&claims)
        .sign()
}
