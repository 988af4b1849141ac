use std::sync::{Mutex, PoisonError};

use crate::jwt::{KeySet, Verified};

/// How many tokens share a lock. Of these, the one that was used longest ago makes room.
const WAYS: usize = 8;

/// Tokens that were verified, by their SHA-256.
pub(super) trait Cache<X>: Send + Sync {
    /// The token, if it was verified with the very `keys` that are in force now.
    fn get(&self, digest: &[u8; 32], keys: &KeySet) -> Option<Verified<X>>;

    fn put(&self, digest: [u8; 32], keys: KeySet, verified: Verified<X>);
}

/// A fixed number of places, in groups with a lock each, so that threads seldom meet.
pub(super) struct TokenCache<X> {
    groups: Box<[Group<X>]>,
    /// How many places of a group are used: all, unless the cache has fewer.
    ways: usize,
}

type Group<X> = Mutex<[Option<Entry<X>>; WAYS]>;

struct Entry<X> {
    digest: [u8; 32],
    // Held, not only remembered: the address of a set that is gone could be another's.
    keys: KeySet,
    verified: Verified<X>,
}

impl<X> TokenCache<X> {
    pub(super) fn new(tokens: usize) -> Self {
        let groups = (tokens / WAYS).max(1);
        let empty = || Mutex::new(std::array::from_fn(|_| None));
        Self {
            groups: std::iter::repeat_with(empty).take(groups).collect(),
            ways: tokens.min(WAYS),
        }
    }

    /// Only tokens that were verified have a place, so nobody can choose who meets in a group
    /// without being given tokens for it.
    fn group(&self, digest: &[u8; 32]) -> Option<&Group<X>> {
        let (first, _) = digest.split_first_chunk::<8>()?;
        let groups = u64::try_from(self.groups.len()).ok()?;
        let index = u64::from_le_bytes(*first).checked_rem(groups)?;
        self.groups.get(usize::try_from(index).ok()?)
    }
}

impl<X: Send + Sync> Cache<X> for TokenCache<X> {
    fn get(&self, digest: &[u8; 32], keys: &KeySet) -> Option<Verified<X>> {
        let group = self.group(digest)?;
        let mut entries = group.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it =
            |entry: &Option<Entry<X>>| matches!(entry, Some(entry) if entry.digest == *digest);
        let place = entries.iter().position(is_it)?;
        let entry = entries.get_mut(place)?;
        match entry {
            Some(Entry {
                keys: held,
                verified,
                ..
            }) if held.is(keys) => {
                let verified = verified.clone();
                entries.get_mut(..=place)?.rotate_right(1);
                Some(verified)
            }
            _ => {
                *entry = None;
                None
            }
        }
    }

    fn put(&self, digest: [u8; 32], keys: KeySet, verified: Verified<X>) {
        let (Some(group), Some(last)) = (self.group(&digest), self.ways.checked_sub(1)) else {
            return;
        };
        let mut entries = group.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |entry: &Option<Entry<X>>| entry.as_ref().is_none_or(|e| e.digest == digest);
        let mut used = entries.iter().take(self.ways);
        let place = used.position(is_it).unwrap_or(last);
        if let Some(entry) = entries.get_mut(place) {
            *entry = Some(Entry {
                digest,
                keys,
                verified,
            });
        }
        if let Some(used) = entries.get_mut(..=place) {
            used.rotate_right(1);
        }
    }
}
