//! The contract of [`SigningKeyStore`], a rule a function.

use std::thread;

use time::{Duration, OffsetDateTime};

use super::audit::since;
use super::{LATER, NOW};
use crate::audit::Action;
use crate::ports::{AuditStore, SigningKeyStore};
use crate::signing_key::{KEPT_RETIRED, ResealedKey, SigningKeyState, StoredSigningKey};
use crate::testing::{act, signing_key};

const PUBLICATION: Duration = Duration::MINUTE;
const TICK: Duration = Duration::microseconds(1);

fn announced(kid: &str, at: OffsetDateTime) -> StoredSigningKey {
    StoredSigningKey {
        state: SigningKeyState::announced(at, PUBLICATION),
        created_at: at,
        ..signing_key(kid, "EdDSA")
    }
}

fn states<S: SigningKeyStore + ?Sized>(store: &S) -> Vec<String> {
    let keys = store.signing_keys().unwrap();
    let state = |key: &StoredSigningKey| format!("{} {}", key.kid, key.state.name());
    keys.iter().map(state).collect()
}

fn promote<S: SigningKeyStore + ?Sized>(store: &S, at: OffsetDateTime) -> Option<String> {
    store.promote_signing_key("EdDSA", at, &act(at)).unwrap()
}

/// A store with an active key and its successor.
fn rotating<S: SigningKeyStore + ?Sized>(store: &S) {
    let first = signing_key("first", "EdDSA");
    store.install_signing_key(&first, &act(NOW)).unwrap();
    let next = announced("next", NOW);
    let is_announced = store.announce_signing_key(&next, "first", &act(NOW));
    assert!(is_announced.unwrap());
}

/// What `call` returns for each of eight replicas at one moment.
fn at_once<T: Send>(call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let call = &call;
        let replicas: Vec<_> = (0..8)
            .map(|replica| scope.spawn(move || call(replica)))
            .collect();
        replicas
            .into_iter()
            .map(|replica| replica.join().unwrap())
            .collect()
    })
}

pub fn the_first_signing_key_of_an_algorithm_stays<S: SigningKeyStore + ?Sized>(store: &S) {
    let first = signing_key("first", "EdDSA");
    let install = |key: &StoredSigningKey| store.install_signing_key(key, &act(NOW)).unwrap();
    assert_eq!(install(&first), first);
    assert_eq!(install(&signing_key("second", "EdDSA")), first);
    assert_eq!(store.signing_keys().unwrap(), [first]);
}

pub fn algorithms_have_keys_of_their_own<S: SigningKeyStore + ?Sized>(store: &S) {
    let eddsa = signing_key("a", "EdDSA");
    let es256 = StoredSigningKey {
        created_at: LATER,
        ..signing_key("b", "ES256")
    };
    store.install_signing_key(&eddsa, &act(NOW)).unwrap();
    let installed = store.install_signing_key(&es256, &act(NOW)).unwrap();
    assert_eq!(installed, es256);
    assert_eq!(store.signing_keys().unwrap(), [es256, eddsa]);
}

pub fn replicas_that_start_together_agree_on_a_key<S: SigningKeyStore + Sync + ?Sized>(store: &S) {
    let mut kids = at_once(|replica| {
        let candidate = signing_key(&format!("key-{replica}"), "EdDSA");
        let installed = store.install_signing_key(&candidate, &act(NOW));
        installed.unwrap().kid
    });
    kids.dedup();
    assert_eq!(kids.len(), 1);
    assert_eq!(store.signing_keys().unwrap().len(), 1);
}

pub fn an_announced_key_is_read_back_as_it_was_announced<S: SigningKeyStore + ?Sized>(store: &S) {
    rotating(store);
    let first = signing_key("first", "EdDSA");
    let keys = store.signing_keys().unwrap();
    assert_eq!(keys, [first, announced("next", NOW)]);
}

pub fn a_key_has_one_successor<S: SigningKeyStore + Sync + ?Sized>(store: &S) {
    let first = signing_key("first", "EdDSA");
    store.install_signing_key(&first, &act(NOW)).unwrap();
    let announce = |kid: &str, predecessor: &str| {
        let next = announced(kid, NOW);
        store.announce_signing_key(&next, predecessor, &act(NOW))
    };
    // Somebody who read the keys before they changed.
    assert!(!announce("late", "the one before").unwrap());
    let won = at_once(|replica| announce(&format!("next-{replica}"), "first").unwrap());
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    assert_eq!(store.signing_keys().unwrap().len(), 2);
}

pub fn a_key_is_promoted_at_its_time<S: SigningKeyStore + ?Sized>(store: &S) {
    rotating(store);
    let due = NOW + PUBLICATION;
    assert_eq!(promote(store, due - TICK), None);
    let early = store.promote_signing_key("EdDSA", NOW - TICK, &act(due));
    assert_eq!(early.unwrap(), None, "it was not there for long enough");
    let other = store.promote_signing_key("ES256", due, &act(due));
    assert_eq!(other.unwrap(), None);
    assert_eq!(states(store), ["first active", "next announced"]);
    let exactly = store.promote_signing_key("EdDSA", NOW, &act(due));
    assert_eq!(exactly.unwrap().as_deref(), Some("next"));
    let keys = store.signing_keys().unwrap();
    let key = |kid: &str| keys.iter().find(|key| key.kid == kid).unwrap();
    let state = |kid: &str| key(kid).state;
    assert_eq!(state("next"), SigningKeyState::active(due));
    let retired = SigningKeyState::Retired {
        promoted_at: NOW.replace_microsecond(0).unwrap(),
        retired_at: due,
    };
    assert_eq!(state("first"), retired);
    assert!(key("first").sealed_private_key.is_empty());
    assert!(!key("next").sealed_private_key.is_empty());
    assert_eq!(promote(store, due), None);
}

