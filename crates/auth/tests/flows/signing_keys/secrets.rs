use passgate_auth::flows::{AnnounceError, SigningKeysError, announce_key, reseal_keys};
use passgate_auth::jwt::{Algorithm, SigningKey};
use passgate_auth::seal::SealingKeys;
use passgate_domain::Clock;
use passgate_domain::ports::SigningKeyStore;
use passgate_domain::testing::{act, signing_key};

use super::shop::{Shop, signs};
use crate::world::{NOW, sealing};

#[test]
fn another_secret_is_named_and_makes_no_key() {
    let shop = Shop::new();
    shop.replica();
    let error = shop
        .try_replica(sealing("efgh"), Algorithm::EdDsa)
        .unwrap_err();
    let said = error.to_string();
    assert!(
        matches!(error, SigningKeysError::OtherSecret { .. }),
        "{said}"
    );
    for part in [
        sealing("abcd").key_id(),
        sealing("efgh").key_id(),
        "PASSGATE_ACCEPTED_SECRET",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(shop.states().len(), 1);
}

#[test]
fn a_secret_is_exchanged_in_steps_of_which_none_locks_a_replica_out() {
    let shop = Shop::new();
    let secrets =
        |current, accepted| SealingKeys::from(sealing(current)).accepting(sealing(accepted));
    let replica = shop.replica();
    let kid = signs(&replica);
    let open = |sealing: SealingKeys| {
        shop.try_replica(sealing, Algorithm::EdDsa)
            .map(|keys| signs(&keys))
    };
    assert_eq!(open(secrets("abcd", "efgh")).unwrap(), kid);
    assert_eq!(open(secrets("efgh", "abcd")).unwrap(), kid);
    let now = act(shop.clock.now());
    let missing = reseal_keys(&shop.store, &sealing("efgh").into(), &now).unwrap_err();
    assert!(matches!(missing, SigningKeysError::OtherSecret { .. }));
    let reseal = || reseal_keys(&shop.store, &secrets("efgh", "abcd"), &now).unwrap();
    assert_eq!((reseal(), reseal()), (1, 0));
    for sealing in [
        secrets("abcd", "efgh"),
        secrets("efgh", "abcd"),
        sealing("efgh").into(),
    ] {
        assert_eq!(open(sealing).unwrap(), kid);
    }
    assert!(open(sealing("abcd").into()).is_err());
    // A retired key has no private half that anybody would miss.
    shop.announce_with(&secrets("efgh", "abcd"));
    shop.publish();
    let rotated = shop.try_replica(sealing("efgh"), Algorithm::EdDsa).unwrap();
    assert_eq!(shop.states()[1].1, "retired");
    assert_eq!(reseal(), 0);
    // It goes on without having to open anything again.
    shop.follow(&rotated);
}

#[test]
fn a_successor_that_nobody_could_open_is_not_announced() {
    let shop = Shop::new();
    shop.replica();
    let act = act(shop.clock.now());
    let refused = announce_key(
        &shop.store,
        &sealing("efgh").into(),
        Algorithm::EdDsa,
        &shop.schedule,
        &act,
    );
    assert!(
        matches!(
            &refused,
            Err(AnnounceError::Keys(SigningKeysError::OtherSecret { .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(shop.states().len(), 1);
}

#[test]
fn a_successor_that_a_replica_cannot_open_is_not_promoted_by_it() {
    let shop = Shop::new();
    let replica = shop.replica();
    shop.announce_with(&SealingKeys::from(sealing("efgh")).accepting(sealing("abcd")));
    shop.publish();
    let followed = replica.follow(&shop.store).unwrap();
    assert_eq!(followed.promoted, None);
    assert!(
        matches!(
            &followed.troubles[..],
            [SigningKeysError::OtherSecret { .. }]
        ),
        "{followed:?}"
    );
    // It signs on, and publishes the key for those that can.
    assert!(shop.sign(&replica).is_ok());
    assert_eq!(replica.ring().held().len(), 2);
}

/// The key `k1`, at the start.
fn names_a_damaged_key(shop: &Shop) {
    let started = shop.try_replica(sealing("abcd"), Algorithm::EdDsa);
    let error = started.unwrap_err();
    assert!(
        matches!(&error, SigningKeysError::Damaged { kid, .. } if kid == "k1"),
        "{error:?}"
    );
}

#[test]
fn a_damaged_key_is_named_and_not_replaced() {
    let shop = Shop::new();
    let mut key = signing_key("k1", "EdDSA");
    key.sealing_key_id = sealing("abcd").key_id().to_owned();
    shop.store.install_signing_key(&key, &act(NOW)).unwrap();
    names_a_damaged_key(&shop);
    assert_eq!(shop.states().len(), 1);
}

#[test]
fn a_public_half_under_another_keys_name_is_not_published() {
    let shop = Shop::new();
    let theirs = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let mut key = signing_key("k1", "ES256");
    key.public_jwk = theirs.public_jwk();
    shop.store.install_signing_key(&key, &act(NOW)).unwrap();
    names_a_damaged_key(&shop);
}
