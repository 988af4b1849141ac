use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use passgate_domain::signing_key::KEPT_RETIRED;
use passgate_domain::testing::ManualClock;
use time::macros::datetime;

use super::*;
use crate::jwt::Algorithm;

const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
/// A minute, and what fetching may take.
const PUBLICATION: time::Duration = time::Duration::seconds(65);
const TICK: time::Duration = time::Duration::microseconds(1);

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa).unwrap()
}

fn ring() -> (KeyRing, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let builder = KeyRing::builder().max_age(Duration::from_mins(1));
    (builder.clock(clock.clone()).build(key()), clock)
}

fn published(ring: &KeyRing) -> BTreeSet<String> {
    let (keys, skipped) =
        KeySet::from_jwks(ring.jwks().body().as_bytes(), &Algorithm::ALL).unwrap();
    assert_eq!(skipped, []);
    let kids: BTreeSet<String> = ring
        .held()
        .iter()
        .map(|key| key.kid().to_string())
        .collect();
    assert!(kids.iter().all(|kid| keys.find(kid).is_some()));
    assert_eq!(ring.snapshot().len(), keys.len());
    kids
}

fn signer(ring: &KeyRing) -> Kid {
    ring.signer(NOW).unwrap().kid().clone()
}

#[test]
fn retired_keys_are_published_and_private_parts_are_not() {
    let old = SigningKey::generate(Algorithm::Es256).unwrap();
    let ring = KeyRing::with_published(key(), vec![old.verifying_key()]);
    let body = ring.jwks().body().to_owned();
    let (read, skipped) = KeySet::from_jwks(body.as_bytes(), &Algorithm::ALL).unwrap();
    assert_eq!((read.len(), skipped.len()), (2, 0));
    assert!(!body.contains("\"d\""));
}

