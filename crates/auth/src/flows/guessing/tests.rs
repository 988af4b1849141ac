use passgate_domain::ScopeSet;
use passgate_domain::session::SessionId;
use passgate_domain::testing::{MemoryStore, act, new_user};
use secrecy::SecretString;
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);

/// Whoever goes on under another budget was not refused, and who was, by the one that is used up.
#[test]
fn a_right_guess_that_was_overtaken_is_told_of_once_it_is_given_up() {
    let sealing = SealingKey::from_secret(&SecretString::from("abcd".repeat(8))).unwrap();
    let guessing = Guessing::new(
        &sealing,
        GuessLimits {
            address: Budget::try_new(1, Duration::from_hours(1)).ok(),
            ..GuessLimits::default()
        },
    )
    .unwrap();
    let store = MemoryStore::default();
    let new = new_user("matt");
    let user = store.create_user(&new, &act(NOW)).unwrap();
    let admit = |username: &Username| {
        let here = "192.0.2.7".parse().ok();
        let attempt = guessing.log_in(Some(username), here, None, NOW);
        let admitted = guessing.admit(&store, Some(username), &attempt, NOW);
        admitted.unwrap().1
    };
    let right = admit(&user.username);
    let wrong = admit(&Username::parse("ada").unwrap());
    guessing.count(&store, &wrong, NOW).unwrap();
    let session = NewSession {
        id: SessionId::random(),
        user_id: user.id,
        client_id: "app".to_owned(),
        of_client: false,
        scope: ScopeSet::default(),
        device: passgate_domain::session::Device::default(),
        idle_until: NOW + Duration::from_hours(1),
        expires_at: NOW + Duration::from_hours(1),
    };
    let opened = guessing.open(&store, &right, &session, &new.password_hash, &act(NOW));
    let refused = || Guesser::ALL.map(|guesser| guessing.refused(guesser));
    assert_eq!(refused().iter().sum::<u64>(), 0);
    let error = guessing.given_up(opened.unwrap_err());
    assert!(
        matches!(&error, NotAdmitted::TooMany(error) if error.guesser == Guesser::Address),
        "{error:?}"
    );
    assert_eq!(guessing.refused(Guesser::Address), 1);
    assert_eq!(refused().iter().sum::<u64>(), 1);
}
