mod secrets;
mod shop;

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use passgate_auth::flows::{
    AnnounceError, KeySchedule, LogInError, RefreshError, SigningKeys, announce_key, replace_keys,
};
use passgate_auth::jwt::{Algorithm, IssueError, Lease};
use passgate_domain::Clock;
use passgate_domain::ports::SessionStore;
use passgate_domain::signing_key::KEPT_RETIRED;
use passgate_domain::testing::act;
use time::Duration as Span;

use self::shop::{DAY, Shop, signs};
use crate::world::{NOW, refresh_token, sealing, world};

const TICK: Span = Span::microseconds(1);

#[test]
fn the_ring_is_the_same_after_a_restart() {
    let shop = Shop::new();
    assert_eq!(signs(&shop.replica()), signs(&shop.replica()));
    assert_eq!(shop.states().len(), 1);
    assert_eq!(shop.events(), ["passgate key_promoted"]);
}

#[test]
fn replicas_that_start_together_sign_with_one_key() {
    let shop = Shop::new();
    let barrier = Barrier::new(8);
    let start = || {
        barrier.wait();
        signs(&shop.try_replica(sealing("abcd"), Algorithm::Es256).unwrap())
    };
    let kids: BTreeSet<String> = thread::scope(|scope| {
        let starting: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starting
            .into_iter()
            .map(|replica| replica.join().unwrap())
            .collect()
    });
    assert_eq!(kids.len(), 1, "{kids:?}");
}

#[test]
fn keys_of_another_algorithm_still_verify() {
    let shop = Shop::new();
    let open = |algorithm| shop.try_replica(sealing("abcd"), algorithm).unwrap();
    let old = open(Algorithm::Es256);
    let new = open(Algorithm::EdDsa);
    assert_ne!(signs(&old), signs(&new));
    assert!(new.ring().jwks().body().contains(&signs(&old)));
    for signer in [&old, &new] {
        let token = shop.sign(signer).unwrap();
        assert!(shop.verifies(new.ring().clone(), &token));
    }
}

#[test]
fn a_rotation_goes_through_every_replica_and_no_token_is_refused_anywhere() {
    let shop = Shop::new();
    // The third looks no more once the others promote: its database is away.
    let [one, other, late] = [(); 3].map(|()| shop.replica());
    let first = signs(&one);
    let next = shop.announce();

    // A moment too early, nothing signs with it; whoever looks publishes it.
    shop.publish();
    shop.clock.advance(-TICK);
    for replica in [&one, &other, &late] {
        assert_eq!(shop.follow(replica).promoted, None);
        assert_eq!(signs(replica), first);
        assert!(replica.ring().jwks().body().contains(&next));
    }
    shop.clock.advance(TICK);
    assert_eq!(shop.follow(&one).promoted.as_deref(), Some(&*next));
    assert_eq!(signs(&one), next);
    // The other has not looked yet: each verifies what the other signs.
    assert_eq!(signs(&other), first);
    for (signer, verifier) in [(&one, &other), (&other, &one)] {
        let token = shop.sign(signer).unwrap();
        assert!(shop.verifies(verifier.ring().clone(), &token));
    }
    assert_eq!(shop.follow(&other).promoted, None);
    assert_eq!(signs(&other), next);

    // What the old key signs at the last moment, in a replica that does not look any more, is
    // verified for as long as a verifier may believe it.
    shop.clock.advance(Span::MINUTE - 2 * TICK);
    let last = shop.sign(&late).unwrap();
    assert_eq!(signs(&late), first);
    shop.clock.advance(2 * TICK);
    assert!(shop.sign(&late).is_err());
    shop.clock
        .advance(Span::DAY + Span::minutes(5) - Span::SECOND - TICK);
    for replica in [&one, &other] {
        assert_eq!(shop.follow(replica).removed, [""; 0]);
        assert!(shop.verifies(replica.ring().clone(), &last));
    }
    shop.clock.advance(Span::SECOND);
    assert_eq!(shop.follow(&other).removed, [""; 0]);
    shop.clock.advance(TICK);
    assert_eq!(shop.follow(&other).removed, [first]);
    assert_eq!(shop.follow(&one).removed, [""; 0]);
    assert_eq!(shop.states(), [(next, "active")]);
    assert_eq!(
        shop.events(),
        [
            "passgate key_promoted",
            "operator key_announced",
            "passgate key_retired",
            "passgate key_promoted",
            "passgate key_removed"
        ]
    );
}

#[test]
fn a_replica_that_lets_others_cache_for_longer_promotes_later() {
    let shop = Shop::new();
    let patient = KeySchedule::try_new(Duration::from_mins(10), None).unwrap();
    let replica = {
        let sealing = Arc::new(sealing("abcd").into());
        let clock = shop.clock.clone();
        SigningKeys::open(&shop.store, sealing, Algorithm::EdDsa, patient, clock).unwrap()
    };
    let made = shop.clock.now();
    let next = shop.announce();
    shop.publish();
    assert_eq!(shop.follow(&replica).promoted, None);
    let due = made + patient.publication();
    shop.clock.advance(due - shop.clock.now() - TICK);
    assert_eq!(shop.follow(&replica).promoted, None);
    shop.clock.advance(TICK);
    assert_eq!(shop.follow(&replica).promoted, Some(next));
}

