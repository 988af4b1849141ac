use std::thread;
use std::time::Duration;

use passgate_auth::flows::{
    ChangePassword, ChangePasswordError, ClientError, ClientToken, ClientTokenError, GuessLimits,
    Guessing, LogIn, LogInError, LoggedIn, TooManyGuesses, change_password, client_token, log_in,
};
use passgate_auth::password::{Cost, Passwords, Policy};
use passgate_domain::audit::{Act, Action, EventFilter};
use passgate_domain::client::Grant;
use passgate_domain::guess::{Budget, Guesser};
use passgate_domain::ports::{AuditStore, GuessStore};
use passgate_domain::session::{Device, SessionId};
use passgate_domain::{Password, ScopeSet, User, UserId, Username};

use crate::clients::says;
use crate::world::{NOW, World, sealing, world};

const RIGHT: &str = "correct horse";
const WRONG: &str = "wrong horse";
const HOME: &str = "192.0.2.7";

impl World {
    /// Logs in from somewhere, with a device token or none.
    fn from(
        &self,
        address: &str,
        username: &str,
        password: &str,
        device_token: Option<&str>,
    ) -> Result<LoggedIn, LogInError> {
        let command = LogIn {
            username: Username::parse(username).ok(),
            password: Password::parse(password).unwrap(),
            scope: ScopeSet::default(),
            client: None,
            device: Device::new(None, Some(address.to_owned())),
            device_token: device_token.map(str::to_owned),
        };
        let act = Act {
            address: Some(address.to_owned()),
            ..self.act()
        };
        self.try_log_in(&command, &act)
    }

    /// Guesses from ever new addresses, and counts how many were looked at.
    fn attack(&self, username: &str, guesses: u32) -> usize {
        let looked_at = |guess: u32| {
            let [.., b, c, d] = guess.to_be_bytes();
            let guess = self.from(&format!("10.{b}.{c}.{d}"), username, WRONG, None);
            match guess.unwrap_err() {
                LogInError::Refused => true,
                LogInError::TooMany(_) => false,
                error => panic!("{error:?}"),
            }
        };
        (0..guesses).filter(|guess| looked_at(*guess)).count()
    }