pub fn of_concurrent_promotions_one_happens<S: SigningKeyStore + AuditStore + Sync + ?Sized>(
    store: &S,
) {
    rotating(store);
    let known = since(store, 0).len();
    let mut promoted = at_once(|_| promote(store, NOW + PUBLICATION));
    promoted.retain(Option::is_some);
    assert_eq!(promoted.len(), 1);
    assert_eq!(states(store), ["next active", "first retired"]);
    assert_eq!(since(store, known).len(), 2);
}

pub fn a_retired_key_goes_at_its_time<S: SigningKeyStore + ?Sized>(store: &S) {
    rotating(store);
    let retired = NOW + PUBLICATION;
    promote(store, retired);
    let due = retired + KEPT_RETIRED;
    let remove = |at| store.remove_signing_keys(&act(at)).unwrap();
    assert_eq!(remove(due - TICK), [""; 0]);
    assert_eq!(states(store), ["next active", "first retired"]);
    assert_eq!(remove(due), ["first"]);
    assert_eq!(remove(due), [""; 0]);
    assert_eq!(states(store), ["next active"]);
}

pub fn a_key_that_leaked_is_replaced_with_all_others_at_once<S: SigningKeyStore + ?Sized>(
    store: &S,
) {
    rotating(store);
    promote(store, NOW + PUBLICATION);
    let third = announced("third", LATER);
    let is_announced = store.announce_signing_key(&third, "next", &act(LATER));
    assert!(is_announced.unwrap());
    let new = signing_key("new", "EdDSA");
    let mut removed = store.replace_signing_keys(&new, &act(LATER)).unwrap();
    removed.sort_unstable();
    assert_eq!(removed, ["first", "next", "third"]);
    assert_eq!(store.signing_keys().unwrap(), [new]);
}

pub fn of_concurrent_replacements_one_key_is_left<S: SigningKeyStore + Sync + ?Sized>(store: &S) {
    rotating(store);
    let removed = at_once(|replica| {
        let new = signing_key(&format!("new-{replica}"), "EdDSA");
        store.replace_signing_keys(&new, &act(LATER)).unwrap()
    });
    let keys = store.signing_keys().unwrap();
    assert_eq!(keys.len(), 1);
    let removed: Vec<String> = removed.into_iter().flatten().collect();
    assert_eq!(removed.len(), 9, "every other one was removed once");
    assert!(!removed.contains(&keys[0].kid));
}

pub fn a_resealed_key_is_the_same_key<S: SigningKeyStore + ?Sized>(store: &S) {
    rotating(store);
    let resealed = |kid: &str, from: &str| ResealedKey {
        kid: kid.to_owned(),
        from: from.to_owned(),
        sealing_key_id: "other".to_owned(),
        sealed_private_key: vec![1, 2, 3],
    };
    let reseal = |keys: &[ResealedKey]| store.reseal_signing_keys(keys, &act(LATER)).unwrap();
    let none = [resealed("first", "another"), resealed("gone", "sample")];
    assert_eq!(reseal(&none), 0);
    let both = [resealed("first", "sample"), resealed("next", "sample")];
    assert_eq!(reseal(&both), 2);
    assert_eq!(reseal(&both), 0);
    let expected = |key: StoredSigningKey| StoredSigningKey {
        sealing_key_id: "other".to_owned(),
        sealed_private_key: vec![1, 2, 3],
        ..key
    };
    let first = expected(signing_key("first", "EdDSA"));
    let next = expected(announced("next", NOW));
    assert_eq!(store.signing_keys().unwrap(), [first, next]);
}

pub fn what_happens_to_a_key_is_written_down<S: SigningKeyStore + AuditStore + ?Sized>(store: &S) {
    let event = |action: Action, kid: &str| format!("operator {action} {kid}");
    let written = |known| -> Vec<String> {
        let events = super::audit::all(store);
        let event = |event: &crate::audit::Event| {
            let target = event.target.as_ref().or(event.detail.as_ref()).unwrap();
            format!("{} {} {target}", event.actor, event.action)
        };
        events.iter().rev().skip(known).map(event).collect()
    };
    rotating(store);
    rotating_again_changes_nothing(store);
    promote(store, NOW + PUBLICATION);
    promote(store, NOW + PUBLICATION);
    let much_later = act(LATER + KEPT_RETIRED);
    store.remove_signing_keys(&much_later).unwrap();
    let resealed = ResealedKey {
        kid: "next".to_owned(),
        from: "sample".to_owned(),
        sealing_key_id: "other".to_owned(),
        sealed_private_key: Vec::new(),
    };
    for _ in 0..2 {
        let keys = std::slice::from_ref(&resealed);
        store.reseal_signing_keys(keys, &act(LATER)).unwrap();
    }
    let new = signing_key("new", "EdDSA");
    store.replace_signing_keys(&new, &act(LATER)).unwrap();
    assert_eq!(
        written(0),
        [
            event(Action::KeyPromoted, "first"),
            event(Action::KeyAnnounced, "next"),
            event(Action::KeyRetired, "first"),
            event(Action::KeyPromoted, "next"),
            event(Action::KeyRemoved, "first"),
            event(Action::KeysResealed, "1"),
            event(Action::KeyRemoved, "next"),
            event(Action::KeyPromoted, "new"),
        ]
    );
}

fn rotating_again_changes_nothing<S: SigningKeyStore + ?Sized>(store: &S) {
    let other = signing_key("other", "EdDSA");
    store.install_signing_key(&other, &act(NOW)).unwrap();
    let other = announced("other", NOW);
    let is_announced = store.announce_signing_key(&other, "first", &act(NOW));
    assert!(!is_announced.unwrap());
}
