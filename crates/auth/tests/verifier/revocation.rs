use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use passgate_auth::jwt::{
    Algorithm, Audience, BoxFuture, DenyList, Full, HookError, IssuerId, NotBefore, OnHookError,
    Revocation, TokenMeta, Verifier, VerifyError,
};
use passgate_domain::testing::ManualClock;
use serde_json::json;
use time::Duration;

use crate::forge::{AUDIENCE, Forger, ISSUER, NOW};

fn verifier(forger: &Forger, hook: impl Revocation, on_error: OnHookError) -> Verifier {
    let keys = passgate_auth::jwt::KeySet::new([forger.key.verifying_key()]);
    Verifier::builder(
        IssuerId::parse(ISSUER).unwrap(),
        Audience::parse(AUDIENCE).unwrap(),
        keys,
    )
    .clock(Arc::new(ManualClock::at(NOW)))
    .revocation(hook, on_error)
    .build()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

#[test]
fn a_token_on_the_deny_list_is_refused_and_others_are_not() {
    let forger = Forger::new(Algorithm::EdDsa);
    let list = DenyList::new(10, clock());
    let verifier = verifier(&forger, list.clone(), OnHookError::Deny);
    let other = forger.with_claims(|claims| claims["jti"] = json!("t2"));
    assert!(verifier.verify_now(&forger.control()).is_ok());
    list.deny_token("t1", NOW + Duration::minutes(25)).unwrap();
    let error = verifier.verify_now(&forger.control()).unwrap_err();
    assert_eq!((error, error.status()), (VerifyError::Revoked, 401));
    assert!(verifier.verify_now(&other).is_ok());
}

#[test]
fn a_session_on_the_deny_list_is_refused_with_all_its_tokens() {
    let forger = Forger::new(Algorithm::EdDsa);
    let list = DenyList::new(10, clock());
    let verifier = verifier(&forger, list.clone(), OnHookError::Deny);
    let token = |jti: &str, sid: &str| {
        forger.with_claims(|claims| (claims["jti"], claims["sid"]) = (json!(jti), json!(sid)))
    };
    // A session and a token may have the same name, and are not the same.
    list.deny_session("s1", NOW + Duration::minutes(25))
        .unwrap();
    for jti in ["a", "b"] {
        let error = verifier.verify_now(&token(jti, "s1")).unwrap_err();
        assert_eq!(error, VerifyError::Revoked);
    }
    assert!(verifier.verify_now(&token("s1", "s2")).is_ok());
}

#[test]
fn a_full_deny_list_forgets_what_has_ended_and_nothing_else() {
    let clock = clock();
    let list = DenyList::new(2, clock.clone());
    let end = NOW + Duration::minutes(1);
    list.deny_token("a", end).unwrap();
    list.deny_session("b", end + Duration::hours(1)).unwrap();
    assert_eq!(list.deny_token("c", end), Err(Full(2)));
    // What is there already takes no room.
    list.deny_token("a", end).unwrap();
    clock.advance(Duration::minutes(7));
    list.deny_token("c", NOW + Duration::hours(1)).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list.deny_token("d", end), Err(Full(2)));
}

/// Looking through all names for each that is refused would keep every verification waiting.
#[test]
fn a_full_list_refuses_without_looking_at_every_name() {
    const NAMES: usize = 50_000;
    let (denied, moments) = (
        DenyList::new(NAMES, clock()),
        NotBefore::new(NAMES, clock()),
    );
    let deny = |i: usize| denied.deny_token(&i.to_string(), NOW + Duration::hours(1));
    let set = |i: usize| moments.set(&i.to_string(), NOW);
    for add in [&deny as &dyn Fn(usize) -> Result<(), Full>, &set] {
        let began = std::time::Instant::now();
        (0..NAMES).for_each(|i| add(i).unwrap());
        let filling = began.elapsed();
        let began = std::time::Instant::now();
        for i in NAMES..NAMES + 1000 {
            assert_eq!(add(i), Err(Full(NAMES)));
        }
        let refusing = began.elapsed();
        assert!(refusing < filling, "{refusing:?} {filling:?}");
    }
}

#[test]
fn a_name_is_kept_for_as_long_as_any_leeway_after_its_end() {
    let clock = clock();
    let list = DenyList::new(1, clock.clone());
    let end = NOW + Duration::minutes(1);
    list.deny_token("a", NOW).unwrap();
    list.deny_token("a", end).unwrap();
    // An earlier end does not shorten it.
    list.deny_token("a", NOW).unwrap();
    clock.advance(Duration::minutes(6) - Duration::nanoseconds(1));
    assert_eq!(list.deny_session("b", end), Err(Full(1)));
    clock.advance(Duration::nanoseconds(1));
    list.deny_session("b", end).unwrap();
    // The same for a session.
    list.deny_token("c", end).unwrap();
    assert_eq!(list.len(), 1);
}

#[test]
fn lists_say_how_many_names_they_hold_and_none_of_them() {
    let denied = DenyList::new(9, clock());
    let moments = NotBefore::new(8, clock());
    assert!(denied.is_empty() && moments.is_empty());
    denied.deny_token("t1", NOW).unwrap();
    moments.set("matt", NOW).unwrap();
    assert!(!denied.is_empty() && !moments.is_empty());
    assert_eq!(moments.len(), 1);
    let shown = format!("{denied:?} {moments:?}");
    for part in ["len: 1, capacity: 9", "len: 1, capacity: 8"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("t1") && !shown.contains("matt"), "{shown}");
}

