use time::OffsetDateTime;

use super::sessions::HeldSession;
use super::{MemoryStore, State};
use crate::ClientId;
use crate::audit::{Act, Action, Deed};
use crate::client::{Client, ClientChange, ClientSecret, NewClient, NewClientSecret, Slot};
use crate::ports::{AddedSecret, ClientStore, CreateClientError, StoreError};
use crate::session::Session;

impl State {
    /// Whether a session's client, if it is a registered one, is there and may be used.
    pub(super) fn client_allows(&self, held: &HeldSession) -> bool {
        let session = &held.session;
        let is_usable =
            |client: &Client| client.is_enabled() && client.created_at <= session.created_at;
        !session.of_client || self.client_named(session).is_some_and(is_usable)
    }

    /// Whether a session is for a registered client alone.
    pub(super) fn is_clients(&self, held: &HeldSession) -> bool {
        held.session.of_client || self.client_named(&held.session).is_some()
    }

    fn client_named(&self, session: &Session) -> Option<&Client> {
        self.clients.get(&ClientId::parse(&session.client_id).ok()?)
    }
}

fn kept(secret: &NewClientSecret, slot: Slot, now: OffsetDateTime) -> ClientSecret {
    let NewClientSecret { digest, hint } = secret.clone();
    ClientSecret {
        slot,
        digest,
        hint,
        created_at: now,
    }
}

impl ClientStore for MemoryStore {
    fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.state().clients.get(id).cloned())
    }

    fn list_clients(
        &self,
        after: Option<&ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError> {
        let state = self.state();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let later = state
            .clients
            .values()
            .filter(|client| Some(&client.id) > after);
        Ok(later.take(limit).cloned().collect())
    }

    fn create_client(&self, client: &NewClient, act: &Act) -> Result<Client, CreateClientError> {
        let state = &mut *self.state();
        if state.clients.contains_key(&client.id) {
            return Err(CreateClientError::Taken);
        }
        let NewClient {
            id,
            name,
            grants,
            scope,
            secret,
        } = client.clone();
        let client = Client {
            id: id.clone(),
            name,
            grants,
            scope,
            disabled_since: None,
            secrets: vec![kept(&secret, Slot::First, act.at)],
            created_at: act.at,
            updated_at: act.at,
        };
        state.record(Deed::new(Action::ClientCreated).target(&id), act);
        state.clients.insert(id, client.clone());
        Ok(client)
    }

    fn update_client(
        &self,
        id: &ClientId,
        change: &ClientChange,
        act: &Act,
    ) -> Result<Option<Client>, StoreError> {
        let mut state = self.state();
        let Some(client) = state.clients.get_mut(id) else {
            return Ok(None);
        };
        let changed = change.apply(client, act.at);
        let client = client.clone();
        if !changed.is_empty() {
            let deed = Deed::new(Action::ClientChanged).target(id);
            state.record(deed.detail(changed.join(" ")), act);
        }
        Ok(Some(client))
    }

    fn delete_client(&self, id: &ClientId, act: &Act) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_deleted = state.clients.remove(id).is_some();
        if is_deleted {
            state.record(Deed::new(Action::ClientDeleted).target(id), act);
        }
        Ok(is_deleted)
    }

    fn add_client_secret(
        &self,
        id: &ClientId,
        secret: &NewClientSecret,
        act: &Act,
    ) -> Result<AddedSecret, StoreError> {
        let mut state = self.state();
        let Some(client) = state.clients.get_mut(id) else {
            return Ok(AddedSecret::NoClient);
        };
        let is_free = |slot: &Slot| client.secrets.iter().all(|held| held.slot != *slot);
        let Some(slot) = Slot::ALL.into_iter().find(is_free) else {
            return Ok(AddedSecret::Full);
        };
        let secret = kept(secret, slot, client.secret_time(act.at));
        client.secrets.push(secret.clone());
        client.secrets.sort_by_key(|held| held.slot);
        client.updated_at = act.at;
        let deed = Deed::new(Action::ClientSecretAdded).target(id);
        state.record(deed.detail(format!("slot {slot}")), act);
        Ok(AddedSecret::Added(secret))
    }

    fn remove_client_secret(
        &self,
        id: &ClientId,
        slot: Slot,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(client) = state.clients.get_mut(id) else {
            return Ok(false);
        };
        let held = client.secrets.len();
        client.secrets.retain(|secret| secret.slot != slot);
        if client.secrets.len() == held {
            return Ok(false);
        }
        client.updated_at = act.at;
        let deed = Deed::new(Action::ClientSecretRemoved).target(id);
        state.record(deed.detail(format!("slot {slot}")), act);
        Ok(true)
    }
}
