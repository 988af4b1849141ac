//! The use-cases, on the store in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "flows")]

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use passgate_auth::flows::{
    Granted, Lifetimes, LogIn, LogInError, LoggedIn, Refresh, RefreshError, Register,
    RegisterError, Revoked, SigningKeysError, Tokens, log_in, open_key_ring, refresh, register,
    revoke,
};
use passgate_auth::jwt::{
    Algorithm, Audience, Issuer, IssuerId, KeyRing, SigningKey, Ttl, Verifier,
};
use passgate_auth::password::{Check, Cost, Passwords, Policy};
use passgate_auth::refresh::RefreshTokens;
use passgate_auth::seal::SealingKey;
use passgate_domain::ports::{SessionStore, SigningKeyStore, UniqueField, UserStore};
use passgate_domain::session::{Device, EndReason};
use passgate_domain::testing::{ManualClock, MemoryStore, new_user, signing_key};
use passgate_domain::token::UserClaims;
use passgate_domain::{
    Clock, ImportedUser, Password, PasswordHash, Role, ScopeSet, User, UserId, UserStatus, Username,
};
use secrecy::SecretString;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
const BCRYPT_1234: &str = "$2b$12$oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G";

struct World {
    store: MemoryStore,
    passwords: Passwords,
    tokens: Tokens,
    verifier: Verifier<UserClaims>,
    clock: Arc<ManualClock>,
}

fn world() -> World {
    let clock = Arc::new(ManualClock::at(NOW));
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
    let id = IssuerId::parse("https://id.example.com").unwrap();
    let audience = Audience::parse("todos").unwrap();
    let ttl = Ttl::try_new(Duration::from_mins(25)).unwrap();
    World {
        store: MemoryStore::default(),
        passwords: passwords(),
        tokens: Tokens::new(
            Issuer::new(id.clone(), ring.clone(), ttl, clock.clone()),
            audience.clone(),
            RefreshTokens::new(&sealing("abcd")).unwrap(),
            Lifetimes::default(),
            clock.clone(),
        ),
        verifier: Verifier::builder(id, audience, ring)
            .clock(clock.clone())
            .build(),
        clock,
    }
}

fn passwords() -> Passwords {
    Passwords::builder()
        .cost(Cost::try_new(64, 1, 1).unwrap())
        .arenas(1)
        .build()
        .unwrap()
}

impl World {
    fn register(&self, username: &str, roles: &[&str]) -> User {
        let command = Register {
            username: Username::parse(username).unwrap(),
            password: Password::parse("correct horse").unwrap(),
            email: None,
            display_name: None,
            roles: roles
                .iter()
                .map(|role| Role::parse(role).unwrap())
                .collect(),
        };
        let policy = Policy::default();
        register(&self.store, &self.passwords, &policy, &*self.clock, command).unwrap()
    }

    fn log_in(&self, username: &str, password: &str, scope: &str) -> Result<LoggedIn, LogInError> {
        let command = LogIn {
            username: Username::parse(username).ok(),
            password: Password::parse(password).unwrap(),
            scope: ScopeSet::parse(scope).unwrap(),
            client_id: None,
            device: Device::default(),
        };
        log_in(&self.store, &self.passwords, &self.tokens, &command)
    }

    fn refresh(&self, token: &str, scope: &str) -> Result<Granted, RefreshError> {
        let command = Refresh {
            refresh_token: SecretString::from(token),
            scope: ScopeSet::parse(scope).unwrap(),
            client_id: None,
            device: Device::default(),
        };
        refresh(&self.store, &self.tokens, &command)
    }

    fn stored(&self, username: &str) -> PasswordHash {
        let username = Username::parse(username).unwrap();
        self.store
            .find_credentials(&username)
            .unwrap()
            .unwrap()
            .password_hash
    }
}

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
        .set_status(disabled.id, UserStatus::Disabled { since: NOW }, NOW)
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
        .import_users(&[imported], NOW, &mut |_| ())
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
        .import_users(&[imported], NOW, &mut |_| ())
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
        register(
            &world.store,
            &world.passwords,
            &policy,
            &*world.clock,
            command,
        )
        .unwrap_err()
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

fn sealing(secret: &str) -> SealingKey {
    SealingKey::from_secret(&SecretString::from(secret.repeat(8))).unwrap()
}

#[test]
fn the_ring_is_the_same_after_a_restart() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let open = || open_key_ring(&store, &sealing("abcd"), Algorithm::EdDsa, &clock).unwrap();
    assert_eq!(open().active().kid(), open().active().kid());
    assert_eq!(store.signing_keys().unwrap().len(), 1);
}

#[test]
fn replicas_that_start_together_sign_with_one_key() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let barrier = Barrier::new(8);
    let kids: Vec<String> = thread::scope(|scope| {
        let starting: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let ring =
                        open_key_ring(&store, &sealing("abcd"), Algorithm::Es256, &clock).unwrap();
                    ring.active().kid().to_string()
                })
            })
            .collect();
        starting
            .into_iter()
            .map(|replica| replica.join().unwrap())
            .collect()
    });
    assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
}

#[test]
fn keys_of_another_algorithm_still_verify() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let open = |alg| open_key_ring(&store, &sealing("abcd"), alg, &clock).unwrap();
    let old = open(Algorithm::Es256);
    let new = open(Algorithm::EdDsa);
    assert_ne!(old.active().kid(), new.active().kid());
    assert!(new.jwks().body().contains(old.active().kid().as_str()));
}

