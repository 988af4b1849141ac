//! What `verify` does when a token names a key that is unknown.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use passgate_auth::jwt::{Algorithm, BoxFuture, KeySet, KeySource, Kid, Refresh, VerifyError};

use crate::forge::{self, Forger};

#[derive(Clone, Default)]
struct Source(Arc<Inner>);

#[derive(Default)]
struct Inner {
    keys: Mutex<KeySet>,
    newer: Mutex<Option<KeySet>>,
    broken: bool,
    asked: AtomicUsize,
}

impl KeySource for Source {
    fn snapshot(&self) -> KeySet {
        self.0.keys.lock().unwrap().clone()
    }

    fn refresh_for<'a>(&'a self, _: &'a Kid) -> BoxFuture<'a, Refresh> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            tokio::task::yield_now().await;
            if self.0.broken {
                return Refresh::Failed;
            }
            match self.0.newer.lock().unwrap().take() {
                Some(newer) => {
                    *self.0.keys.lock().unwrap() = newer;
                    Refresh::Changed
                }
                None => Refresh::Unchanged,
            }
        })
    }
}

fn source(known: &[&Forger], newer: Option<&Forger>, broken: bool) -> Source {
    let set = |forgers: &[&Forger]| KeySet::new(forgers.iter().map(|f| f.key.verifying_key()));
    Source(Arc::new(Inner {
        keys: Mutex::new(set(known)),
        newer: Mutex::new(newer.map(|newer| set(&[newer]))),
        broken,
        asked: AtomicUsize::new(0),
    }))
}

fn asked(source: &Source) -> usize {
    source.0.asked.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_key_that_is_new_is_found_by_one_refresh() {
    let (old, new) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::EdDsa));
    let source = source(&[&old], Some(&new), false);
    let verifier = forge::verifier(source.clone());
    assert_eq!(
        verifier.verify_now(&new.control()).unwrap_err(),
        VerifyError::UnknownKey
    );
    assert_eq!(asked(&source), 0);
    assert!(verifier.verify(&new.control()).await.is_ok());
    assert!(verifier.verify(&new.control()).await.is_ok());
    assert_eq!(asked(&source), 1);
}

#[tokio::test]
async fn a_source_behind_a_pointer_is_the_source() {
    let (old, new) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::EdDsa));
    let source = source(&[&old], Some(&new), false);
    let shared: Arc<dyn KeySource> = Arc::new(source.clone());
    let verifier = forge::verifier(shared);
    assert!(verifier.verify_now(&old.control()).is_ok());
    assert!(verifier.verify(&new.control()).await.is_ok());
    assert_eq!(asked(&source), 1);
}

#[tokio::test]
async fn a_fixed_set_of_keys_has_no_newer_ones() {
    let (old, new) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::EdDsa));
    let verifier = forge::verifier(KeySet::new([old.key.verifying_key()]));
    let error = verifier.verify(&new.control()).await.unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey);
}

#[tokio::test]
async fn a_source_without_keys_is_asked_too() {
    let new = Forger::new(Algorithm::EdDsa);
    let verifier = forge::verifier(source(&[], Some(&new), false));
    assert!(verifier.verify(&new.control()).await.is_ok());
    let verifier = forge::verifier(source(&[], None, false));
    assert_eq!(
        verifier.verify(&new.control()).await.unwrap_err(),
        VerifyError::KeysUnavailable
    );
}

#[tokio::test]
async fn a_token_that_breaks_another_rule_asks_for_nothing() {
    let forger = Forger::new(Algorithm::EdDsa);
    let source = source(&[&forger], None, false);
    let verifier = forge::verifier(source.clone());
    for bad in [
        "a.b.c".to_owned(),
        forger.with_header(|header| drop(header.as_object_mut().unwrap().remove("kid"))),
        forger.with_header(|header| header["alg"] = "ES256".into()),
        forger.with_claims(|claims| claims["aud"] = "you".into()),
    ] {
        assert!(verifier.verify(&bad).await.is_err());
    }
    assert_eq!(asked(&source), 0);
}

/// Nobody knows whether the key exists: the token may be good, and the fault is not its own.
#[tokio::test]
async fn a_refresh_that_fails_is_not_blamed_on_the_token() {
    let (old, new) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::EdDsa));
    let verifier = forge::verifier(source(&[&old], None, true));
    let error = verifier.verify(&new.control()).await.unwrap_err();
    assert_eq!(error.status(), 503);
    assert!(verifier.verify(&old.control()).await.is_ok());
}
