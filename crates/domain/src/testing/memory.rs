mod sessions;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use self::sessions::HeldSession;
use crate::ports::{
    CreateUserError, ImportConflict, ImportSummary, ImportUsersError, SigningKeyStore, StoreError,
    UniqueField, UserPage, UserStore,
};
use crate::session::{EndReason, SessionId};
use crate::signing_key::{SigningKeyState, StoredSigningKey};
use crate::{
    Credentials, ImportedUser, NewUser, PasswordHash, Patch, ProfileChange, User, UserId,
    UserStatus, Username,
};

/// A store that forgets everything when dropped. It keeps the same contract as the real one.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    users: BTreeMap<UserId, Credentials>,
    last_id: i64,
    keys: Vec<StoredSigningKey>,
    sessions: BTreeMap<SessionId, HeldSession>,
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn holder(&self, field: UniqueField, user: &NewUser, id: Option<UserId>) -> Option<UserId> {
        let holds = |held: &&Credentials| match field {
            UniqueField::Id => Some(held.user.id) == id,
            UniqueField::Username => held.user.username == user.username,
            UniqueField::Email => user.email.is_some() && held.user.email == user.email,
        };
        self.users.values().find(holds).map(|held| held.user.id)
    }

    fn insert(&mut self, id: UserId, user: &NewUser, status: UserStatus, now: OffsetDateTime) {
        self.last_id = self.last_id.max(id.get());
        let password_hash = user.password_hash.clone();
        let user = User {
            id,
            username: user.username.clone(),
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            roles: user.roles.clone(),
            status,
            created_at: now,
            updated_at: now,
        };
        self.users.insert(
            id,
            Credentials {
                user,
                password_hash,
            },
        );
    }

    fn next_id(&self) -> Result<UserId, StoreError> {
        UserId::try_new(self.last_id + 1).map_err(|cause| StoreError::Internal(cause.into()))
    }
}

