mod audit;
mod clients;
mod guesses;
mod keys;
mod sessions;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use self::sessions::HeldSession;
use crate::audit::{Act, Action, Deed, Event};
use crate::client::Client;
use crate::guess::{GuessKey, Tally};
use crate::ports::{
    CreateUserError, ImportConflict, ImportSummary, ImportUsersError, StoreError, UniqueField,
    UserQuery, UserStore,
};
use crate::session::{EndReason, SessionId};
use crate::signing_key::StoredSigningKey;
use crate::{
    ClientId, Credentials, Email, ImportedUser, NewUser, PasswordHash, Patch, User, UserChange,
    UserId, UserStatus, Username,
};

/// A store that forgets everything when dropped. It keeps the same contract as the real one.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    users: BTreeMap<UserId, Credentials>,
    /// Of the users, those who are only there so that nobody gets their name.
    deleted: BTreeSet<UserId>,
    last_id: i64,
    keys: Vec<StoredSigningKey>,
    sessions: BTreeMap<SessionId, HeldSession>,
    clients: BTreeMap<ClientId, Client>,
    events: Vec<Event>,
    guesses: BTreeMap<GuessKey, Tally>,
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

    fn living(&self) -> impl Iterator<Item = &Credentials> {
        let is_there = |held: &&Credentials| !self.deleted.contains(&held.user.id);
        self.users.values().filter(is_there)
    }

    fn living_mut(&mut self, id: UserId) -> Option<&mut Credentials> {
        if self.deleted.contains(&id) {
            return None;
        }
        self.users.get_mut(&id)
    }

    fn next_id(&self) -> Result<UserId, StoreError> {
        UserId::try_new(self.last_id + 1).map_err(|cause| StoreError::Internal(cause.into()))
    }
}

