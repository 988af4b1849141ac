use passgate_domain::audit::Actor;
use passgate_domain::client::Client;
use passgate_domain::ports::{ClientStore, SessionStore, StoreError};
use passgate_domain::session::SessionId;
use passgate_domain::token::TokenClaims;
use passgate_domain::{ClientId, User};
use time::OffsetDateTime;

use crate::jwt::Verified;

/// Whose a token is, now.
#[derive(Debug, Clone)]
pub enum Holder {
    /// A user's, of a session that lives.
    User {
        /// The user as it is now.
        user: User,
        /// The session.
        session: SessionId,
    },
    /// A client's own.
    Client(Client),
}

impl Holder {
    /// Looks whose a token is: for us a token ends with its session or its client, whatever its
    /// `exp` says. `None` if it has ended. One query at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find<S: SessionStore + ClientStore + ?Sized>(
        store: &S,
        token: &Verified<TokenClaims>,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, StoreError> {
        if let Some(session) = token.extra().sid {
            let user = store.find_session_user(session, now)?;
            return Ok(user.map(|user| Self::User { user, session }));
        }
        let Some(id) = client_of(token) else {
            return Ok(None);
        };
        let client = store.find_client(&id)?;
        let honours = |client: &Client| client.honours(token.issued_at());
        Ok(client.filter(honours).map(Self::Client))
    }

    /// Whether whoever holds the token could still ask for a scope: a user, for a token of its client.
    /// Where this is a registered one, that is one query more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn may<S: ClientStore + ?Sized>(
        &self,
        store: &S,
        token: &Verified<TokenClaims>,
        scope: &str,
    ) -> Result<bool, StoreError> {
        let user = match self {
            Self::User { user, .. } => user,
            Self::Client(client) => return Ok(client.own_scope().contains(scope)),
        };
        if !user.allowed_scopes().contains(scope) {
            return Ok(false);
        }
        let client = token.client_id().and_then(|id| ClientId::parse(id).ok());
        let registered = match client {
            Some(client) => store.find_client(&client)?,
            None => None,
        };
        Ok(registered.is_none_or(|client| client.scope.contains(scope)))
    }

    /// Who acts with the token.
    pub fn actor(&self) -> Actor {
        match self {
            Self::User { user, .. } => Actor::User(user.id),
            Self::Client(client) => Actor::Client(client.id.clone()),
        }
    }
}

/// The client whose own token this is: it is about the client, and no user's.
pub(super) fn client_of(token: &Verified<TokenClaims>) -> Option<ClientId> {
    let claims = token.extra();
    if claims.user_id.is_some() || claims.sid.is_some() {
        return None;
    }
    let id = ClientId::of_subject(token.subject().as_str())?;
    (token.client_id() == Some(id.as_str())).then_some(id)
}
