use thiserror::Error;

use super::StoreError;
use crate::ClientId;
use crate::audit::Act;
use crate::client::{Client, ClientChange, ClientSecret, NewClient, NewClientSecret, Slot};

/// A client could not be registered. Nothing was written.
#[derive(Debug, Error)]
pub enum CreateClientError {
    /// There is a client of this id.
    #[error("there is a client of this id already")]
    Taken,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What came of a wish for one more secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddedSecret {
    /// It is there.
    Added(ClientSecret),
    /// Both slots are in use. Nothing was written.
    Full,
    /// There is no such client.
    NoClient,
}

/// Where clients are kept.
pub trait ClientStore: Send + Sync {
    /// Reads one client with its secrets, the first slot first.
    ///
    /// MUST find disabled clients too: whether they may be used is not the store's business.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError>;

    /// Reads clients, at most `limit`, by id, byte by byte; those after `after`. Whoever asks again
    /// after the last one of a page MUST see every client that was there all along exactly once,
    /// whatever is added or deleted meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list_clients(&self, after: Option<&ClientId>, limit: u32)
    -> Result<Vec<Client>, StoreError>;

    /// Registers an enabled client with one secret, in the first slot:
    /// [`Action::ClientCreated`](crate::audit::Action::ClientCreated).
    ///
    /// Of any number of concurrent calls with one id, exactly one MUST succeed and the others MUST
    /// return [`CreateClientError::Taken`].
    ///
    /// # Errors
    /// [`CreateClientError`]; nothing is written then.
    fn create_client(&self, client: &NewClient, act: &Act) -> Result<Client, CreateClientError>;

    /// Changes a client as [`ClientChange::apply`] says, and returns it as it is then; `None` if
    /// there is none. Where nothing is to be changed, MUST change nothing:
    /// [`Action::ClientChanged`](crate::audit::Action::ClientChanged). Of concurrent changes none
    /// MUST be lost.
    ///
    /// # Errors
    /// [`StoreError`].
    fn update_client(
        &self,
        id: &ClientId,
        change: &ClientChange,
        act: &Act,
    ) -> Result<Option<Client>, StoreError>;

    /// Deletes a client and its secrets; `false` if there is none. Sessions that it opened are good
    /// for nothing from then on, even if another client of the same id is registered later:
    /// [`Action::ClientDeleted`](crate::audit::Action::ClientDeleted).
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete_client(&self, id: &ClientId, act: &Act) -> Result<bool, StoreError>;

    /// Keeps one more secret in the first slot that is free:
    /// [`Action::ClientSecretAdded`](crate::audit::Action::ClientSecretAdded). It was made when
    /// [`Client::secret_time`] says. Of concurrent calls no more MUST succeed than there are slots free.
    ///
    /// # Errors
    /// [`StoreError`].
    fn add_client_secret(
        &self,
        id: &ClientId,
        secret: &NewClientSecret,
        act: &Act,
    ) -> Result<AddedSecret, StoreError>;

    /// Forgets a secret; `false` if there is none in the slot:
    /// [`Action::ClientSecretRemoved`](crate::audit::Action::ClientSecretRemoved).
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_client_secret(
        &self,
        id: &ClientId,
        slot: Slot,
        act: &Act,
    ) -> Result<bool, StoreError>;
}