#[test]
fn the_entity_tag_changes_with_the_keys() {
    let (ring, _) = ring();
    let before = ring.jwks();
    ring.announce(key()).unwrap();
    assert_ne!(ring.jwks().etag(), before.etag());
    assert_ne!(ring.jwks().body(), before.body());
    assert_eq!(JwksDocument::empty().body(), r#"{"keys":[]}"#);
}

#[test]
fn a_key_goes_from_step_to_step_at_its_times() {
    let (ring, clock) = ring();
    let first = signer(&ring);
    let next = ring.announce(key()).unwrap();
    assert_eq!(published(&ring).len(), 2);
    assert_eq!(signer(&ring), first);

    clock.advance(PUBLICATION - TICK);
    let wait = TICK.unsigned_abs();
    assert_eq!(ring.promote(&next), Err(RotationError::TooEarly { wait }));
    assert_eq!(signer(&ring), first);
    clock.advance(TICK);
    ring.promote(&next).unwrap();
    assert_eq!(signer(&ring), next);
    assert_eq!(published(&ring).len(), 2);

    clock.advance(KEPT_RETIRED - TICK);
    assert_eq!(ring.remove(&first), Err(RotationError::TooEarly { wait }));
    clock.advance(TICK);
    ring.remove(&first).unwrap();
    assert_eq!(published(&ring), BTreeSet::from([next.to_string()]));
}

#[test]
fn a_step_out_of_turn_changes_nothing() {
    let (ring, clock) = ring();
    let first = signer(&ring);
    let next = ring.announce(key()).unwrap();
    assert_eq!(
        ring.announce(key()),
        Err(RotationError::Announced(next.clone()))
    );
    clock.advance(KEPT_RETIRED);
    let gone = Kid::parse("gone").unwrap();
    assert_eq!(
        ring.promote(&gone),
        Err(RotationError::Unknown(gone.clone()))
    );
    assert_eq!(ring.remove(&gone), Err(RotationError::Unknown(gone)));
    for refused in [
        ring.promote(&first),
        ring.remove(&first),
        ring.remove(&next),
    ] {
        assert!(
            matches!(refused, Err(RotationError::WrongState { .. })),
            "{refused:?}"
        );
    }
    assert_eq!((signer(&ring), published(&ring).len()), (first, 2));
}

#[test]
fn a_retired_key_has_no_private_half_any_more() {
    let (ring, clock) = ring();
    let next = ring.announce(key()).unwrap();
    clock.advance(PUBLICATION);
    ring.promote(&next).unwrap();
    let with_private: Vec<Kid> = ring
        .held()
        .into_iter()
        .filter(|key| key.signing.is_some())
        .map(|key| key.kid().clone())
        .collect();
    assert_eq!(with_private, [next]);
}

#[test]
fn a_key_is_published_for_as_long_as_the_slowest_verifier_takes_to_see_it() {
    for (max_age, seconds) in [(0, 65), (1, 65), (60, 65), (300, 305)] {
        let builder = KeyRing::builder().max_age(Duration::from_secs(max_age));
        let publication = builder.build(key()).publication();
        assert_eq!(publication, Duration::from_secs(seconds), "{max_age}");
    }
}

#[test]
fn a_name_that_is_given_twice_is_published_once() {
    let twice = key();
    let ring = KeyRing::with_published(key(), vec![twice.verifying_key(), twice.verifying_key()]);
    assert_eq!((published(&ring).len(), ring.held().len()), (2, 2));
    let active = ring.active().unwrap();
    let again = HeldKey::verifying(active.verifying_key(), ring.held()[1].state());
    let mut held = ring.held();
    held.push(again);
    let before = ring.jwks();
    ring.load(held, None);
    assert_eq!(published(&ring).len(), 2);
    assert_eq!(ring.jwks().body(), before.body());
    assert_eq!(signer(&ring), *active.kid(), "the first counts");
}

#[test]
fn the_same_keys_again_stay_the_same_document() {
    let (ring, _) = ring();
    ring.announce(key()).unwrap();
    let (held, before) = (ring.held(), ring.jwks());
    ring.load(held.clone(), None);
    assert!(std::ptr::eq(ring.jwks().body(), before.body()));
    ring.load(vec![held[0].clone()], None);
    assert_eq!(published(&ring).len(), 1);
    ring.load(held, None);
    assert_eq!(published(&ring).len(), 2);
}

#[test]
fn another_key_of_the_same_name_is_another_key() {
    let (ring, _) = ring();
    let kid = Kid::parse("k1").unwrap();
    let state = ring.held()[0].state();
    let named = |key: &SigningKey| {
        let public = include_str!("../../../tests/data/ed25519.pub.pem");
        let read = VerifyingKey::from_pem(kid.clone(), Algorithm::EdDsa, public).unwrap();
        let mut jwk: serde_json::Value = serde_json::from_str(&key.public_jwk()).unwrap();
        jwk["kid"] = kid.as_str().into();
        let made = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
        [read, made].map(|key| HeldKey::verifying(key, state))
    };
    for held in named(&key()) {
        ring.load(vec![held.clone()], None);
        let (there, _) =
            KeySet::from_jwks(ring.jwks().body().as_bytes(), &[Algorithm::EdDsa]).unwrap();
        assert!(there.find("k1").unwrap().is(&held.verifying));
    }
}

#[test]
fn a_key_that_leaked_is_gone_at_once() {
    let (ring, _) = ring();
    let new = key();
    let kid = new.kid().clone();
    ring.announce(key()).unwrap();
    ring.replace(new);
    assert_eq!(signer(&ring), kid);
    assert_eq!(published(&ring), BTreeSet::from([kid.to_string()]));
}

#[test]
fn a_copy_is_good_for_as_long_as_its_lease() {
    let (ring, clock) = ring();
    let lease = Lease {
        cached_until: NOW + time::Duration::SECOND,
        signs_until: NOW + time::Duration::MINUTE,
    };
    ring.load(ring.held(), Some(lease));
    clock.advance(time::Duration::SECOND);
    assert_eq!(ring.jwks().max_age(), Duration::from_mins(1));
    assert_eq!(ring.jwks().cache_control(), "public, max-age=60");
    clock.advance(TICK);
    assert_eq!(ring.jwks().max_age(), Duration::ZERO);
    assert_eq!(ring.jwks().cache_control(), "no-cache");
    assert!(ring.signer(lease.signs_until).is_ok());
    assert!(matches!(
        ring.signer(lease.signs_until + TICK),
        Err(IssueError::KeysUnavailable)
    ));
    assert_eq!(ring.snapshot().len(), 1, "it verifies on");
}

#[test]
fn a_ring_without_a_key_that_signs_says_so() {
    let state = SigningKeyState::active(NOW);
    let public = HeldKey::verifying(key().verifying_key(), state);
    let ring = KeyRing::builder().build_from(vec![public], None);
    assert!(matches!(ring.signer(NOW), Err(IssueError::KeysUnavailable)));
    assert_eq!(published(&ring).len(), 1);
}

#[test]
fn clones_share_the_keys_and_readers_see_one_state_of_them() {
    let (ring, _) = ring();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (ring, over) = (ring.clone(), &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let state = ring.0.ring.load();
                    let kid = state.active().unwrap().kid().as_str();
                    assert!(state.keys.find(kid).is_some());
                    assert!(state.jwks.body().contains(kid));
                }
            });
        }
        for _ in 0..200 {
            ring.replace(key());
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn debug_shows_no_private_part() {
    let (ring, _) = ring();
    let shown = format!("{ring:?}");
    assert!(
        shown.contains(signer(&ring).as_str()) && shown.len() < 300,
        "{shown}"
    );
}