impl UserStore for MemoryStore {
    fn find_credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        Ok(self
            .state()
            .users
            .values()
            .find(|held| held.user.username == *username)
            .cloned())
    }

    fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state().users.get(&id).map(|held| held.user.clone()))
    }

    fn list_users(&self, page: UserPage) -> Result<Vec<User>, StoreError> {
        let state = self.state();
        let after = state
            .users
            .values()
            .filter(|held| Some(held.user.id) > page.after);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        Ok(after.take(limit).map(|held| held.user.clone()).collect())
    }

    fn create_user(&self, user: &NewUser, now: OffsetDateTime) -> Result<User, CreateUserError> {
        let mut state = self.state();
        for field in [UniqueField::Username, UniqueField::Email] {
            if state.holder(field, user, None).is_some() {
                return Err(CreateUserError::Taken(field));
            }
        }
        let id = state.next_id()?;
        state.insert(id, user, UserStatus::Active, now);
        Ok(state.users[&id].user.clone())
    }

    fn import_users(
        &self,
        users: &[ImportedUser],
        now: OffsetDateTime,
        progress: &mut dyn FnMut(usize),
    ) -> Result<ImportSummary, ImportUsersError> {
        let mut state = self.state();
        let mut conflicts = Vec::new();
        let mut unchanged = HashSet::new();
        for (index, imported) in users.iter().enumerate() {
            let same = state.holder(UniqueField::Username, &imported.user, None);
            if same.is_some_and(|same| imported.id.is_none_or(|id| id == same)) {
                unchanged.insert(index);
                continue;
            }
            for field in [UniqueField::Id, UniqueField::Username, UniqueField::Email] {
                if let Some(holder) = state.holder(field, &imported.user, imported.id) {
                    conflicts.push(ImportConflict {
                        index,
                        field,
                        holder,
                    });
                }
            }
        }
        if !conflicts.is_empty() {
            return Err(ImportUsersError::Conflicts(conflicts));
        }
        // Given numbers first: a number given out must not be one that a later line brings.
        let fresh = |index: &usize| !unchanged.contains(index);
        let (given, open): (Vec<usize>, Vec<usize>) = (0..users.len())
            .filter(fresh)
            .partition(|&index| users[index].id.is_some());
        for index in given.into_iter().chain(open) {
            let imported = &users[index];
            let id = imported.id.map_or_else(|| state.next_id(), Ok)?;
            let status = if imported.active {
                UserStatus::Active
            } else {
                UserStatus::Disabled { since: now }
            };
            state.insert(id, &imported.user, status, now);
        }
        progress(users.len());
        Ok(ImportSummary {
            created: users.len() - unchanged.len(),
            unchanged: unchanged.len(),
        })
    }

    fn set_status(
        &self,
        id: UserId,
        status: UserStatus,
        now: OffsetDateTime,
    ) -> Result<Option<User>, StoreError> {
        let mut state = self.state();
        let Some(held) = state.users.get_mut(&id) else {
            return Ok(None);
        };
        if held.user.status.is_active() != status.is_active() {
            held.user.status = status;
            held.user.updated_at = now;
        }
        let user = held.user.clone();
        if !user.status.is_active() {
            state.end_sessions(id, None, EndReason::UserDisabled, now);
        }
        Ok(Some(user))
    }

    fn update_profile(
        &self,
        id: UserId,
        change: &ProfileChange,
        now: OffsetDateTime,
    ) -> Result<Option<User>, CreateUserError> {
        let mut state = self.state();
        if let Patch::Set(email) = &change.email {
            let others = state.users.values().filter(|held| held.user.id != id);
            if others
                .into_iter()
                .any(|held| held.user.email.as_ref() == Some(email))
            {
                return Err(CreateUserError::Taken(UniqueField::Email));
            }
        }
        let Some(held) = state.users.get_mut(&id) else {
            return Ok(None);
        };
        if *change != ProfileChange::default() {
            held.user.updated_at = now;
        }
        if let Some(email) = change.email.changed() {
            held.user.email = email.cloned();
        }
        if let Some(display_name) = change.display_name.changed() {
            held.user.display_name = display_name.cloned();
        }
        Ok(Some(held.user.clone()))
    }

    fn set_password_hash(
        &self,
        id: UserId,
        hash: &PasswordHash,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(held) = state.users.get_mut(&id) else {
            return Ok(false);
        };
        held.password_hash = hash.clone();
        held.user.updated_at = now;
        state.end_sessions(id, None, EndReason::PasswordChanged, now);
        Ok(true)
    }

    fn change_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
        keep: SessionId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(held) = state
            .users
            .get_mut(&id)
            .filter(|held| held.password_hash == *from)
        else {
            return Ok(false);
        };
        held.password_hash = to.clone();
        held.user.updated_at = now;
        state.end_sessions(id, Some(keep), EndReason::PasswordChanged, now);
        Ok(true)
    }

    fn upgrade_password_hash(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        match state.users.get_mut(&id) {
            Some(held) if held.password_hash == *from => {
                held.password_hash = to.clone();
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl SigningKeyStore for MemoryStore {
    fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let mut keys = self.state().keys.clone();
        keys.sort_by_key(|key| {
            (
                key.state != SigningKeyState::Active,
                std::cmp::Reverse(key.created_at),
            )
        });
        Ok(keys)
    }

    fn install_signing_key(
        &self,
        candidate: &StoredSigningKey,
    ) -> Result<StoredSigningKey, StoreError> {
        let mut state = self.state();
        let active = state.keys.iter().find(|key| {
            key.algorithm == candidate.algorithm && key.state == SigningKeyState::Active
        });
        if let Some(active) = active {
            return Ok(active.clone());
        }
        state.keys.push(candidate.clone());
        Ok(candidate.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::store_contract!(|| Box::new(MemoryStore::default()));
}
