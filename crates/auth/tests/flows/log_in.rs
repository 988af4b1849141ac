use passgate_auth::flows::{LogInError, Register, RegisterError, register};
use passgate_auth::password::{Check, Policy};
use passgate_domain::audit::EventFilter;
use passgate_domain::ports::{AuditStore, UniqueField, UserStore};
use passgate_domain::testing::{act, new_user};
use passgate_domain::{Clock, ImportedUser, Password, PasswordHash, UserChange, UserId, Username};
use std::time::Duration;

use crate::world::{BCRYPT_1234, NOW, world};

#[test]
fn who_registered_logs_in_and_the_token_says_who_it_is() {
    let world = world();
    let user = world.register("Matt", &["editor"]);
    let logged_in = world.log_in("mATT", "correct horse", "").unwrap();
    assert!(!logged_in.upgraded);
    let verified = world
        .verifier
        .verify_now(logged_in.granted.access_token.as_str())
        .unwrap();
    assert_eq!(verified.subject().as_str(), "Matt");
    assert_eq!(verified.extra().user_id, user.id);
    assert_eq!(verified.scopes().to_string(), "profile");
    assert_eq!(verified.client_id(), Some("passgate"));
    assert!(verified.require_role("editor").is_ok());
    assert_eq!(verified.expires_at(), NOW + Duration::from_mins(25));
}

#[test]
fn every_refusal_is_the_same_and_costs_the_same() {
    let world = world();
    world.register("matt", &[]);
    let disabled = world.register("gone", &[]);
    world
        .store
        .update_user(disabled.id, &UserChange::active(false), &act(NOW))
        .unwrap();
    for (username, password) in [
        ("matt", "wrong horse"),
        ("nobody", "correct horse"),
        ("gone", "correct horse"),
        ("gone", "wrong horse"),
        ("no\u{0}name", "correct horse"),
    ] {
        let before = world.passwords.computed();
        let error = world.log_in(username, password, "").unwrap_err();
        assert!(
            matches!(error, LogInError::Refused),
            "{username}: {error:?}"
        );
        assert_eq!(world.passwords.computed() - before, 1, "{username}");
    }
}

#[test]
fn every_refusal_is_written_down_and_no_name_that_may_be_a_password() {
    let world = world();
    let matt = world.register("matt", &[]);
    for (username, password) in [("matt", "wrong horse"), ("hunter2", "correct horse")] {
        world.log_in(username, password, "").unwrap_err();
    }
    let filter = EventFilter {
        limit: 2,
        ..EventFilter::default()
    };
    let [unknown, wrong] = &world.store.events(&filter).unwrap()[..] else {
        panic!("not two events");
    };
    assert_eq!(
        (unknown.action.as_str(), unknown.user),
        ("log_in_refused", None)
    );
    assert_eq!(unknown.detail.as_deref(), Some("unknown user"));
    assert_eq!(
        (wrong.action.as_str(), wrong.user),
        ("log_in_refused", Some(matt.id))
    );
    assert_eq!(wrong.detail.as_deref(), Some("wrong password"));
    assert!(!format!("{unknown:?}").contains("hunter2"));
}

#[test]
fn a_bcrypt_hash_is_moved_to_argon2id_by_the_first_log_in() {
    let world = world();
    let mut user = new_user("matt");
    user.password_hash = PasswordHash::new(BCRYPT_1234);
    let imported = ImportedUser {
        id: UserId::try_new(1).ok(),
        user,
        active: true,
    };
    world
        .store
        .import_users(&[imported], &act(NOW), &mut |_| ())
        .unwrap();

    assert!(matches!(
        world.log_in("matt", "12345", ""),
        Err(LogInError::Refused)
    ));
    assert_eq!(world.stored("matt").expose(), BCRYPT_1234);
    assert!(world.log_in("matt", "1234", "").unwrap().upgraded);
    assert!(
        world
            .stored("matt")
            .expose()
            .starts_with("$argon2id$v=19$m=64,t=1,p=1$")
    );
    assert!(!world.log_in("matt", "1234", "").unwrap().upgraded);
}

#[test]
fn a_disabled_users_hash_is_not_touched() {
    let world = world();
    let mut user = new_user("matt");
    user.password_hash = PasswordHash::new(BCRYPT_1234);
    let imported = ImportedUser {
        id: None,
        user,
        active: false,
    };
    world
        .store
        .import_users(&[imported], &act(NOW), &mut |_| ())
        .unwrap();
    assert!(matches!(
        world.log_in("matt", "1234", ""),
        Err(LogInError::Refused)
    ));
    assert_eq!(world.stored("matt").expose(), BCRYPT_1234);
}

#[test]
fn scopes_are_given_when_asked_for_and_allowed() {
    let world = world();
    world.register("matt", &[]);
    world.register("root", &["admin"]);
    let granted = |username, scope| {
        world
            .log_in(username, "correct horse", scope)
            .map(|logged_in| logged_in.granted.scope.to_string())
    };
    assert_eq!(granted("root", "").unwrap(), "profile");
    assert_eq!(granted("root", "admin").unwrap(), "admin");
    let error = granted("matt", "admin").unwrap_err();
    assert!(matches!(&error, LogInError::Scope { allowed } if allowed.to_string() == "profile"));
    // Whoever has no password learns nothing about scopes.
    let refused = world.log_in("matt", "wrong horse", "admin");
    assert!(matches!(refused, Err(LogInError::Refused)));
}

#[test]
fn a_taken_name_or_a_poor_password_registers_nobody() {
    let world = world();
    world.register("matt", &[]);
    let policy = Policy::default();
    let try_register = |username: &str, password: &str| {
        let command = Register {
            username: Username::parse(username).unwrap(),
            password: Password::parse(password).unwrap(),
            email: None,
            display_name: None,
            roles: Vec::new(),
        };
        register(&world.store, &world.passwords, &policy, command, &act(NOW)).unwrap_err()
    };
    let taken = try_register("MATT", "correct horse");
    assert!(
        matches!(taken, RegisterError::Taken(UniqueField::Username)),
        "{taken:?}"
    );
    assert!(matches!(
        try_register("eve", "short"),
        RegisterError::Policy(_)
    ));
    assert!(
        world
            .store
            .find_credentials(&Username::parse("eve").unwrap())
            .unwrap()
            .is_none()
    );
}

/// Checked here because nothing else in the workspace would notice.
#[test]
fn what_is_registered_is_hashed_at_the_configured_cost() {
    let world = world();
    world.register("matt", &[]);
    let stored = world.stored("matt");
    let password = Password::parse("correct horse").unwrap();
    let check = world
        .passwords
        .check_blocking(&password, Some(&stored))
        .unwrap();
    assert_eq!(check, Check::Match { upgrade: false });
    assert_eq!(world.clock.now(), NOW);
}
