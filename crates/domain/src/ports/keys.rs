use time::OffsetDateTime;

use super::StoreError;
use crate::audit::Act;
use crate::signing_key::{ResealedKey, StoredSigningKey};

/// Where signing keys are kept.
///
/// Any number of replicas may take one step at the same moment: the guard of each is part of the
/// change, so that exactly one of them takes it.
pub trait SigningKeyStore: Send + Sync {
    /// Every key that is published, the active ones first, then by age, the youngest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError>;

    /// Keeps `candidate`, which is active, unless its algorithm has an active key already. Returns
    /// the key that is active then: [`Action::KeyPromoted`](crate::audit::Action::KeyPromoted).
    ///
    /// Of any number of concurrent calls for one algorithm, all MUST return the same key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn install_signing_key(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<StoredSigningKey, StoreError>;

    /// Keeps `candidate`, which is announced, as the successor of the active key `predecessor`:
    /// [`Action::KeyAnnounced`](crate::audit::Action::KeyAnnounced). MUST change nothing and return
    /// `false` if the algorithm has an announced key already, or `predecessor` is not (any more)
    /// its active key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn announce_signing_key(
        &self,
        candidate: &StoredSigningKey,
        predecessor: &str,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Makes the announced key of an algorithm its active one, retires the one that was, whose
    /// private half MUST be forgotten, and returns the name of the new one:
    /// [`Action::KeyRetired`](crate::audit::Action::KeyRetired) and
    /// [`Action::KeyPromoted`](crate::audit::Action::KeyPromoted). MUST change nothing and return
    /// `None` unless there is an announced key whose time has come
    /// ([`SigningKeyState::promote`](crate::signing_key::SigningKeyState::promote)) and that was made
    /// no later than `made_until`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn promote_signing_key(
        &self,
        algorithm: &str,
        made_until: OffsetDateTime,
        act: &Act,
    ) -> Result<Option<String>, StoreError>;

    /// Removes the retired keys whose time has come
    /// ([`SigningKeyState::remove`](crate::signing_key::SigningKeyState::remove)), whatever their
    /// algorithm, and returns their names:
    /// [`Action::KeyRemoved`](crate::audit::Action::KeyRemoved) for each.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_signing_keys(&self, act: &Act) -> Result<Vec<String>, StoreError>;

    /// Removes every key, in whatever state and of whatever algorithm, keeps `candidate`, which is
    /// active, as the only one, and returns the names of the others:
    /// [`Action::KeyRemoved`](crate::audit::Action::KeyRemoved) for each and
    /// [`Action::KeyPromoted`](crate::audit::Action::KeyPromoted). Of any number of concurrent calls
    /// the candidate of the last one MUST be the only key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn replace_signing_keys(
        &self,
        candidate: &StoredSigningKey,
        act: &Act,
    ) -> Result<Vec<String>, StoreError>;

    /// Keeps private halves that were encrypted anew, all of them in one change, and returns how
    /// many: [`Action::KeysResealed`](crate::audit::Action::KeysResealed), if any. A key that is gone,
    /// or sealed with another secret than [`ResealedKey::from`], MUST be left as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn reseal_signing_keys(&self, keys: &[ResealedKey], act: &Act) -> Result<usize, StoreError>;
}