#[tokio::test]
async fn a_hook_behind_a_pointer_is_the_hook() {
    let forger = Forger::new(Algorithm::EdDsa);
    let list = DenyList::new(10, clock());
    let shared: Arc<dyn Revocation> = Arc::new(list.clone());
    let verifier = verifier(&forger, shared, OnHookError::Deny);
    let token = forger.control();
    assert!(verifier.verify_now(&token).is_ok());
    assert!(verifier.verify(&token).await.is_ok());
    list.deny_token("t1", NOW).unwrap();
    let revoked = VerifyError::Revoked;
    assert_eq!(verifier.verify_now(&token).unwrap_err(), revoked);
    assert_eq!(verifier.verify(&token).await.unwrap_err(), revoked);
}

#[test]
fn a_subjects_tokens_from_before_a_moment_are_refused() {
    let forger = Forger::new(Algorithm::EdDsa);
    let list = NotBefore::new(10, clock());
    let verifier = verifier(&forger, list.clone(), OnHookError::Deny);
    let made = |seconds: i64| {
        forger.with_claims(|claims| claims["iat"] = json!(NOW.unix_timestamp() + seconds))
    };
    list.set("matt", NOW).unwrap();
    let error = verifier.verify_now(&made(-1)).unwrap_err();
    assert_eq!(error, VerifyError::Revoked);
    assert!(verifier.verify_now(&made(0)).is_ok());
    // A moment further back changes nothing.
    list.set("matt", NOW - Duration::hours(1)).unwrap();
    assert!(verifier.verify_now(&made(-1)).is_err());
    let eve = forger.with_claims(|claims| {
        claims["sub"] = json!("eve");
        claims["iat"] = json!(NOW.unix_timestamp() - 1);
    });
    assert!(verifier.verify_now(&eve).is_ok());
}

#[test]
fn a_full_list_of_moments_forgets_only_those_that_no_token_can_precede() {
    let clock = clock();
    let list = NotBefore::new(1, clock.clone());
    list.set("a", NOW).unwrap();
    clock.advance(Duration::hours(24));
    assert_eq!(list.set("b", NOW), Err(Full(1)));
    // Who is there already takes no room.
    list.set("a", NOW).unwrap();
    clock.advance(Duration::minutes(5) - Duration::nanoseconds(1));
    assert_eq!(list.set("b", NOW), Err(Full(1)));
    clock.advance(Duration::nanoseconds(1));
    list.set("b", NOW + Duration::hours(24)).unwrap();
    assert_eq!(list.len(), 1);
}

#[test]
fn what_makes_room_for_a_moment_is_not_one_that_still_counts() {
    let clock = clock();
    let list = NotBefore::new(2, clock.clone());
    list.set("a", NOW).unwrap();
    list.set("b", NOW + Duration::hours(1)).unwrap();
    clock.advance(Duration::hours(24) + Duration::minutes(5));
    list.set("c", NOW + Duration::hours(24)).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list.set("d", NOW), Err(Full(2)));
}

/// Asks somebody who may be down.
#[derive(Clone, Default)]
struct Remote {
    down: Arc<AtomicBool>,
}

impl Revocation for Remote {
    fn is_revoked_now(&self, _: &TokenMeta<'_>) -> Result<bool, HookError> {
        Err("only `verify` can ask".into())
    }

    fn is_revoked<'a>(&'a self, token: TokenMeta<'a>) -> BoxFuture<'a, Result<bool, HookError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if self.down.load(Ordering::Relaxed) {
                return Err("down".into());
            }
            Ok(token.token_id == "gone")
        })
    }
}

#[tokio::test]
async fn a_hook_that_cannot_tell_denies_or_allows_as_it_was_said() {
    let forger = Forger::new(Algorithm::EdDsa);
    let gone = forger.with_claims(|claims| claims["jti"] = json!("gone"));
    let remote = Remote::default();
    let deny = verifier(&forger, remote.clone(), OnHookError::Deny);
    let allow = verifier(&forger, remote.clone(), OnHookError::Allow);
    for verifier in [&deny, &allow] {
        assert!(verifier.verify(&forger.control()).await.is_ok());
        let error = verifier.verify(&gone).await.unwrap_err();
        assert_eq!(error, VerifyError::Revoked);
    }
    remote.down.store(true, Ordering::Relaxed);
    let error = deny.verify(&forger.control()).await.unwrap_err();
    assert_eq!(error, VerifyError::RevocationUnavailable);
    assert!(allow.verify(&gone).await.is_ok());
    // And without waiting, it can never tell.
    let error = deny.verify_now(&forger.control()).unwrap_err();
    assert_eq!(error.status(), 503);
    assert!(allow.verify_now(&forger.control()).is_ok());
}

#[test]
fn of_several_hooks_each_is_asked() {
    let forger = Forger::new(Algorithm::EdDsa);
    let (first, second) = (DenyList::new(9, clock()), NotBefore::new(9, clock()));
    let build = || {
        Verifier::<passgate_auth::jwt::NoExtra>::builder(
            IssuerId::parse(ISSUER).unwrap(),
            Audience::parse(AUDIENCE).unwrap(),
            passgate_auth::jwt::KeySet::new([forger.key.verifying_key()]),
        )
        .clock(clock())
        .revocation(first.clone(), OnHookError::Deny)
        .revocation(second.clone(), OnHookError::Deny)
        .build()
    };
    assert!(build().verify_now(&forger.control()).is_ok());
    second.set("matt", NOW + Duration::seconds(1)).unwrap();
    assert!(build().verify_now(&forger.control()).is_err());
}
