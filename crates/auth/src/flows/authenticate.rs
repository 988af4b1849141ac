use std::fmt;

use passgate_domain::audit::{Act, Action, Actor, Deed};
use passgate_domain::client::{Client, Grant};
use passgate_domain::ports::{AuditStore, ClientStore, GuessStore, StoreError};
use passgate_domain::session::Presenter;
use passgate_domain::token::FIRST_PARTY_CLIENT;
use passgate_domain::{ClientId, ScopeSet};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{Guessing, TooManyGuesses};
use crate::client_secret;

/// What a client says of itself (RFC 6749 section 2.3.1).
#[derive(Clone)]
pub struct ClientCredentials {
    /// Its id, or a label.
    pub id: String,
    /// What proves it.
    pub secret: Option<SecretString>,
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A client gets nothing.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Unknown, disabled, without a secret or with another one: which is nobody's business.
    #[error("the client is unknown or disabled, or its secret is not the right one")]
    Refused,
    /// It is who it says, and may not get tokens this way.
    #[error("the client may not use the grant {0}")]
    Grant(Grant),
    /// It did not prove itself, as too many before it from the same address; or it did, and got too
    /// many tokens for itself.
    #[error(transparent)]
    TooMany(#[from] TooManyGuesses),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Insists on a registered client that proves itself.
///
/// Whether it is unknown, disabled or has another secret, the work is the same: one read, one
/// comparison, one event.
///
/// # Errors
/// [`ClientError`], but for [`ClientError::Grant`].
pub(super) fn authenticate<S: ClientStore + AuditStore + GuessStore + ?Sized>(
    store: &S,
    guessing: &Guessing,
    credentials: &ClientCredentials,
    act: &Act,
) -> Result<Client, ClientError> {
    let found = match ClientId::parse(&credentials.id) {
        Ok(id) => store.find_client(&id)?,
        Err(_) => None,
    };
    prove(store, guessing, found, credentials.secret.as_ref(), act)
}

/// What is known of whoever asks for something that users may have without a client.
pub(super) enum Identified {
    Nobody,
    Label(String),
    Client(Box<Client>),
}

impl Identified {
    /// Looks whether the name is a registered client's. This one has to prove itself; any other
    /// name is a label. Whoever gives none costs no query.
    pub(super) fn look<S: ClientStore + AuditStore + GuessStore + ?Sized>(
        store: &S,
        guessing: &Guessing,
        credentials: Option<&ClientCredentials>,
        act: &Act,
    ) -> Result<Self, ClientError> {
        let Some(ClientCredentials { id, secret }) = credentials else {
            return Ok(Self::Nobody);
        };
        let found = match ClientId::parse(id) {
            Ok(id) => store.find_client(&id)?,
            Err(_) => None,
        };
        if found.is_none() {
            return Ok(Self::Label(id.clone()));
        }
        let client = prove(store, guessing, found, secret.as_ref(), act)?;
        Ok(Self::Client(Box::new(client)))
    }

    /// Insists that a registered client may use the grant.
    pub(super) fn using(self, grant: Grant) -> Result<Self, ClientError> {
        match self.client() {
            Some(client) if !client.may(grant) => Err(ClientError::Grant(grant)),
            _ => Ok(self),
        }
    }

    pub(super) fn client(&self) -> Option<&Client> {
        match self {
            Self::Client(client) => Some(client),
            Self::Nobody | Self::Label(_) => None,
        }
    }

    /// The `client_id` of its tokens.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Nobody => FIRST_PARTY_CLIENT,
            Self::Label(label) => label,
            Self::Client(client) => client.id.as_str(),
        }
    }

    pub(super) fn presenter(&self) -> Presenter {
        match self {
            Self::Nobody => Presenter::Nobody,
            Self::Label(label) => Presenter::Label(label.clone()),
            Self::Client(client) => Presenter::Client(client.id.clone()),
        }
    }

    /// What is left of a scope for this client's tokens.
    pub(super) fn narrow(&self, scope: &ScopeSet) -> ScopeSet {
        let may = |name: &str| {
            self.client()
                .is_none_or(|client| client.scope.contains(name))
        };
        scope
            .iter()
            .filter(|scope| may(scope.as_str()))
            .cloned()
            .collect()
    }

    /// Whether its users get a refresh token.
    pub(super) fn may_refresh(&self) -> bool {
        self.client()
            .is_none_or(|client| client.may(Grant::RefreshToken))
    }

    /// The act, by the client if it is proved.
    pub(super) fn act(&self, act: &Act) -> Act {
        match self.client() {
            Some(client) => act.by(Actor::Client(client.id.clone())),
            None => act.clone(),
        }
    }
}

fn prove<S: AuditStore + GuessStore + ?Sized>(
    store: &S,
    guessing: &Guessing,
    found: Option<Client>,
    secret: Option<&SecretString>,
    act: &Act,
) -> Result<Client, ClientError> {
    let kept = found.as_ref().map(|client| &client.secrets[..]);
    let is_right = secret
        .map(|secret| client_secret::is_one_of(secret.expose_secret(), kept.unwrap_or_default()));
    let refused = Deed::new(Action::ClientRefused);
    let refused = match (found, is_right) {
        (Some(client), Some(true)) if client.is_enabled() => return Ok(client),
        (Some(client), is_right) => refused.target(&client.id).detail(match is_right {
            Some(true) => "disabled",
            Some(false) => "wrong secret",
            None => "no secret",
        }),
        // Not by its name: people paste secrets there.
        (None, _) => refused.detail("unknown client"),
    };
    guessing.count_client(store, act)?;
    store.record(&refused, act)?;
    Err(ClientError::Refused)
}
