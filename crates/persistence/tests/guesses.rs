//! Guesses while somebody else is at them.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use passgate_domain::guess::{Budget, Charge, GuessKey, Guesser};
use passgate_domain::ports::{Guess, GuessStore, UserStore};
use passgate_domain::testing::{act, new_user};
use passgate_persistence::testing::TestDatabase;
use time::macros::datetime;

/// Sessions that ended lately may be many more than are looked at.
#[test]
fn an_account_knows_the_networks_of_its_sessions_however_many_have_ended() {
    let database = TestDatabase::new();
    let store = database.store();
    let now = datetime!(2026-11-01 12:00 UTC);
    let user = store.create_user(&new_user("matt"), &act(now)).unwrap();
    let row = |address: &str, ended: &str, count: u32| {
        format!(
            "INSERT INTO sessions (id, user_id, client_id, scope, generation, rotated_at, address,
                                   created_at, last_used_at, idle_until, expires_at, ended_at,
                                   end_reason)
             SELECT gen_random_uuid(), {}, 'app', 'profile', 1, at, '{address}', at, at,
                    at + interval '14 days', at + interval '90 days', {ended}
             FROM generate_series(1, {count}), (VALUES (timestamptz '2026-11-01 11:00Z')) AS one (at);",
            user.id
        )
    };
    let ended = row("198.51.100.1", "at, 'revoked'", 3000);
    let living = row("192.0.2.7", "NULL, NULL", 1);
    database
        .connect()
        .batch_execute(&format!("{ended} {living}"))
        .unwrap();
    let waiting = charge(1);
    for _ in 0..5 {
        store.count_guess(&[waiting], now).unwrap();
    }
    for (address, is_known) in [
        ("192.0.2.7", true),
        ("198.51.100.1", true),
        ("203.0.113.9", false),
    ] {
        let guess = Guess {
            username: Some(&user.username),
            charges: &[waiting],
            address: address.parse().ok(),
            now,
        };
        let prospect = store.look_at_guess(&guess).unwrap();
        assert_eq!(prospect.is_from_known_address, is_known, "{address}");
    }
}

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn charge(number: u8) -> Charge {
    Charge {
        guesser: Guesser::Account,
        key: GuessKey::new([number; GuessKey::BYTES]),
        budget: Budget::try_new(5, Duration::from_secs(1)).unwrap(),
    }
}

/// Who counts holds some rows and wants others: whoever removes them must not hold those and want these.
#[test]
fn removing_what_is_forgiven_waits_for_nobody() {
    let database = TestDatabase::new();
    let store = database.store();
    let now = datetime!(2026-11-01 12:00 UTC);
    let charges = [1, 2].map(charge);
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
