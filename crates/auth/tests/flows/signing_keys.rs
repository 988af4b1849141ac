use passgate_auth::flows::{SigningKeysError, open_key_ring};
use passgate_auth::jwt::Algorithm;
use passgate_domain::ports::SigningKeyStore;
use passgate_domain::testing::{ManualClock, MemoryStore, signing_key};
use std::sync::Barrier;
use std::thread;

use crate::world::{NOW, sealing};

#[test]
fn the_ring_is_the_same_after_a_restart() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let open = || open_key_ring(&store, &sealing("abcd"), Algorithm::EdDsa, &clock).unwrap();
    assert_eq!(open().active().kid(), open().active().kid());
    assert_eq!(store.signing_keys().unwrap().len(), 1);
}

#[test]
fn replicas_that_start_together_sign_with_one_key() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let barrier = Barrier::new(8);
    let kids: Vec<String> = thread::scope(|scope| {
        let starting: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let ring =
                        open_key_ring(&store, &sealing("abcd"), Algorithm::Es256, &clock).unwrap();
                    ring.active().kid().to_string()
                })
            })
            .collect();
        starting
            .into_iter()
            .map(|replica| replica.join().unwrap())
            .collect()
    });
    assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
}

#[test]
fn keys_of_another_algorithm_still_verify() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let open = |alg| open_key_ring(&store, &sealing("abcd"), alg, &clock).unwrap();
    let old = open(Algorithm::Es256);
    let new = open(Algorithm::EdDsa);
    assert_ne!(old.active().kid(), new.active().kid());
    assert!(new.jwks().body().contains(old.active().kid().as_str()));
}

#[test]
fn another_secret_is_named_and_makes_no_key() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    open_key_ring(&store, &sealing("abcd"), Algorithm::EdDsa, &clock).unwrap();
    let error = open_key_ring(&store, &sealing("efgh"), Algorithm::EdDsa, &clock).unwrap_err();
    assert!(
        matches!(error, SigningKeysError::OtherSecret { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("PASSGATE_SECRET"));
    assert_eq!(store.signing_keys().unwrap().len(), 1);
}

#[test]
fn a_damaged_key_is_named_and_not_replaced() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let mut key = signing_key("k1", "EdDSA");
    key.sealing_key_id = sealing("abcd").key_id().to_owned();
    store.install_signing_key(&key).unwrap();
    let error = open_key_ring(&store, &sealing("abcd"), Algorithm::EdDsa, &clock).unwrap_err();
    assert!(
        matches!(&error, SigningKeysError::Damaged { kid, .. } if kid == "k1"),
        "{error:?}"
    );
    assert_eq!(store.signing_keys().unwrap().len(), 1);
}
