use passgate_domain::audit::Act;
use passgate_domain::ports::{SessionStore, StoreError};
use passgate_domain::session::{EndReason, SessionId};
use passgate_domain::token::UserClaims;
use secrecy::{ExposeSecret, SecretString};

use super::Tokens;
use crate::jwt::Verifier;

/// What a revocation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It ended a session.
    Session(SessionId),
    /// Nothing: the token is none of ours, or ended before (RFC 7009 section 2.2: no error).
    Nothing,
}

/// Ends the session of a token, of either kind (RFC 7009).
///
/// # Errors
/// [`StoreError`].
pub fn revoke<S: SessionStore + ?Sized>(
    store: &S,
    tokens: &Tokens,
    verifier: &Verifier<UserClaims>,
    token: &SecretString,
    act: &Act,
) -> Result<Revoked, StoreError> {
    let text = token.expose_secret();
    let session = match tokens.refresh_tokens().read(text) {
        Some((session, _)) => Some(session),
        None => verifier
            .verify_now(text)
            .ok()
            .and_then(|verified| verified.extra().sid),
    };
    let Some(session) = session else {
        return Ok(Revoked::Nothing);
    };
    let ended = store.end_session(session, EndReason::Revoked, act)?;
    Ok(if ended {
        Revoked::Session(session)
    } else {
        Revoked::Nothing
    })
}
