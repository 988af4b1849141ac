use std::cmp::Reverse;

use time::OffsetDateTime;

use super::{MemoryStore, State};
use crate::audit::{Act, Action, Deed};
use crate::ports::{SigningKeyStore, StoreError};
use crate::signing_key::{ResealedKey, StoredSigningKey};

impl State {
    fn active_key(&mut self, algorithm: &str) -> Option<&mut StoredSigningKey> {
        let signs = |key: &&mut StoredSigningKey| key.algorithm == algorithm;
        let mut keys = self.keys.iter_mut().filter(signs);
        keys.find(|key| key.state.is_active())
    }

    fn announced_key(&mut self, algorithm: &str) -> Option<&mut StoredSigningKey> {
        let is_its = |key: &&mut StoredSigningKey| key.algorithm == algorithm;
        let mut keys = self.keys.iter_mut().filter(is_its);
        keys.find(|key| key.state.is_announced())
    }

    fn removed(&mut self, keys: Vec<StoredSigningKey>, act: &Act) -> Vec<String> {
        let mut kids: Vec<String> = keys.into_iter().map(|key| key.kid).collect();
        kids.sort_unstable();
        for kid in &kids {
            self.record(Deed::new(Action::KeyRemoved).target(kid), act);
        }
        kids
    }
}

impl SigningKeyStore for MemoryStore {
    fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let mut keys = self.state().keys.clone();
        keys.sort_by_key(|key| (!key.state.is_active(), Reverse(key.created_at)));
        Ok(keys)
    }

    fn install_signing_key(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<StoredSigningKey, StoreError> {
        let mut state = self.state();
        if let Some(active) = state.active_key(&candidate.algorithm) {
            return Ok(active.clone());
        }
        state.keys.push(candidate.clone());
        state.record(Deed::new(Action::KeyPromoted).target(&candidate.kid), act);
        Ok(candidate.clone())
    }

    fn announce_signing_key(
        &self,
        candidate: &StoredSigningKey,
        predecessor: &str,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let follows = state
            .active_key(&candidate.algorithm)
            .is_some_and(|active| active.kid == predecessor);
        if !follows || state.announced_key(&candidate.algorithm).is_some() {
            return Ok(false);
        }
        state.keys.push(candidate.clone());
        state.record(Deed::new(Action::KeyAnnounced).target(&candidate.kid), act);
        Ok(true)
    }

    fn promote_signing_key(
        &self,
        algorithm: &str,
        made_until: OffsetDateTime,
        act: &Act,
    ) -> Result<Option<String>, StoreError> {
        let mut state = self.state();
        let Some(next) = state.announced_key(algorithm) else {
            return Ok(None);
        };
        let Ok(promoted) = next.state.promote(act.at) else {
            return Ok(None);
        };
        if next.created_at > made_until {
            return Ok(None);
        }
        let kid = next.kid.clone();
        // Before the other signs: there is one active key at a time.
        if let Some(active) = state.active_key(algorithm)
            && let Ok(retired) = active.state.retire(act.at)
        {
            active.state = retired;
            active.sealed_private_key = Vec::new();
            let deed = Deed::new(Action::KeyRetired).target(&active.kid);
            state.record(deed, act);
        }
        if let Some(next) = state.announced_key(algorithm) {
            next.state = promoted;
        }
        state.record(Deed::new(Action::KeyPromoted).target(&kid), act);
        Ok(Some(kid))
    }

    fn remove_signing_keys(&self, act: &Act) -> Result<Vec<String>, StoreError> {
        let mut state = self.state();
        let (over, rest) = std::mem::take(&mut state.keys)
            .into_iter()
            .partition(|key| key.state.remove(act.at).is_ok());
        state.keys = rest;
        Ok(state.removed(over, act))
    }

    fn replace_signing_keys(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<Vec<String>, StoreError> {
        let mut state = self.state();
        let others = std::mem::replace(&mut state.keys, vec![candidate.clone()]);
        let removed = state.removed(others, act);
        state.record(Deed::new(Action::KeyPromoted).target(&candidate.kid), act);
        Ok(removed)
    }

    fn reseal_signing_keys(&self, keys: &[ResealedKey], act: &Act) -> Result<usize, StoreError> {
        let mut state = self.state();
        let mut resealed = 0;
        for new in keys {
            let is_it =
                |key: &&mut StoredSigningKey| key.kid == new.kid && key.sealing_key_id == new.from;
            if let Some(key) = state.keys.iter_mut().find(is_it) {
                key.sealing_key_id.clone_from(&new.sealing_key_id);
                key.sealed_private_key.clone_from(&new.sealed_private_key);
                resealed += 1;
            }
        }
        if resealed > 0 {
            let deed = Deed::new(Action::KeysResealed).detail(resealed.to_string());
            state.record(deed, act);
        }
        Ok(resealed)
    }
}