#[test]
fn another_secret_is_named_and_makes_no_key() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    open_key_ring(&store, &sealing("abcd"), Algorithm::EdDsa, &clock).unwrap();
    let error = open_key_ring(&store, &sealing("efgh"), Algorithm::EdDsa, &clock).unwrap_err();
    assert!(
        matches!(error, SigningKeysError::OtherSecret { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("PASSGATE_SECRET"));
    assert_eq!(store.signing_keys().unwrap().len(), 1);
}

#[test]
fn a_damaged_key_is_named_and_not_replaced() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
    let mut key = signing_key("k1", "EdDSA");
    key.sealing_key_id = sealing("abcd").key_id().to_owned();
    store.install_signing_key(&key).unwrap();
    let error = open_key_ring(&store, &sealing("abcd"), Algorithm::EdDsa, &clock).unwrap_err();
    assert!(
        matches!(&error, SigningKeysError::Damaged { kid, .. } if kid == "k1"),
        "{error:?}"
    );
    assert_eq!(store.signing_keys().unwrap().len(), 1);
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

#[test]
fn a_session_goes_on_from_token_to_token() {
    let world = world();
    world.register("matt", &["editor"]);
    let mut granted = world.log_in("matt", "correct horse", "").unwrap().granted;
    let session = granted.session;
    for _ in 0..3 {
        world.clock.advance(time::Duration::hours(1));
        granted = world.refresh(granted.refresh_token.expose(), "").unwrap();
        assert_eq!(granted.session, session);
        let verified = world
            .verifier
            .verify_now(granted.access_token.as_str())
            .unwrap();
        assert_eq!(verified.extra().sid, Some(session));
        assert_eq!(verified.subject().as_str(), "matt");
        assert!(verified.require_role("editor").is_ok());
    }
}

#[test]
fn a_lost_answer_is_given_again_and_a_stolen_token_ends_the_session() {
    let world = world();
    world.register("matt", &[]);
    let first = world.log_in("matt", "correct horse", "").unwrap().granted;
    let second = world.refresh(first.refresh_token.expose(), "").unwrap();
    let again = world.refresh(first.refresh_token.expose(), "").unwrap();
    assert_eq!(again.refresh_token.expose(), second.refresh_token.expose());
    world.clock.advance(time::Duration::seconds(11));
    let reused = world.refresh(first.refresh_token.expose(), "").unwrap_err();
    assert!(matches!(reused, RefreshError::Reused { session, .. } if session == first.session));
    let ended = world
        .refresh(second.refresh_token.expose(), "")
        .unwrap_err();
    assert!(matches!(ended, RefreshError::Invalid), "{ended:?}");
    assert_eq!(
        world.store.end_reason(first.session).unwrap(),
        Some(EndReason::Reuse)
    );
}

#[test]
fn what_is_no_refresh_token_of_ours_changes_nothing() {
    let world = world();
    world.register("matt", &[]);
    let granted = world.log_in("matt", "correct horse", "").unwrap().granted;
    let theirs = RefreshTokens::new(&sealing("efgh")).unwrap();
    let forged = theirs.make(granted.session, passgate_domain::session::Generation::FIRST);
    for token in [forged.expose(), granted.access_token.as_str(), "", "pgr_"] {
        assert!(
            matches!(world.refresh(token, ""), Err(RefreshError::Invalid)),
            "{token}"
        );
    }
    assert!(world.refresh(granted.refresh_token.expose(), "").is_ok());
}

#[test]
fn a_refresh_may_ask_for_less_and_not_for_more() {
    let world = world();
    world.register("root", &["admin"]);
    let granted = world
        .log_in("root", "correct horse", "admin profile")
        .unwrap()
        .granted;
    let more = world
        .refresh(granted.refresh_token.expose(), "admin root")
        .unwrap_err();
    assert!(matches!(more, RefreshError::Scope { .. }), "{more:?}");
    let less = world
        .refresh(granted.refresh_token.expose(), "profile")
        .unwrap();
    assert_eq!(less.scope.to_string(), "profile");
    let all = world.refresh(less.refresh_token.expose(), "").unwrap();
    assert_eq!(all.scope.to_string(), "admin profile");
}

#[test]
fn a_revoked_token_of_either_kind_ends_its_session() {
    let world = world();
    world.register("matt", &[]);
    for kind in ["refresh", "access"] {
        let granted = world.log_in("matt", "correct horse", "").unwrap().granted;
        let token = match kind {
            "refresh" => granted.refresh_token.expose(),
            _ => granted.access_token.as_str(),
        };
        let revoke =
            || revoke(&world.store, &world.tokens, &world.verifier, &token.into()).unwrap();
        assert_eq!(revoke(), Revoked::Session(granted.session), "{kind}");
        assert_eq!(revoke(), Revoked::Nothing, "{kind}");
        assert!(world.refresh(granted.refresh_token.expose(), "").is_err());
        assert!(
            world
                .store
                .find_session_user(granted.session, NOW)
                .unwrap()
                .is_none()
        );
    }
    let nothing = revoke(
        &world.store,
        &world.tokens,
        &world.verifier,
        &"nonsense".into(),
    );
    assert_eq!(nothing.unwrap(), Revoked::Nothing);
}

#[test]
fn a_disabled_user_is_not_refreshed() {
    let world = world();
    let user = world.register("matt", &[]);
    let granted = world.log_in("matt", "correct horse", "").unwrap().granted;
    world
        .store
        .set_status(user.id, UserStatus::Disabled { since: NOW }, NOW)
        .unwrap();
    let refused = world
        .refresh(granted.refresh_token.expose(), "")
        .unwrap_err();
    assert!(matches!(refused, RefreshError::Invalid), "{refused:?}");
}
