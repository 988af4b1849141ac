use passgate_domain::ClientId;
use passgate_domain::audit::Act;
use passgate_domain::ports::{AuditStore, ClientStore, GuessStore, SessionStore, StoreError};
use passgate_domain::session::{Revocation, SessionId};
use passgate_domain::token::TokenClaims;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::authenticate::{ClientCredentials, ClientError, Identified};
use super::holder::client_of;
use super::{Guessing, Tokens};
use crate::jwt::Verifier;

/// A wish that a token be good for nothing any more: RFC 7009.
#[derive(Debug)]
pub struct Revoke {
    /// The token, of either kind.
    pub token: SecretString,
    /// Who wishes it, if it says.
    pub client: Option<ClientCredentials>,
}

/// What a revocation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It ended a session.
    Session(SessionId),
    /// Nothing: the token is none of ours, or ended before (RFC 7009 section 2.2: no error).
    Nothing,
}

/// Why a token is as good as before.
#[derive(Debug, Error)]
pub enum RevokeError {
    /// The client has to prove itself.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It was given to another client.
    #[error("the token was given to another client")]
    OtherClient,
    /// It is a client's own: it belongs to no session that could be ended.
    #[error(
        "a client's own token cannot be revoked: it ends when it expires, and when its client is \
         disabled"
    )]
    ClientToken,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a token belongs to.
enum Owner {
    Session(SessionId),
    Client(ClientId),
}

/// Ends the session of a token, of either kind (RFC 7009). The sessions of a registered client are
/// for this client to end; any other, for whoever holds a token of it.
///
/// # Errors
/// [`RevokeError`].
pub fn revoke<S: SessionStore + ClientStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    tokens: &Tokens,
    verifier: &Verifier<TokenClaims>,
    guessing: &Guessing,
    command: &Revoke,
    act: &Act,
) -> Result<Revoked, RevokeError> {
    let asking = Identified::look(store, guessing, command.client.as_ref(), act)?;
    let client = asking.client().map(|client| &client.id);
    let stranger = || match client {
        Some(_) => RevokeError::OtherClient,
        None => ClientError::Refused.into(),
    };
    match owner(tokens, verifier, &command.token) {
        None => Ok(Revoked::Nothing),
        Some(Owner::Session(session)) => {
            match store.revoke_session(session, client, &asking.act(act))? {
                Revocation::Ended => Ok(Revoked::Session(session)),
                Revocation::NotAlive => Ok(Revoked::Nothing),
                Revocation::OtherClient => Err(stranger()),
            }
        }
        Some(Owner::Client(owner)) if client == Some(&owner) => Err(RevokeError::ClientToken),
        Some(Owner::Client(_)) => Err(stranger()),
    }
}

fn owner(tokens: &Tokens, verifier: &Verifier<TokenClaims>, token: &SecretString) -> Option<Owner> {
    let text = token.expose_secret();
    if let Some((session, _)) = tokens.refresh_tokens().read(text) {
        return Some(Owner::Session(session));
    }
    let token = verifier.verify_now(text).ok()?;
    match token.extra().sid {
        Some(session) => Some(Owner::Session(session)),
        None => client_of(&token).map(Owner::Client),
    }
}
