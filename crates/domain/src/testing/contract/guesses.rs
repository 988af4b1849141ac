//! The contract of [`GuessStore`], a rule a function.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use time::OffsetDateTime;

use super::NOW;
use super::sessions::new_session;
use crate::guess::{Budget, Charge, Counted, GuessKey, Guesser, Tally};
use crate::ports::{Guess, GuessStore, Opening, Prospect, SessionStore, UserStore};
use crate::session::Device;
use crate::testing::{act, new_user};
use crate::{NewUser, Username};

fn key(number: u8) -> GuessKey {
    GuessKey::new([number; GuessKey::BYTES])
}

fn budget(burst: u32) -> Budget {
    Budget::try_new(burst, Duration::from_mins(15)).unwrap()
}

fn charge(number: u8, budget: Budget) -> Charge {
    Charge {
        guesser: Guesser::Account,
        key: key(number),
        budget,
    }
}

/// Counts under one key.
fn count<S: GuessStore + ?Sized>(store: &S, charge: Charge, now: OffsetDateTime) -> Counted {
    let counted = store.count_guess(&[charge], now).unwrap();
    let [counted] = counted[..] else {
        panic!("not one key: {counted:?}");
    };
    assert_eq!(counted.key, charge.key);
    counted
}

fn look<S: GuessStore + ?Sized>(
    store: &S,
    username: &str,
    charges: &[Charge],
    address: &str,
) -> Prospect {
    let username = Username::parse(username).unwrap();
    let guess = Guess {
        username: Some(&username),
        charges,
        address: Some(address.parse::<IpAddr>().unwrap()),
        now: NOW,
    };
    store.look_at_guess(&guess).unwrap()
}

/// Databases compute in microseconds.
fn is_near(one: OffsetDateTime, other: OffsetDateTime) -> bool {
    (one - other).abs() <= time::Duration::microseconds(2)
}

pub fn a_wrong_guess_is_counted_by_the_rule<S: GuessStore + ?Sized>(store: &S) {
    let steady = charge(1, budget(3));
    let doubling = charge(2, budget(3).doubling());
    let single = charge(3, budget(1));
    for charge in [steady, doubling, single] {
        let (mut known, mut now) = (None, NOW);
        for turn in 0..24 {
            let expected = Tally::after(known, &charge.budget, now);
            let counted = count(store, charge, now);
            assert!(counted.within, "{turn}: {counted:?}");
            assert!(
                is_near(counted.tally.arrival, expected.arrival),
                "{turn}: {counted:?} {expected:?}"
            );
            assert!(
                is_near(counted.tally.not_before, expected.not_before),
                "{turn}: {counted:?} {expected:?}"
            );
            // As soon as it may be, as the store knows it, and now and then later.
            known = Some(counted.tally);
            now = counted.tally.not_before.max(now);
            if turn % 7 == 6 {
                now += Duration::from_mins(40);
            }
        }
    }
}

pub fn under_a_key_that_waits_nothing_is_counted<S: GuessStore + ?Sized>(store: &S) {
    let single = charge(1, budget(1));
    let first = count(store, single, NOW);
    assert!(first.within);
    let soon = NOW + Duration::from_mins(14);
    let charges = [charge(2, budget(5)), single];
    let counted = store.count_guess(&charges, soon).unwrap();
    let [waiting, other] = counted[..] else {
        panic!("{counted:?}");
    };
    assert_eq!((waiting.key, waiting.within), (key(1), false));
    assert_eq!(waiting.tally, first.tally);
    assert_eq!((other.key, other.within), (key(2), true));
    assert!(count(store, single, NOW + Duration::from_mins(15)).within);
}

pub fn of_concurrent_guesses_as_many_are_within_as_the_budget_has<S>(store: &S)
where
    S: GuessStore + ?Sized,
{
    // In both orders, which must not stop each other.
    let (one, other) = (charge(1, budget(5)), charge(2, budget(7)));
    let orders = [[one, other], [other, one]];
    let within: Vec<Vec<Counted>> = thread::scope(|scope| {
        let guessing: Vec<_> = (0..16)
            .map(|turn| scope.spawn(move || store.count_guess(&orders[turn % 2], NOW).unwrap()))
            .collect();
        guessing
            .into_iter()
            .map(|guess| guess.join().unwrap())
            .collect()
    });
    let of = |charge: Charge| {
        let counted = within.iter().flatten();
        counted
            .filter(|counted| counted.key == charge.key && counted.within)
            .count()
    };
    assert_eq!((of(one), of(other)), (5, 7));
}

pub fn what_stands_against_a_guess_is_read_with_the_account<S>(store: &S)
where
    S: GuessStore + UserStore + ?Sized,
{
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let (one, two) = (charge(1, budget(1)), charge(2, budget(2)));
    let until = count(store, one, NOW).tally.not_before;
    count(store, two, NOW);
    let prospect = look(
        store,
        "MATT",
        &[one, two, charge(3, budget(1))],
        "192.0.2.1",
    );
    assert_eq!(prospect.waiting, [(key(1), until)]);
    let credentials = prospect.credentials.unwrap();
    assert_eq!(credentials.user, user);
    assert_eq!(credentials.password_hash, new_user("matt").password_hash);
    let other = look(store, "matt", &[two], "192.0.2.1");
    assert!(other.waiting.is_empty() && other.credentials.is_some());
    store.delete_user(user.id, &act(NOW)).unwrap();
    assert!(look(store, "matt", &[], "192.0.2.1").credentials.is_none());
}

