use std::collections::BTreeSet;

use passgate_domain::audit::Act;
use passgate_domain::client::{Client, ClientSecret, Grant, NewClient};
use passgate_domain::ports::{AddedSecret, ClientStore, CreateClientError, StoreError};
use passgate_domain::{ClientId, ScopeSet};
use thiserror::Error;

use crate::client_secret::{IssuedSecret, NoRandomness};

/// A client to be registered.
#[derive(Debug, Clone)]
pub struct RegisterClient {
    /// Its name for programs.
    pub id: ClientId,
    /// What people call it.
    pub name: Option<String>,
    /// How it may get tokens.
    pub grants: BTreeSet<Grant>,
    /// What its tokens may be used for at most.
    pub scope: ScopeSet,
}

/// Why no client was registered.
#[derive(Debug, Error)]
pub enum RegisterClientError {
    /// There is one of this id.
    #[error("there is a client of this id already")]
    Taken,
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreateClientError> for RegisterClientError {
    fn from(error: CreateClientError) -> Self {
        match error {
            CreateClientError::Taken => Self::Taken,
            CreateClientError::Store(error) => Self::Store(error),
        }
    }
}

/// Registers a client and makes its first secret, which is never seen again.
///
/// # Errors
/// [`RegisterClientError`]; nothing is written then.
pub fn register_client<S: ClientStore + ?Sized>(
    store: &S,
    command: RegisterClient,
    act: &Act,
) -> Result<(Client, IssuedSecret), RegisterClientError> {
    let RegisterClient {
        id,
        name,
        grants,
        scope,
    } = command;
    let secret = IssuedSecret::generate()?;
    let new = NewClient {
        id,
        name,
        grants,
        scope,
        secret: secret.to_keep(),
    };
    Ok((store.create_client(&new, act)?, secret))
}

/// Why a client got no further secret.
#[derive(Debug, Error)]
pub enum AddSecretError {
    /// There is no such client.
    #[error("there is no such client")]
    NoClient,
    /// It has two.
    #[error("the client has two secrets: remove one of them first")]
    Full,
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives a client one more secret, so that it can go over to it before the other is removed.
///
/// # Errors
/// [`AddSecretError`]; nothing is written then.
pub fn add_client_secret<S: ClientStore + ?Sized>(
    store: &S,
    id: &ClientId,
    act: &Act,
) -> Result<(ClientSecret, IssuedSecret), AddSecretError> {
    let secret = IssuedSecret::generate()?;
    match store.add_client_secret(id, &secret.to_keep(), act)? {
        AddedSecret::Added(kept) => Ok((kept, secret)),
        AddedSecret::Full => Err(AddSecretError::Full),
        AddedSecret::NoClient => Err(AddSecretError::NoClient),
    }
}
