use super::*;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use password_hash::phc;

fn passwords() -> Passwords {
    Passwords::builder()
        .cost(Cost::try_new(64, 1, 1).unwrap())
        .arenas(1)
        .build()
        .unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn check(stored: &str, text: &str) -> Check {
    passwords()
        .check_blocking(&password(text), Some(&PasswordHash::new(stored)))
        .unwrap()
}

const BCRYPT_1234: &str = "$2b$12$oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G";
const UPGRADE: Check = Check::Match { upgrade: true };
const MATCH: Check = Check::Match { upgrade: false };

#[test]
fn a_hash_matches_its_own_password_only() {
    let passwords = passwords();
    let stored = passwords.hash_blocking(&password("correct horse")).unwrap();
    let check = |text| {
        passwords
            .check_blocking(&password(text), Some(&stored))
            .unwrap()
    };
    assert_eq!(check("correct horse"), MATCH);
    for wrong in [
        "correct horsf",
        "correct hors",
        "correct horse ",
        "Correct horse",
    ] {
        assert_eq!(check(wrong), Check::Mismatch, "{wrong}");
    }
}

#[test]
fn two_hashes_of_one_password_differ() {
    let passwords = passwords();
    let hash = || passwords.hash_blocking(&password("correct horse")).unwrap();
    assert_ne!(hash(), hash());
}

#[test]
fn new_hashes_say_what_they_cost() {
    let passwords = Passwords::builder().arenas(1).build().unwrap();
    let stored = passwords.hash_blocking(&password("correct horse")).unwrap();
    let prefix = "$argon2id$v=19$m=19456,t=2,p=1$";
    assert!(stored.expose().starts_with(prefix));
    // 16 bytes of salt, 32 bytes of tag.
    assert_eq!(stored.expose().len(), prefix.len() + 22 + 1 + 43);
}

/// `bcrypt.hashpw(b"1234", ...)`, as passlib stores it (`pip install passlib bcrypt`).
#[test]
fn a_bcrypt_hash_of_passlib_matches_and_wants_an_upgrade() {
    for prefix in ["2a", "2b", "2y"] {
        let stored = format!("${prefix}$12$oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G");
        assert_eq!(check(&stored, "1234"), UPGRADE);
        assert_eq!(check(&stored, "12345"), Check::Mismatch);
    }
}

/// `argon2.PasswordHasher().hash("1234")` of argon2-cffi.
#[test]
fn a_hash_of_argon2_cffi_matches() {
    let stored = "$argon2id$v=19$m=65536,t=3,p=4$nMt7TRhGIEmPjTYyqBCCvg$dy9CC/3Vj6OXlGy5GMlmOdEi6qBrV2rB8GynPTNui2c";
    assert_eq!(check(stored, "1234"), MATCH);
    assert_eq!(check(stored, "1235"), Check::Mismatch);
}

#[test]
fn the_plain_library_accepts_our_hashes_and_we_accept_its() {
    let ours = passwords()
        .hash_blocking(&password("correct horse"))
        .unwrap();
    let parsed = phc::PasswordHash::new(ours.expose()).unwrap();
    Argon2::default()
        .verify_password(b"correct horse", &parsed)
        .unwrap();
    let theirs: phc::PasswordHash = Argon2::default().hash_password(b"correct horse").unwrap();
    assert_eq!(check(&theirs.to_string(), "correct horse"), MATCH);
}

#[test]
fn weaker_and_older_hashes_want_an_upgrade() {
    use argon2::{Algorithm, Params, Version};
    let sized = |algorithm, version, m, t, tag| {
        let params = Params::new(m, t, 1, tag).unwrap();
        let hash: phc::PasswordHash = Argon2::new(algorithm, version, params)
            .hash_password(b"pw")
            .unwrap();
        check(&hash.to_string(), "pw")
    };
    let made = |algorithm, version, m, t| sized(algorithm, version, m, t, None);
    let (id, v19) = (Algorithm::Argon2id, Version::V0x13);
    assert_eq!(sized(id, v19, 64, 1, Some(31)), UPGRADE);
    assert_eq!(sized(id, v19, 64, 1, Some(33)), MATCH);
    assert_eq!(made(id, v19, 64, 1), MATCH);
    assert_eq!(made(id, v19, 128, 2), MATCH);
    assert_eq!(made(id, v19, 32, 4), UPGRADE);
    assert_eq!(made(id, Version::V0x10, 64, 1), UPGRADE);
    assert_eq!(made(Algorithm::Argon2i, v19, 64, 1), UPGRADE);
    assert_eq!(made(Algorithm::Argon2d, v19, 64, 1), UPGRADE);
}

#[test]
fn an_unknown_user_costs_the_same_work_and_never_matches() {
    let passwords = passwords();
    let stored = passwords.hash_blocking(&password("nobody's")).unwrap();
    let work = |stored: Option<&PasswordHash>, text: &str| {
        let before = passwords.computed();
        let check = passwords.check_blocking(&password(text), stored).unwrap();
        (check, passwords.computed() - before)
    };
    assert_eq!(work(Some(&stored), "nobody's"), (MATCH, 1));
    assert_eq!(work(Some(&stored), "somebody's"), (Check::Mismatch, 1));
    assert_eq!(work(None, "nobody's"), (Check::Mismatch, 1));
    // Not in NFC: tried in two forms, whoever it is.
    assert_eq!(work(Some(&stored), "cafe\u{301}"), (Check::Mismatch, 2));
    assert_eq!(work(None, "cafe\u{301}"), (Check::Mismatch, 2));
}

#[test]
fn an_accent_typed_in_another_way_is_the_same_password() {
    let passwords = passwords();
    let stored = passwords.hash_blocking(&password("caf\u{e9}")).unwrap();
    let check = passwords
        .check_blocking(&password("cafe\u{301}"), Some(&stored))
        .unwrap();
    assert_eq!(check, MATCH);
}

#[test]
fn a_system_that_hashed_what_it_was_sent_is_understood() {
    let raw: phc::PasswordHash = Argon2::default()
        .hash_password("cafe\u{301}".as_bytes())
        .unwrap();
    assert_eq!(check(&raw.to_string(), "cafe\u{301}"), UPGRADE);
}

#[test]
fn what_cannot_be_checked_is_an_error_and_costs_nothing() {
    let passwords = passwords();
    let before = passwords.computed();
    let huge = PasswordHash::new(
        "$argon2id$v=19$m=4294967295,t=9,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA",
    );
    let refused = passwords.check_blocking(&password("pw"), Some(&huge));
    assert!(matches!(refused, Err(PasswordError::LimitExceeded(_))));
    assert_eq!(passwords.computed(), before);
}

struct Parked(thread::Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What the smallest of runtimes does.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn both_doors_lead_to_the_same_answers() {
    let passwords = passwords();
    let right = password("correct horse");
    let stored = block_on(passwords.hash(&right)).unwrap();
    assert_eq!(passwords.check_blocking(&right, Some(&stored)), Ok(MATCH));
    assert_eq!(block_on(passwords.check(&right, Some(&stored))), Ok(MATCH));
    let wrong = password("wrong horse");
    assert_eq!(
        block_on(passwords.check(&wrong, Some(&stored))),
        Ok(Check::Mismatch)
    );
    assert_eq!(block_on(passwords.check(&right, None)), Ok(Check::Mismatch));
    let damaged = PasswordHash::new("plain");
    assert_eq!(
        block_on(passwords.check(&right, Some(&damaged))),
        Err(PasswordError::UnsupportedScheme)
    );
}

#[test]
fn a_future_outlives_the_passwords_and_what_it_was_asked_about() {
    let (passwords, stored) = (passwords(), PasswordHash::new(BCRYPT_1234));
    let check = passwords.check(&password("1234"), Some(&stored));
    drop((passwords, stored));
    assert_eq!(block_on(check), Ok(UPGRADE));
}

#[test]
fn dropping_a_future_or_a_presence_takes_the_work_back() {
    let passwords = passwords();
    let before = passwords.computed();
    let slow = PasswordHash::new(
        "$argon2id$v=19$m=131072,t=10,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA",
    );
    let text = password("correct horse");
    let first = passwords.check(&text, Some(&slow));
    let second = passwords.check(&text, None);
    let (watched, presence) = passwords.while_present();
    let third = watched.check(&text, None);
    drop((second, presence));
    assert_eq!(block_on(first), Ok(Check::Mismatch));
    assert_eq!(block_on(third), Err(PasswordError::Abandoned));
    assert_eq!(passwords.computed() - before, 1);
    assert_eq!(passwords.dropped(), 2);
    assert_eq!(
        watched.check_blocking(&text, None),
        Err(PasswordError::Abandoned)
    );
}

#[test]
fn with_every_arena_at_work_the_answer_is_busy() {
    let passwords = Passwords::builder()
        .cost(Cost::try_new(8, 1, 1).unwrap())
        .arenas(1)
        .queue(0, Duration::ZERO)
        .build()
        .unwrap();
    let slow = PasswordHash::new(
        "$argon2id$v=19$m=131072,t=10,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA",
    );
    let text = password("pw");
    let held = passwords.check(&text, Some(&slow));
    let refused = passwords.check_blocking(&text, None);
    assert!(matches!(refused, Err(PasswordError::Busy { .. })));
    assert!(passwords.would_admit().is_err());
    assert_eq!(block_on(held), Ok(Check::Mismatch));
    assert!(passwords.would_admit().is_ok());
    assert_eq!(passwords.check_blocking(&text, None), Ok(Check::Mismatch));
}

#[test]
fn there_are_never_more_arenas_than_cores() {
    let cores = thread::available_parallelism().unwrap().get();
    let passwords = Passwords::builder().arenas(10 * cores).build().unwrap();
    assert_eq!(passwords.arenas(), cores);
    let none = Passwords::builder().arenas(0).build().unwrap();
    assert_eq!(none.arenas(), 1);
}

#[test]
fn who_asks_most_gives_way_to_another_caller() {
    let passwords = Passwords::builder()
        .cost(Cost::try_new(8, 1, 1).unwrap())
        .arenas(1)
        .queue(2, Duration::from_mins(1))
        .build()
        .unwrap();
    let slow = PasswordHash::new(
        "$argon2id$v=19$m=131072,t=10,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA",
    );
    let from = |last| passwords.for_caller(&Caller::new().address([192, 0, 2, last].into()));
    let (many, one) = (from(1), from(2));
    let text = password("pw");
    let held = many.check(&text, Some(&slow));
    while passwords.at_work() == 0 {
        thread::yield_now();
    }
    let (second, third) = (many.check(&text, None), many.check(&text, None));
    assert_eq!((passwords.at_work(), passwords.waiting()), (1, 2));
    let other = one.check(&text, None);
    assert!(matches!(block_on(third), Err(PasswordError::Busy { .. })));
    for served in [held, second, other] {
        assert_eq!(block_on(served), Ok(Check::Mismatch));
    }
}

#[test]
fn figures_are_those_of_the_settings_and_of_the_work() {
    let passwords = passwords();
    assert_eq!(passwords.cost(), Cost::try_new(64, 1, 1).unwrap());
    assert_eq!((passwords.waiting(), passwords.dropped()), (0, 0));
    passwords.hash_blocking(&password("correct horse")).unwrap();
    assert!(passwords.usual() > Duration::ZERO);
}

#[test]
fn debug_shows_the_cost_and_no_hash() {
    let shown = format!("{:?}", passwords());
    assert!(
        shown.contains("memory_kib: 64") && !shown.contains("argon2id$"),
        "{shown}"
    );
}