impl UserStore for MemoryStore {
    fn find_credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        Ok(self
            .state()
            .living()
            .find(|held| held.user.username == *username)
            .cloned())
    }

    fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state().living_mut(id).map(|held| held.user.clone()))
    }

    fn list_users(&self, query: &UserQuery, limit: u32) -> Result<Vec<User>, StoreError> {
        let state = self.state();
        let by_key = |prefix: &str, after: Option<&str>, key: fn(&User) -> Option<&str>| {
            let wanted = |key: &str| key.starts_with(prefix) && Some(key) > after;
            let of = |held: &Credentials| held.user.clone();
            let mut users: Vec<User> = state.living().map(of).collect();
            users.retain(|user| key(user).is_some_and(wanted));
            users.sort_by(|one, other| key(one).cmp(&key(other)));
            users
        };
        let mut users = match query {
            UserQuery::All { after } => state
                .living()
                .map(|held| held.user.clone())
                .filter(|user| Some(user.id) > *after)
                .collect(),
            UserQuery::ByUsername { prefix, after } => {
                by_key(prefix, after.as_deref(), |user| Some(user.username.key()))
            }
            UserQuery::ByEmail { prefix, after } => by_key(prefix, after.as_deref(), |user| {
                user.email.as_ref().map(Email::key)
            }),
        };
        users.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(users)
    }

    fn create_user(&self, user: &NewUser, act: &Act) -> Result<User, CreateUserError> {
        let mut state = self.state();
        for field in [UniqueField::Username, UniqueField::Email] {
            if state.holder(field, user, None).is_some() {
                return Err(CreateUserError::Taken(field));
            }
        }
        let id = state.next_id()?;
        state.insert(id, user, UserStatus::Active, act.at);
        state.record(Deed::new(Action::UserCreated).on(id), act);
        Ok(state.users[&id].user.clone())
    }

    fn import_users(
        &self,
        users: &[ImportedUser],
        act: &Act,
        progress: &mut dyn FnMut(usize),
    ) -> Result<ImportSummary, ImportUsersError> {
        let mut state = self.state();
        let mut conflicts = Vec::new();
        let mut unchanged = HashSet::new();
        for (index, imported) in users.iter().enumerate() {
            let same = state.holder(UniqueField::Username, &imported.user, None);
            let is_same = |same: UserId| {
                imported.id.is_none_or(|id| id == same) && !state.deleted.contains(&same)
            };
            if same.is_some_and(is_same) {
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
                UserStatus::Disabled { since: act.at }
            };
            state.insert(id, &imported.user, status, act.at);
        }
        progress(users.len());
        let summary = ImportSummary {
            created: users.len() - unchanged.len(),
            unchanged: unchanged.len(),
        };
        if summary.created > 0 {
            state.record(
                Deed::new(Action::UsersImported).detail(summary.to_string()),
                act,
            );
        }
        Ok(summary)
    }

    fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        act: &Act,
    ) -> Result<Option<User>, CreateUserError> {
        let mut state = self.state();
        let Some(held) = state.living_mut(id) else {
            return Ok(None);
        };
        let change = change.differing(&held.user);
        if let Patch::Set(email) = &change.email {
            let mut others = state.living().filter(|held| held.user.id != id);
            if others.any(|held| held.user.email.as_ref() == Some(email)) {
                return Err(CreateUserError::Taken(UniqueField::Email));
            }
        }
        let Some(held) = state.living_mut(id) else {
            return Ok(None);
        };
        let user = &mut held.user;
        if let Some(email) = change.email.changed() {
            user.email = email.cloned();
        }
        if let Some(display_name) = change.display_name.changed() {
            user.display_name = display_name.cloned();
        }
        if let Some(roles) = &change.roles {
            user.roles.clone_from(roles);
        }
        let fields = change.fields();
        let status = change
            .active
            .filter(|active| *active != user.status.is_active());
        if let Some(active) = status {
            user.status = if active {
                UserStatus::Active
            } else {
                UserStatus::Disabled { since: act.at }
            };
        }
        if !fields.is_empty() || status.is_some() {
            user.updated_at = act.at;
        }
        let user = user.clone();
        if !fields.is_empty() {
            let deed = Deed::new(Action::UserChanged).on(id);
            state.record(deed.detail(fields.join(" ")), act);
        }
        match status {
            Some(true) => state.record(Deed::new(Action::UserEnabled).on(id), act),
            Some(false) => {
                state.end_sessions(id, None, EndReason::UserDisabled, act.at);
                state.record(Deed::new(Action::UserDisabled).on(id), act);
            }
            None => {}
        }
        Ok(Some(user))
    }

    fn delete_user(&self, id: UserId, act: &Act) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(held) = state.living_mut(id) else {
            return Ok(false);
        };
        held.password_hash = PasswordHash::new(String::new());
        held.user.email = None;
        held.user.display_name = None;
        held.user.roles.clear();
        held.user.status = UserStatus::Disabled { since: act.at };
        state.deleted.insert(id);
        state.end_sessions(id, None, EndReason::UserDeleted, act.at);
        state.record(Deed::new(Action::UserDeleted).on(id), act);
        Ok(true)
    }

    fn set_password_hash(
        &self,
        id: UserId,
        hash: &PasswordHash,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(held) = state.living_mut(id) else {
            return Ok(false);
        };
        held.password_hash = hash.clone();
        held.user.updated_at = act.at;
        state.end_sessions(id, None, EndReason::PasswordChanged, act.at);
        state.record(Deed::new(Action::PasswordReset).on(id), act);
        Ok(true)
    }

    fn change_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
        keep: SessionId,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(held) = state
            .living_mut(id)
            .filter(|held| held.password_hash == *from)
        else {
            return Ok(false);
        };
        held.password_hash = to.clone();
        held.user.updated_at = act.at;
        state.end_sessions(id, Some(keep), EndReason::PasswordChanged, act.at);
        state.record(Deed::new(Action::PasswordChanged).on(id), act);
        Ok(true)
    }

    fn upgrade_password_hash(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        match state.living_mut(id) {
            Some(held) if held.password_hash == *from => {
                held.password_hash = to.clone();
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::store_contract!(|| Box::new(MemoryStore::default()));
}
