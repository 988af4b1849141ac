use std::collections::BTreeSet;

use passgate_domain::audit::Act;
use passgate_domain::ports::{AuditStore, ClientStore, GuessStore, SessionStore, StoreError};
use passgate_domain::session::{Generation, SessionId};
use passgate_domain::token::TokenClaims;
use passgate_domain::{Role, Scope, ScopeSet, UserId};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use time::OffsetDateTime;

use super::authenticate::{ClientCredentials, ClientError, authenticate};
use super::{Guessing, Holder, Tokens};
use crate::jwt::{Forbidden, Verified, Verifier};

/// Who asks what a token is worth.
#[derive(Debug)]
pub enum Introspector {
    /// A registered client.
    Client(ClientCredentials),
    /// Somebody with a token for asking.
    Bearer(Box<Verified<TokenClaims>>),
}

/// Which kind of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// For services.
    Access,
    /// For the next access token.
    Refresh,
}

/// What a token is worth now (RFC 7662 section 2.2). One that is worth nothing has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// Which kind it is.
    pub kind: TokenKind,
    /// What it may be used for.
    pub scope: ScopeSet,
    /// The client that it was given to.
    pub client_id: Option<String>,
    /// Whom it is about.
    pub subject: String,
    /// The name of the user, unless it is a client's own.
    pub username: Option<String>,
    /// The number of the user.
    pub user_id: Option<UserId>,
    /// The session that it belongs to.
    pub session: Option<SessionId>,
    /// What the user is, as the token says.
    pub roles: BTreeSet<Role>,
    /// Who made it.
    pub issuer: String,
    /// Whom it is for, if it is for services.
    pub audience: Option<String>,
    /// The token's own name.
    pub token_id: Option<String>,
    /// When it was made, as far as it is known.
    pub issued_at: Option<OffsetDateTime>,
    /// When it ends unless something happens before.
    pub expires_at: OffsetDateTime,
}

/// Why nobody is told what a token is worth.
#[derive(Debug, Error)]
pub enum IntrospectError {
    /// The client has to prove itself.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The token that asks is good, and not for asking.
    #[error(transparent)]
    Forbidden(Forbidden),
    /// The token that asks has ended.
    #[error("the token that asks has ended")]
    Ended,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tells what a token of either kind is worth now; `None` if nothing. Changes nothing: a refresh
/// token stays as good as it was.
///
/// One query finds out who asks, one more what a user's client may, and one what the token is worth.
///
/// # Errors
/// [`IntrospectError`].
pub fn introspect<S: SessionStore + ClientStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    tokens: &Tokens,
    verifier: &Verifier<TokenClaims>,
    guessing: &Guessing,
    asking: &Introspector,
    token: &SecretString,
    act: &Act,
) -> Result<Option<Introspection>, IntrospectError> {
    admit(store, guessing, asking, act)?;
    let text = token.expose_secret();
    if let Some((session, generation)) = tokens.refresh_tokens().read(text) {
        return Ok(of_refresh_token(store, tokens, session, generation)?);
    }
    match verifier.verify_now(text) {
        // No leeway for clocks: what it is worth is asked now, and of us.
        Ok(token) if token.expires_at() > tokens.now() => {
            Ok(of_access_token(store, tokens, &token)?)
        }
        _ => Ok(None),
    }
}

fn admit<S: SessionStore + ClientStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    guessing: &Guessing,
    asking: &Introspector,
    act: &Act,
) -> Result<(), IntrospectError> {
    let token = match asking {
        Introspector::Client(credentials) => {
            authenticate(store, guessing, credentials, act)?;
            return Ok(());
        }
        Introspector::Bearer(token) => token,
    };
    let scope = Scope::INTROSPECT;
    token
        .require_scope(scope)
        .map_err(IntrospectError::Forbidden)?;
    let holder = Holder::find(store, token, act.at)?.ok_or(IntrospectError::Ended)?;
    if holder.may(store, token, scope)? {
        Ok(())
    } else {
        Err(IntrospectError::Forbidden(Forbidden::Scope(
            scope.to_owned(),
        )))
    }
}

fn of_refresh_token<S: SessionStore + ?Sized>(
    store: &S,
    tokens: &Tokens,
    session: SessionId,
    generation: Generation,
) -> Result<Option<Introspection>, StoreError> {
    let live = store.find_live_session(session, tokens.now())?;
    let Some(live) = live.filter(|live| live.accepts(generation, tokens.grace_since())) else {
        return Ok(None);
    };
    // Of the generation before, nothing is kept.
    let is_newest = generation == live.session.generation;
    let username = live.user.username.as_str().to_owned();
    Ok(Some(Introspection {
        kind: TokenKind::Refresh,
        scope: live.session.scope,
        client_id: Some(live.session.client_id),
        subject: username.clone(),
        username: Some(username),
        user_id: Some(live.user.id),
        session: Some(session),
        roles: BTreeSet::new(),
        issuer: tokens.issuer_id().to_string(),
        audience: None,
        token_id: None,
        issued_at: is_newest.then_some(live.rotated_at),
        expires_at: live.session.idle_until.min(live.session.expires_at),
    }))
}

fn of_access_token<S: SessionStore + ClientStore + ?Sized>(
    store: &S,
    tokens: &Tokens,
    token: &Verified<TokenClaims>,
) -> Result<Option<Introspection>, StoreError> {
    let username = match Holder::find(store, token, tokens.now())? {
        None => return Ok(None),
        Some(Holder::User { user, .. }) => Some(user.username.as_str().to_owned()),
        Some(Holder::Client(_)) => None,
    };
    Ok(Some(Introspection {
        kind: TokenKind::Access,
        scope: token.scopes().clone(),
        client_id: token.client_id().map(str::to_owned),
        subject: token.subject().to_string(),
        username,
        user_id: token.extra().user_id,
        session: token.extra().sid,
        roles: token.roles().clone(),
        issuer: tokens.issuer_id().to_string(),
        audience: Some(tokens.audience().to_string()),
        token_id: Some(token.token_id().to_owned()),
        issued_at: Some(token.issued_at()),
        expires_at: token.expires_at(),
    }))
}
