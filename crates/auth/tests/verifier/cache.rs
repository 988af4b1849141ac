//! A token that was verified before is refused from the same instant as any other.

use std::sync::{Arc, Mutex};

use passgate_auth::jwt::{
    Algorithm, Audience, DenyList, IssuerId, KeySet, KeySource, NoExtra, OnHookError, Verifier,
    VerifierBuilder, VerifyError,
};
use passgate_domain::testing::ManualClock;
use serde_json::json;
use time::Duration;

use crate::forge::{AUDIENCE, Forger, ISSUER, NOW};

/// Keys that can be exchanged.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<KeySet>>);

impl Keys {
    fn set(&self, forgers: &[&Forger]) {
        *self.0.lock().unwrap() = KeySet::new(forgers.iter().map(|f| f.key.verifying_key()));
    }
}

impl KeySource for Keys {
    fn snapshot(&self) -> KeySet {
        self.0.lock().unwrap().clone()
    }
}

struct World {
    forger: Forger,
    keys: Keys,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let forger = Forger::new(Algorithm::EdDsa);
        let keys = Keys::default();
        keys.set(&[&forger]);
        let clock = Arc::new(ManualClock::at(NOW));
        Self {
            forger,
            keys,
            clock,
        }
    }

    fn builder(&self) -> VerifierBuilder<NoExtra> {
        Verifier::builder(
            IssuerId::parse(ISSUER).unwrap(),
            Audience::parse(AUDIENCE).unwrap(),
            self.keys.clone(),
        )
        .clock(self.clock.clone())
        .cache(64)
    }
}

/// Two equal results of a cache are one allocation.
fn is_cached(verifier: &Verifier, token: &str) -> bool {
    let subject = || verifier.verify_now(token).unwrap().subject().clone();
    let (one, two) = (subject(), subject());
    std::ptr::eq(one.as_str(), two.as_str())
}

#[test]
fn a_token_is_remembered() {
    let world = World::new();
    let token = world.forger.control();
    assert!(is_cached(&world.builder().build(), &token));
    let without = World::new();
    let plain = crate::forge::verifier(without.keys.clone());
    assert!(!is_cached(&plain, &without.forger.control()));
}

#[test]
fn it_is_refused_the_instant_it_expires() {
    let world = World::new();
    let verifier = world.builder().build();
    let token = world.forger.control();
    let end = Duration::seconds(1500 + 30);
    world.clock.advance(end - Duration::microseconds(1));
    assert!(is_cached(&verifier, &token));
    world.clock.advance(Duration::microseconds(1));
    let error = verifier.verify_now(&token).unwrap_err();
    assert_eq!(error, VerifyError::Expired);
}

#[test]
fn it_is_refused_the_instant_it_is_too_old() {
    let world = World::new();
    let verifier = world
        .builder()
        .max_age(std::time::Duration::from_mins(1))
        .build();
    let token = world.forger.control();
    world.clock.advance(Duration::seconds(90));
    assert!(is_cached(&verifier, &token));
    world.clock.advance(Duration::microseconds(1));
    let error = verifier.verify_now(&token).unwrap_err();
    assert_eq!(error, VerifyError::TooOld);
}

#[test]
fn it_is_refused_the_instant_its_key_retires() {
    let world = World::new();
    let verifier = world.builder().build();
    let token = world.forger.control();
    assert!(is_cached(&verifier, &token));
    let other = Forger::new(Algorithm::EdDsa);
    world.keys.set(&[&other]);
    let error = verifier.verify_now(&token).unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey);
    // And is good again when the key is back, which nobody should rely on.
    world.keys.set(&[&world.forger, &other]);
    assert!(is_cached(&verifier, &token));
}

#[test]
fn it_is_refused_the_instant_a_hook_says_so() {
    let world = World::new();
    let list = DenyList::new(10, world.clock.clone());
    let verifier = world
        .builder()
        .revocation(list.clone(), OnHookError::Deny)
        .build();
    let token = world.forger.control();
    assert!(is_cached(&verifier, &token));
    list.deny_token("t1", NOW + Duration::minutes(25)).unwrap();
    let error = verifier.verify_now(&token).unwrap_err();
    assert_eq!(error, VerifyError::Revoked);
}

#[test]
fn it_is_refused_the_instant_its_session_ends() {
    let world = World::new();
    let list = DenyList::new(10, world.clock.clone());
    let verifier = world
        .builder()
        .revocation(list.clone(), OnHookError::Deny)
        .build();
    let of = |sid: &str| {
        world
            .forger
            .with_claims(|claims| claims["sid"] = json!(sid))
    };
    let (ended, other) = (of("s1"), of("s2"));
    assert!(is_cached(&verifier, &ended) && is_cached(&verifier, &other));
    list.deny_session("s1", NOW + Duration::minutes(25))
        .unwrap();
    let error = verifier.verify_now(&ended).unwrap_err();
    assert_eq!(error, VerifyError::Revoked);
    assert!(is_cached(&verifier, &other));
}

#[test]
fn what_was_refused_is_not_remembered() {
    let world = World::new();
    let verifier = world.builder().build();
    let early = world.forger.with_claims(|claims| {
        claims["nbf"] = json!(NOW.unix_timestamp() + 60);
    });
    assert!(verifier.verify_now(&early).is_err());
    world.clock.advance(Duration::minutes(1));
    assert!(verifier.verify_now(&early).is_ok());
}

#[test]
fn a_changed_token_is_another_token() {
    let world = World::new();
    let verifier = world.builder().build();
    let token = world.forger.control();
    assert!(verifier.verify_now(&token).is_ok());
    for place in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(verifier.verify_now(&changed).is_err(), "at {place}");
    }
}

#[test]
fn a_small_cache_holds_as_many_as_it_was_told_and_none_if_none() {
    let world = World::new();
    for size in 0..8 {
        let verifier = world.builder().cache(size).build();
        let token = |i: usize| {
            let jti = json!(i.to_string());
            world.forger.with_claims(|claims| claims["jti"] = jti)
        };
        let tokens: Vec<String> = (0..=size).map(token).collect();
        let subject = |token: &String| verifier.verify_now(token).unwrap().subject().clone();
        let before: Vec<_> = tokens.iter().map(subject).collect();
        let kept = tokens
            .iter()
            .zip(&before)
            .rev()
            .filter(|(token, before)| std::ptr::eq(subject(token).as_str(), before.as_str()))
            .count();
        assert_eq!(kept, size);
    }
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_used() {
    let world = World::new();
    let verifier = world.builder().cache(8).build();
    let used = world.forger.control();
    assert!(is_cached(&verifier, &used));
    let subject = verifier.verify_now(&used).unwrap().subject().clone();
    for i in 0..100 {
        let other = world
            .forger
            .with_claims(|claims| claims["jti"] = json!(i.to_string()));
        assert!(is_cached(&verifier, &other), "{i}");
        let again = verifier.verify_now(&used).unwrap().subject().clone();
        assert!(std::ptr::eq(subject.as_str(), again.as_str()), "after {i}");
    }
}
