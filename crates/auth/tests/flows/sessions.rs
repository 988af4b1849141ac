use passgate_auth::flows::{RefreshError, Revoked};
use passgate_auth::refresh::RefreshTokens;
use passgate_domain::UserChange;
use passgate_domain::ports::{SessionStore, UserStore};
use passgate_domain::session::EndReason;
use passgate_domain::testing::act;

use crate::world::{NOW, refresh_token, sealing, world};

#[test]
fn a_session_goes_on_from_token_to_token() {
    let world = world();
    world.register("matt", &["editor"]);
    let mut granted = world.log_in("matt", "correct horse", "").unwrap().granted;
    let session = granted.session;
    for _ in 0..3 {
        world.clock.advance(time::Duration::hours(1));
        granted = world.refresh(refresh_token(&granted), "").unwrap();
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
    let second = world.refresh(refresh_token(&first), "").unwrap();
    let again = world.refresh(refresh_token(&first), "").unwrap();
    assert_eq!(refresh_token(&again), refresh_token(&second));
    world.clock.advance(time::Duration::seconds(11));
    let reused = world.refresh(refresh_token(&first), "").unwrap_err();
    assert!(matches!(reused, RefreshError::Reused { session, .. } if session == first.session));
    let ended = world.refresh(refresh_token(&second), "").unwrap_err();
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
    assert!(world.refresh(refresh_token(&granted), "").is_ok());
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
        .refresh(refresh_token(&granted), "admin root")
        .unwrap_err();
    assert!(matches!(more, RefreshError::Scope { .. }), "{more:?}");
    let less = world.refresh(refresh_token(&granted), "profile").unwrap();
    assert_eq!(less.scope.to_string(), "profile");
    let all = world.refresh(refresh_token(&less), "").unwrap();
    assert_eq!(all.scope.to_string(), "admin profile");
}

#[test]
fn a_revoked_token_of_either_kind_ends_its_session() {
    let world = world();
    world.register("matt", &[]);
    for kind in ["refresh", "access"] {
        let granted = world.log_in("matt", "correct horse", "").unwrap().granted;
        let token = match kind {
            "refresh" => refresh_token(&granted),
            _ => granted.access_token.as_str(),
        };
        assert_eq!(
            world.revoke(token),
            Revoked::Session(granted.session),
            "{kind}"
        );
        assert_eq!(world.revoke(token), Revoked::Nothing, "{kind}");
        assert!(world.refresh(refresh_token(&granted), "").is_err());
        assert!(
            world
                .store
                .find_session_user(granted.session, NOW)
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(world.revoke("nonsense"), Revoked::Nothing);
}

#[test]
fn a_disabled_user_is_not_refreshed() {
    let world = world();
    let user = world.register("matt", &[]);
    let granted = world.log_in("matt", "correct horse", "").unwrap().granted;
    world
        .store
        .update_user(user.id, &UserChange::active(false), &act(NOW))
        .unwrap();
    let refused = world.refresh(refresh_token(&granted), "").unwrap_err();
    assert!(matches!(refused, RefreshError::Invalid), "{refused:?}");
}
