//! Guesses while somebody else is at them.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use passgate_domain::guess::{Budget, Charge, GuessKey, Guesser};
use passgate_domain::ports::GuessStore;
use passgate_persistence::testing::TestDatabase;
use time::macros::datetime;

/// Who counts holds some rows and wants others: whoever removes them must not hold those and want these.
#[test]
fn removing_what_is_forgiven_waits_for_nobody() {
    let database = TestDatabase::new();
    let store = database.store();
    let now = datetime!(2026-11-01 12:00 UTC);
    let charges = [1, 2].map(|number| Charge {
        guesser: Guesser::Account,
        key: GuessKey::new([number; GuessKey::BYTES]),
        budget: Budget::try_new(5, Duration::from_secs(1)).unwrap(),
    });
    store.count_guess(&charges, now).unwrap();
    let mut counting = database.connect();
    counting
        .batch_execute(
            "BEGIN; UPDATE guesses SET arrival = arrival WHERE key = decode(repeat('01', 16), 'hex')",
        )
        .unwrap();
    let remove = || store.remove_forgiven_guesses(now + Duration::from_hours(1), 10);
    assert_eq!(remove().unwrap(), 1);
    counting.batch_execute("COMMIT").unwrap();
    assert_eq!((remove().unwrap(), remove().unwrap()), (1, 0));
}
