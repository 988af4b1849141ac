use passgate_domain::audit::Act;
use passgate_domain::client::Grant;
use passgate_domain::ports::{AuditStore, ClientStore, GuessStore, SessionStore, StoreError};
use passgate_domain::session::{Device, Rotate, Rotation, SessionId};
use passgate_domain::{ScopeSet, UserId};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::authenticate::{ClientCredentials, ClientError, Identified};
use super::{Granted, Guessing, Tokens};
use crate::jwt::IssueError;

/// A refresh: RFC 6749 section 6.
#[derive(Debug)]
pub struct Refresh {
    /// What the client holds.
    pub refresh_token: SecretString,
    /// What the access token is to be used for; empty means all that the log-in gave.
    pub scope: ScopeSet,
    /// What the client says of itself. It has to be the one of the log-in, and to prove it if it is
    /// a registered one.
    pub client: Option<ClientCredentials>,
    /// Who is asking.
    pub device: Device,
}

/// Why there is no new token.
#[derive(Debug, Error)]
pub enum RefreshError {
    /// The token is none of ours, or its session has ended, or it is another client's.
    #[error("the refresh token is invalid, expired, revoked, or another client's")]
    Invalid,
    /// It is not for this client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The token was used up, and the session has ended because of it: somebody has a copy.
    #[error("the refresh token was used before")]
    Reused {
        /// The session that has ended.
        session: SessionId,
        /// Whose it was.
        user_id: UserId,
    },
    /// The scope is more than the session has.
    #[error("the scope is more than what was granted; allowed is: {allowed}")]
    Scope {
        /// What may be asked for.
        allowed: ScopeSet,
    },
    /// The token could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers a refresh token with the next one and a new access token.
///
/// A token that we did not make costs no query. The one before the newest gets the newest again
/// for a moment, so that a lost answer and two requests at once lose nothing; any other ends the
/// session. Roles are read anew, and a scope that the user or the client may not have any more is
/// left out.
///
/// # Errors
/// [`RefreshError`].
pub fn refresh<S: SessionStore + ClientStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    tokens: &Tokens,
    guessing: &Guessing,
    command: &Refresh,
    act: &Act,
) -> Result<Granted, RefreshError> {
    let presented = tokens
        .refresh_tokens()
        .read(command.refresh_token.expose_secret());
    let (id, generation) = presented.ok_or(RefreshError::Invalid)?;
    // Before the token is used up for an answer that cannot be given.
    tokens.ready()?;
    let client = Identified::look(store, guessing, command.client.as_ref(), act)?
        .using(Grant::RefreshToken)?;
    let rotate = Rotate {
        id,
        generation,
        presenter: client.presenter(),
        scope: command.scope.clone(),
        grace_since: tokens.grace_since(),
        idle_until: tokens.idle_until(),
        device: command.device.clone(),
    };
    let act = client.act(act).at(tokens.now());
    let (session, user) = match store.rotate_session(&rotate, &act)? {
        Rotation::Rotated { session, user } => (session, user),
        Rotation::Reused { user_id } => {
            return Err(RefreshError::Reused {
                session: id,
                user_id,
            });
        }
        Rotation::Mismatch {
            allowed: Some(allowed),
        } => {
            return Err(RefreshError::Scope { allowed });
        }
        Rotation::Mismatch { allowed: None } | Rotation::Ended => {
            return Err(RefreshError::Invalid);
        }
    };
    let asked = if command.scope.is_empty() {
        &session.scope
    } else {
        &command.scope
    };
    let may = client.narrow(&user.allowed_scopes());
    let scope = asked
        .iter()
        .filter(|scope| may.contains(scope.as_str()))
        .cloned()
        .collect();
    Ok(tokens.grant(user, id, session.generation, &session.client_id, scope)?)
}