#[test]
fn a_schedule_announces_in_time_and_one_replica_does() {
    let shop = Shop::rotating(Some(90 * DAY));
    let [one, other] = [shop.replica(), shop.replica()];
    let first = signs(&one);
    let publication = Span::try_from(shop.schedule.publication()).unwrap();
    shop.clock.advance(Span::days(90) - publication - TICK);
    assert_eq!(shop.follow(&one).announced, None);
    shop.clock.advance(TICK);
    let barrier = Barrier::new(2);
    let announced: Vec<String> = thread::scope(|scope| {
        let looks = [&one, &other].map(|replica| {
            let (shop, barrier) = (&shop, &barrier);
            scope.spawn(move || {
                barrier.wait();
                shop.follow(replica).announced
            })
        });
        looks
            .into_iter()
            .filter_map(|look| look.join().unwrap())
            .collect()
    });
    assert_eq!(announced.len(), 1);
    shop.publish();
    shop.follow(&one);
    assert_eq!(signs(&one), announced[0]);
    assert_ne!(signs(&one), first);
    // And so on.
    for _ in 0..3 {
        let before = signs(&one);
        shop.clock.advance(Span::days(90));
        shop.follow(&one);
        shop.publish();
        shop.follow(&one);
        assert_ne!(signs(&one), before);
        shop.follow(&one);
        assert_eq!(shop.states().len(), 2);
    }
}

#[test]
fn a_key_has_one_successor_at_a_time() {
    let shop = Shop::new();
    shop.replica();
    let next = shop.announce();
    let sealing = sealing("abcd").into();
    let announce = |algorithm| {
        let act = act(shop.clock.now());
        announce_key(&shop.store, &sealing, algorithm, &shop.schedule, &act)
    };
    let again = announce(Algorithm::EdDsa);
    assert!(
        matches!(&again, Err(AnnounceError::Announced { kid, .. }) if *kid == next),
        "{again:?}"
    );
    let none = announce(Algorithm::Es256);
    assert!(matches!(&none, Err(AnnounceError::NoKey(_))), "{none:?}");
    assert_eq!(shop.states().len(), 2);
}

#[test]
fn a_key_that_leaked_is_replaced_in_every_replica_at_its_next_look() {
    let shop = Shop::new();
    let [one, other] = [shop.replica(), shop.replica()];
    let leaked = shop.sign(&one).unwrap();
    shop.announce();
    let (sealing, now) = (sealing("abcd").into(), act(shop.clock.now()));
    let replaced = replace_keys(&shop.store, &sealing, Algorithm::EdDsa, &now).unwrap();
    assert_eq!(replaced.removed.len(), 2);
    for replica in [&one, &other] {
        shop.follow(replica);
        assert_eq!(signs(replica), replaced.kid);
        assert!(!shop.verifies(replica.ring().clone(), &leaked));
        let token = shop.sign(replica).unwrap();
        assert!(shop.verifies(one.ring().clone(), &token));
    }
}

#[test]
fn a_replica_without_its_database_stops_signing_after_a_minute_and_verifies_on() {
    let shop = Shop::new();
    let replica = shop.replica();
    let token = shop.sign(&replica).unwrap();
    shop.clock.advance(Span::MINUTE);
    assert!(shop.sign(&replica).is_ok());
    shop.clock.advance(TICK);
    let refused = shop.sign(&replica).unwrap_err();
    assert!(
        matches!(refused, IssueError::KeysUnavailable),
        "{refused:?}"
    );
    assert!(shop.issuer(&replica).ready().is_err());
    assert!(shop.verifies(replica.ring().clone(), &token));
    assert_eq!(replica.ring().jwks().max_age(), Duration::ZERO);
    shop.follow(&replica);
    assert!(shop.sign(&replica).is_ok());
    assert_eq!(replica.ring().jwks().max_age(), Duration::from_mins(1));
}

/// Wherever a replica dies, the next look of any other goes on from there.
#[test]
fn a_rotation_survives_the_death_of_whoever_began_it() {
    let shop = Shop::new();
    let first = signs(&shop.replica());
    let next = shop.announce();
    drop(shop.replica());
    shop.publish();
    assert_eq!(signs(&shop.replica()), next);
    shop.clock.advance(KEPT_RETIRED);
    drop(shop.replica());
    assert!(!shop.states().iter().any(|(kid, _)| *kid == first));
    let emptied = act(shop.clock.now());
    let sealing = sealing("abcd").into();
    replace_keys(&shop.store, &sealing, Algorithm::Es256, &emptied).unwrap();
    // The replicas sign with EdDSA: they make a key of their own again.
    let installed = shop.follow(&shop.replica()).installed;
    assert_eq!(installed, None, "the start did");
    assert_eq!(shop.states().len(), 2);
}

#[test]
fn what_cannot_be_signed_uses_no_refresh_token_up_and_opens_no_session() {
    let world = world();
    world.register("matt", &[]);
    let granted = world.log_in("matt", "correct horse", "").unwrap().granted;
    let held = refresh_token(&granted);
    let over = Lease {
        cached_until: NOW - TICK,
        signs_until: NOW - TICK,
    };
    world.ring.load(world.ring.held(), Some(over));
    let refused = world.refresh(held, "").unwrap_err();
    assert!(
        matches!(refused, RefreshError::Issue(IssueError::KeysUnavailable)),
        "{refused:?}"
    );
    let refused = world.log_in("matt", "correct horse", "").unwrap_err();
    assert!(
        matches!(refused, LogInError::Issue(IssueError::KeysUnavailable)),
        "{refused:?}"
    );
    // Long after the grace it is still the newest token of the only session.
    world.clock.advance(Span::MINUTE);
    world.ring.load(world.ring.held(), None);
    let sessions = world.store.sessions_of(granted.user.id, NOW).unwrap();
    assert_eq!(sessions.len(), 1);
    let next = world.refresh(held, "").unwrap();
    world.refresh(refresh_token(&next), "").unwrap();
}