pub fn a_name_that_nobody_has_waits_as_any_other<S: GuessStore + ?Sized>(store: &S) {
    let one = charge(1, budget(1));
    let until = count(store, one, NOW).tally.not_before;
    let prospect = look(store, "nobody", &[one], "192.0.2.1");
    assert_eq!(prospect.waiting, [(key(1), until)]);
    assert!(prospect.credentials.is_none() && !prospect.is_from_known_address);
    let nameless = Guess {
        username: None,
        charges: &[one],
        address: None,
        now: NOW,
    };
    let prospect = store.look_at_guess(&nameless).unwrap();
    assert_eq!(prospect.waiting, [(key(1), until)]);
    assert!(prospect.credentials.is_none());
}

pub fn an_account_knows_the_networks_of_its_sessions<S>(store: &S)
where
    S: GuessStore + UserStore + SessionStore + ?Sized,
{
    let NewUser { password_hash, .. } = new_user("matt");
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    store.create_user(&new_user("ada"), &act(NOW)).unwrap();
    for address in ["192.0.2.7", "2001:db8:0:7::1:2", "::1"] {
        let mut session = new_session(&user);
        session.device = Device::new(None, Some(address.to_owned()));
        assert!(
            store
                .open_session(&session, &password_hash, &act(NOW))
                .unwrap()
        );
    }
    let one = charge(1, budget(1));
    count(store, one, NOW);
    let knows = |username, address| look(store, username, &[one], address).is_from_known_address;
    for known in [
        "192.0.2.7",
        "::ffff:192.0.2.7",
        "2001:db8:0:7:ffff::",
        "::2",
    ] {
        assert!(knows("matt", known), "{known}");
        assert!(!knows("ada", known), "{known}");
    }
    for unknown in [
        "192.0.2.8",
        "2001:db8:0:8::1:2",
        "2001:db8:7::1",
        "192.0.2.70",
    ] {
        assert!(!knows("matt", unknown), "{unknown}");
    }
}

pub fn a_right_guess_beyond_the_budget_opens_nothing<S>(store: &S)
where
    S: GuessStore + UserStore + SessionStore + ?Sized,
{
    let NewUser { password_hash, .. } = new_user("matt");
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let (one, two) = (charge(1, budget(1)), charge(2, budget(2)));
    let until = count(store, one, NOW).tally.not_before;
    count(store, two, NOW);
    let open = |hash, charges: &[Charge], now| {
        let session = new_session(&user);
        let opening = store
            .open_session_within(&session, hash, charges, &act(now))
            .unwrap();
        let is_there = store.find_session_user(session.id, now).unwrap().is_some();
        assert_eq!(is_there, opening == Opening::Opened);
        opening
    };
    let waiting = open(&password_hash, &[two, one], NOW);
    assert_eq!(waiting, Opening::Waiting(one.key, until));
    assert_eq!(open(&password_hash, &[one], until), Opening::Opened);
    assert_eq!(
        open(&password_hash, &[two, charge(3, budget(1))], NOW),
        Opening::Opened
    );
    assert_eq!(open(&password_hash, &[], NOW), Opening::Opened);
    let other = new_user("ada").password_hash;
    assert_eq!(open(&other, &[two], NOW), Opening::Stale);
}

pub fn what_was_counted_before_the_clock_was_stepped_back_stands_against_nobody<S>(store: &S)
where
    S: GuessStore + UserStore + SessionStore + ?Sized,
{
    let NewUser { password_hash, .. } = new_user("matt");
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let charges = [
        charge(1, budget(1)),
        charge(2, budget(10)),
        charge(3, budget(10).doubling()),
    ];
    store
        .count_guess(&charges, NOW + Duration::from_hours(24))
        .unwrap();
    assert_eq!(look(store, "matt", &charges, "192.0.2.1").waiting, []);
    let session = new_session(&user);
    let opening = store
        .open_session_within(&session, &password_hash, &charges, &act(NOW))
        .unwrap();
    assert_eq!(opening, Opening::Opened);
    for counted in store.count_guess(&charges, NOW).unwrap() {
        let charge = charges.iter().find(|charge| charge.key == counted.key);
        let expected = Tally::after(None, &charge.unwrap().budget, NOW);
        assert!(counted.within, "{counted:?}");
        assert!(
            is_near(counted.tally.arrival, expected.arrival)
                && is_near(counted.tally.not_before, expected.not_before),
            "{counted:?} {expected:?}"
        );
    }
}

pub fn what_is_forgiven_is_removed_in_small_batches<S: GuessStore + ?Sized>(store: &S) {
    for number in 0..5 {
        count(store, charge(number, budget(2)), NOW);
    }
    count(store, charge(9, budget(1)), NOW + Duration::from_hours(1));
    let remove = |before, limit| store.remove_forgiven_guesses(before, limit).unwrap();
    assert_eq!(remove(NOW + Duration::from_mins(15), 10), 0);
    let later = NOW + Duration::from_mins(16);
    assert_eq!(
        (remove(later, 3), remove(later, 3), remove(later, 3)),
        (3, 2, 0)
    );
    assert!(!count(store, charge(9, budget(1)), NOW + Duration::from_hours(1)).within);
}
