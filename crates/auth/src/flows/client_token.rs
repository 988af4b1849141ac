use passgate_domain::ScopeSet;
use passgate_domain::audit::{Act, Action, Actor, Deed};
use passgate_domain::client::{Client, Grant};
use passgate_domain::ports::{AuditStore, ClientStore, GuessStore, StoreError};
use thiserror::Error;

use super::authenticate::{ClientCredentials, ClientError, authenticate};
use super::{ClientGranted, Guessing, Tokens};
use crate::jwt::IssueError;

/// A client's wish for a token of its own: RFC 6749 section 4.4.
#[derive(Debug)]
pub struct ClientToken {
    /// Who.
    pub client: ClientCredentials,
    /// What the token is to be used for; empty means all that the client may.
    pub scope: ScopeSet,
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum ClientTokenError {
    /// It is not for this client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The client may not have these scopes for itself.
    #[error("the client may not have the scope asked for; allowed is: {allowed}")]
    Scope {
        /// What may be asked for.
        allowed: ScopeSet,
    },
    /// The token could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<StoreError> for ClientTokenError {
    fn from(error: StoreError) -> Self {
        Self::Client(error.into())
    }
}

/// Gives a client an access token of its own. It belongs to no session: it ends when it expires, or
/// when its client is disabled, deleted or left without a secret.
///
/// # Errors
/// [`ClientTokenError`].
pub fn client_token<S: ClientStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    tokens: &Tokens,
    guessing: &Guessing,
    command: &ClientToken,
    act: &Act,
) -> Result<ClientGranted, ClientTokenError> {
    let grant = Grant::ClientCredentials;
    let client = authenticate(store, guessing, &command.client, act)?;
    if !client.may(grant) {
        return Err(ClientError::Grant(grant).into());
    }
    let scope = own_scope(&client, &command.scope)?;
    let counted = guessing.count_token(store, &client.id, act.at);
    counted.map_err(ClientError::TooMany)?;
    let granted = tokens.grant_to_client(&client, scope)?;
    let deed = Deed::new(Action::ClientTokenIssued).target(&client.id);
    let deed = deed.detail(granted.access_token.token_id());
    let act = act.by(Actor::Client(client.id));
    store.record(&deed, &act.at(tokens.now()))?;
    Ok(granted)
}

fn own_scope(client: &Client, asked: &ScopeSet) -> Result<ScopeSet, ClientTokenError> {
    let allowed = client.own_scope();
    if !asked.is_subset(&allowed) {
        return Err(ClientTokenError::Scope { allowed });
    }
    Ok(if asked.is_empty() {
        allowed
    } else {
        asked.clone()
    })
}