    fn refusal(&self, address: &str, username: &str, password: &str) -> TooManyGuesses {
        match self.from(address, username, password, None) {
            Err(LogInError::TooMany(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

fn worlds_with(limits: GuessLimits) -> World {
    let mut world = world();
    world.guessing = Guessing::new(&sealing("abcd"), limits).unwrap();
    world
}

fn one(every: Duration) -> Option<Budget> {
    Budget::try_new(1, every).ok()
}

#[test]
fn an_account_waits_longer_and_longer_and_costs_no_hash_meanwhile() {
    let world = world();
    world.register("matt", &[]);
    let before = world.passwords.computed();
    assert_eq!(world.attack("matt", 100), 10);
    assert_eq!(world.passwords.computed() - before, 10);
    let refusal = world.refusal(HOME, "matt", RIGHT);
    assert_eq!((refusal.guesser, refusal.seconds()), (Guesser::Account, 1));
    for wait in [1, 2, 4, 8] {
        let refusal = world.refusal(HOME, "matt", WRONG);
        assert_eq!(refusal.seconds(), wait);
        world.clock.advance(refusal.retry_after.try_into().unwrap());
        assert_eq!(world.attack("matt", 3), 1);
    }
    assert_eq!(world.guessing.refused(Guesser::Account), 90 + 5 + 8);
    // Everything is forgiven in time.
    world.clock.advance(time::Duration::hours(4));
    assert_eq!(world.attack("matt", 100), 10);
}

#[test]
fn a_name_that_nobody_has_waits_as_any_other() {
    let world = world();
    world.register("matt", &[]);
    assert_eq!(world.attack("nobody", 30), world.attack("matt", 30));
    let of = |username| world.refusal(HOME, username, RIGHT);
    assert_eq!(of("nobody"), of("matt"));
    // By its normal form.
    assert_eq!(world.attack("MATT", 30), 0);
}

#[test]
fn a_known_device_gets_in_and_a_stranger_with_the_right_password_does_not() {
    let world = world();
    world.register("matt", &[]);
    let token = world.from(HOME, "matt", RIGHT, None).unwrap().device_token;
    world.attack("matt", 30);
    assert_eq!(
        world.refusal("198.51.100.1", "matt", RIGHT).guesser,
        Guesser::Account
    );
    // From where it logged in before, and from anywhere with what it kept.
    world.from(HOME, "matt", RIGHT, None).unwrap();
    let moved = world.from("198.51.100.1", "matt", RIGHT, Some(token.expose()));
    let renewed = moved.unwrap().device_token;
    world
        .from("198.51.100.2", "matt", RIGHT, Some(renewed.expose()))
        .unwrap();
    // It is for this account and unforgeable.
    world.register("ada", &[]);
    world.attack("ada", 30);
    for token in [token.expose(), "", "AAAA"] {
        let other = world.from("198.51.100.3", "ada", RIGHT, Some(token));
        assert!(matches!(other, Err(LogInError::TooMany(_))), "{other:?}");
    }
}

#[test]
fn a_known_device_has_a_budget_of_its_own_and_no_more() {
    let world = world();
    world.register("matt", &[]);
    let token = world.from(HOME, "matt", RIGHT, None).unwrap().device_token;
    world.attack("matt", 30);
    let guess = |password| world.from("198.51.100.1", "matt", password, Some(token.expose()));
    let looked_at = (0..30).filter(|_| matches!(guess(WRONG), Err(LogInError::Refused)));
    assert_eq!(looked_at.count(), 10);
    assert!(matches!(guess(RIGHT), Err(LogInError::TooMany(_))));
    // Whoever sits at the same address as its owner has another.
    world.from(HOME, "matt", RIGHT, None).unwrap();
}

#[test]
fn addresses_networks_and_everybody_have_budgets() {
    let hour = Duration::from_hours(1);
    let of = |limits| {
        let world = worlds_with(limits);
        world.register("matt", &[]);
        world
    };
    let world = of(GuessLimits {
        address: one(hour),
        ..GuessLimits::OFF
    });
    let guess = |address: &str, username| world.from(address, username, WRONG, None).unwrap_err();
    assert!(matches!(guess("2001:db8::1", "a"), LogInError::Refused));
    assert_eq!(
        world.refusal("2001:db8::ffff", "b", WRONG).guesser,
        Guesser::Address
    );
    // Ten times as many in the larger network.
    for network in 1..10 {
        let address = format!("2001:db8:0:{network}::1");
        assert!(
            matches!(guess(&address, "a"), LogInError::Refused),
            "{network}"
        );
    }
    assert_eq!(
        world.refusal("2001:db8:0:a::1", "c", WRONG).guesser,
        Guesser::Network
    );
    assert!(matches!(guess("2001:db9::1", "a"), LogInError::Refused));
    let world = of(GuessLimits {
        everybody: one(hour),
        ..GuessLimits::OFF
    });
    world.from(HOME, "matt", RIGHT, None).unwrap();
    world.from("10.0.0.1", "a", WRONG, None).unwrap_err();
    assert_eq!(
        world.refusal("10.0.0.2", "matt", RIGHT).guesser,
        Guesser::Everybody
    );
    world.from(HOME, "matt", RIGHT, None).unwrap();
}

#[test]
fn a_right_password_counts_as_no_guess() {
    let world = worlds_with(GuessLimits {
        account: one(Duration::from_hours(1)),
        ..GuessLimits::default()
    });
    world.register("matt", &[]);
    for address in 0..30 {
        let address = format!("10.0.0.{address}");
        world.from(&address, "matt", RIGHT, None).unwrap();
    }
}

/// Or else everybody could ask for a scope that nobody has, to learn of a right password.
#[test]
fn what_is_refused_for_its_scope_is_within_the_budget() {
    let world = world();
    world.register("matt", &[]);
    let refused = world.log_in("matt", RIGHT, "admin");
    assert!(matches!(refused, Err(LogInError::Scope { .. })));
    world.attack("matt", 30);
    let refused = world.log_in("matt", RIGHT, "admin");
    assert!(
        matches!(refused, Err(LogInError::TooMany(_))),
        "{refused:?}"
    );
}

/// An upgrade takes as long as another guess, and stays.
#[test]
fn a_right_guess_that_was_overtaken_upgrades_nothing() {
    let world = world();
    world.register("matt", &[]);
    let before = world.stored("matt");
    // The other hash lasts half a second or more: until everything below has happened, on any machine.
    let stronger = Passwords::builder()
        .cost(Cost::try_new(96 * 1024, 10, 1).unwrap())
        .arenas(1)
        .queue(1, Duration::from_mins(1))
        .build()
        .unwrap();
    let command = LogIn {
        username: Username::parse("matt").ok(),
        password: Password::parse(RIGHT).unwrap(),
        scope: ScopeSet::default(),
        client: None,
        device: Device::default(),
        device_token: None,
    };
    let outcome = thread::scope(|scope| {
        let other = Password::parse(WRONG).unwrap();
        let (stronger, command) = (&stronger, &command);
        let holding = scope.spawn(move || stronger.hash_blocking(&other));
        while stronger.at_work() == 0 {
            thread::yield_now();
        }
        let World {
            store,
            tokens,
            guessing,
            ..
        } = &world;
        let act = world.act();
        let right = scope.spawn(move || log_in(store, stronger, tokens, guessing, command, &act));
        // It was let in, and waits for the arena.
        while stronger.waiting() == 0 {
            assert!(!right.is_finished());
            thread::yield_now();
        }
        assert_eq!(world.attack("matt", 30), 10);
        assert!(!holding.is_finished(), "the other hash takes longer");
        right.join().unwrap()
    });
    assert!(
        matches!(outcome, Err(LogInError::TooMany(_))),
        "{outcome:?}"
    );
    assert!(world.stored("matt") == before);
    // Twenty of the others, and this one once, though it was asked twice.
    assert_eq!(world.guessing.refused(Guesser::Account), 20 + 1);
}

#[test]
fn a_clock_that_is_stepped_back_locks_nobody_out() {
    let world = world();
    world.register("matt", &[]);
    world.clock.advance(time::Duration::hours(36));
    world.attack("matt", 1);
    world.clock.advance(time::Duration::hours(-36));
    world.from(HOME, "matt", RIGHT, None).unwrap();
    assert_eq!(world.attack("matt", 30), 10, "and guesses are counted");
}

#[test]
fn registrations_from_a_larger_network_have_a_budget() {
    let world = worlds_with(GuessLimits {
        registration: one(Duration::from_hours(1)),
        ..GuessLimits::OFF
    });
    let register = |address: &str| {
        let act = Act {
            address: Some(address.to_owned()),
            ..world.act()
        };
        world.guessing.count_registration(&world.store, &act)
    };
    register("192.0.2.7").unwrap();
    register("192.0.2.7").unwrap_err();
    for network in 0..10 {
        register(&format!("2001:db8:0:{network}::1")).unwrap();
    }
    let refused = register("2001:db8:0:a::1").unwrap_err();
    assert_eq!(refused.guesser, Guesser::Registration);
    register("2001:db8:1::1").unwrap();
}

#[test]
fn what_is_refused_without_a_look_leaves_nothing_to_be_kept() {
    let world = worlds_with(GuessLimits {
        registration: one(Duration::from_hours(1)),
        ..GuessLimits::OFF
    });
    let register = |network: u32| {
        let act = Act {
            address: Some(format!("2001:db8:0:{network:x}::1")),
            ..world.act()
        };
        world
            .guessing
            .count_registration(&world.store, &act)
            .is_ok()
    };
    assert_eq!((0..100).filter(|network| register(*network)).count(), 10);
    let later = NOW + Duration::from_hours(1000);
    let kept = world.store.remove_forgiven_guesses(later, 1000).unwrap();
    assert_eq!(
        kept,
        10 + 1,
        "of the networks that were let in, and of all of them"
    );
}

#[test]
fn a_user_has_a_budget_for_changes_whatever_is_changed_and_others_have_theirs() {
    let world = worlds_with(GuessLimits::OFF);
    let user = |number| UserId::try_new(number).unwrap();
    let change = |number| {
        let act = world.act();
        world
            .guessing
            .count_change(&world.store, user(number), &act)
    };
    for _ in 0..50 {
        change(1).unwrap();
        let email = world
            .guessing
            .count_email(&world.store, user(1), &world.act());
        email.unwrap();
    }
    let refused = change(1).unwrap_err();
    assert_eq!((refused.guesser, refused.seconds()), (Guesser::Caller, 36));
    assert_eq!(refused.to_string(), "too many requests: try again in 36 s");
    change(2).unwrap();
    world.clock.advance(refused.retry_after.try_into().unwrap());
    change(1).unwrap();
    change(1).unwrap_err();
}

#[test]
fn a_client_has_a_budget_for_its_own_tokens_and_others_have_theirs() {
    let world = worlds_with(GuessLimits::OFF);
    let grants = &[Grant::ClientCredentials];
    let clients = ["billing", "batch"].map(|id| (id, world.register_client(id, grants, "todos").1));
    let ask = |client: usize| {
        let (id, secret) = &clients[client];
        world.client_token(says(id, secret.expose()), "")
    };
    for _ in 0..1000 {
        ask(0).unwrap();
    }
    let Err(ClientTokenError::Client(ClientError::TooMany(refused))) = ask(0) else {
        panic!("one more than a thousand at once");
    };
    assert_eq!((refused.guesser, refused.seconds()), (Guesser::Caller, 1));
    let filter = EventFilter {
        action: Some(Action::ClientTokenIssued),
        limit: 2000,
        ..EventFilter::default()
    };
    assert_eq!(world.store.events(&filter).unwrap().len(), 1000);
    ask(1).unwrap();
    world.clock.advance(time::Duration::SECOND);
    ask(0).unwrap();
    ask(0).unwrap_err();
}

#[test]
fn whoever_asks_for_the_email_addresses_of_others_waits_wherever_they_ask_from() {
    let world = worlds_with(GuessLimits {
        registration: one(Duration::from_hours(1)),
        ..GuessLimits::OFF
    });
    let ask = |user: i64, address: &str| {
        let act = Act {
            address: Some(address.to_owned()),
            ..world.act()
        };
        let user = UserId::try_new(user).unwrap();
        world.guessing.count_email(&world.store, user, &act)
    };
    ask(1, "192.0.2.7").unwrap();
    let refused = ask(1, "192.0.2.8").unwrap_err();
    assert_eq!(refused.guesser, Guesser::Registration);
    ask(2, "192.0.2.7").unwrap_err();
    ask(3, "192.0.2.9").unwrap();
}

#[test]
fn secrets_of_clients_from_a_larger_network_have_a_budget() {
    let world = worlds_with(GuessLimits {
        address: one(Duration::from_hours(1)),
        ..GuessLimits::OFF
    });
    let guess = |address: &str| {
        let act = Act {
            address: Some(address.to_owned()),
            ..world.act()
        };
        let command = ClientToken {
            client: says("billing", "wrong"),
            scope: ScopeSet::default(),
        };
        client_token(&world.store, &world.tokens, &world.guessing, &command, &act).unwrap_err()
    };
    let is_told =
        |error: &ClientTokenError| matches!(error, ClientTokenError::Client(ClientError::Refused));
    for network in 0..10 {
        let refused = guess(&format!("2001:db8:0:{network}::1"));
        assert!(is_told(&refused), "{refused:?}");
    }
    let ClientTokenError::Client(ClientError::TooMany(refused)) = guess("2001:db8:0:a::1") else {
        panic!("an eleventh network was told");
    };
    assert_eq!(refused.guesser, Guesser::Client);
    assert!(is_told(&guess("2001:db8:1::1")));
}

#[test]
fn the_log_has_the_guesses_that_were_looked_at_and_when_no_more_were() {
    let world = world();
    world.register("matt", &[]);
    world.attack("matt", 1000);
    let filter = EventFilter {
        limit: 100,
        ..EventFilter::default()
    };
    let events = world.store.events(&filter).unwrap();
    let refused = events
        .iter()
        .filter(|event| event.action == "log_in_refused");
    let details: Vec<&str> = refused
        .filter_map(|event| event.detail.as_deref())
        .collect();
    assert_eq!(details.len(), 10);
    assert_eq!(details[0], "wrong password; too many guesses: account");
    assert_eq!(details[1], "wrong password");
}

fn change(
    world: &World,
    user: &User,
    session: SessionId,
    current: &str,
) -> Result<(), ChangePasswordError> {
    let command = ChangePassword {
        user_id: user.id,
        username: user.username.clone(),
        session,
        current: Password::parse(current).unwrap(),
        new: Password::parse("another horse altogether").unwrap(),
    };
    let World {
        store,
        passwords,
        guessing,
        ..
    } = world;
    let policy = Policy::default();
    change_password(store, passwords, &policy, guessing, &command, &world.act())
}

#[test]
fn a_session_guesses_at_the_current_password_for_itself() {
    let world = world();
    let user = world.register("matt", &[]);
    let [thief, owner] = [(); 2].map(|()| world.log_in("matt", RIGHT, "").unwrap().granted.session);
    world.attack("matt", 30);
    let guess = |_: &i32| {
        matches!(
            change(&world, &user, thief, WRONG),
            Err(ChangePasswordError::Incorrect)
        )
    };
    assert_eq!((0..30).filter(guess).count(), 10);
    let refused = change(&world, &user, thief, RIGHT);
    assert!(
        matches!(refused, Err(ChangePasswordError::TooMany(_))),
        "{refused:?}"
    );
    change(&world, &user, owner, RIGHT).unwrap();
}
