//! The contract of [`SigningKeyStore`], a rule a function.

use super::LATER;
use crate::ports::SigningKeyStore;
use crate::testing::signing_key;
use std::thread;

pub fn the_first_signing_key_of_an_algorithm_stays<S: SigningKeyStore + ?Sized>(store: &S) {
    let first = signing_key("first", "EdDSA");
    assert_eq!(store.install_signing_key(&first).unwrap(), first);
    assert_eq!(
        store
            .install_signing_key(&signing_key("second", "EdDSA"))
            .unwrap(),
        first
    );
    assert_eq!(store.signing_keys().unwrap(), [first]);
}

pub fn algorithms_have_keys_of_their_own<S: SigningKeyStore + ?Sized>(store: &S) {
    let eddsa = signing_key("a", "EdDSA");
    let es256 = crate::signing_key::StoredSigningKey {
        created_at: LATER,
        ..signing_key("b", "ES256")
    };
    store.install_signing_key(&eddsa).unwrap();
    assert_eq!(store.install_signing_key(&es256).unwrap(), es256);
    assert_eq!(store.signing_keys().unwrap(), [es256, eddsa]);
}

pub fn replicas_that_start_together_agree_on_a_key<S: SigningKeyStore + Sync + ?Sized>(store: &S) {
    let mut kids: Vec<String> = thread::scope(|scope| {
        let replicas: Vec<_> = (0..8)
            .map(|n| {
                let candidate = signing_key(&format!("key-{n}"), "EdDSA");
                scope.spawn(move || store.install_signing_key(&candidate).unwrap().kid)
            })
            .collect();
        replicas
            .into_iter()
            .map(|replica| replica.join().unwrap())
            .collect()
    });
    kids.dedup();
    assert_eq!(kids.len(), 1);
    assert_eq!(store.signing_keys().unwrap().len(), 1);
}
