use std::time::Duration;

use passgate_auth::flows::{
    ClientCredentials, ClientError, IntrospectError, Introspection, Introspector, TokenKind,
    introspect,
};
use passgate_auth::jwt::Forbidden;
use passgate_domain::UserChange;
use passgate_domain::client::{ClientChange, Grant, Slot};
use passgate_domain::ports::{ClientStore, UserStore};

use crate::clients::says;
use crate::world::{NOW, World, refresh_token, world};

const ALL: &[Grant] = &Grant::ALL;

impl World {
    fn introspect(
        &self,
        asking: &Introspector,
        token: &str,
    ) -> Result<Option<Introspection>, IntrospectError> {
        let Self {
            store,
            tokens,
            own_verifier,
            guessing,
            ..
        } = self;
        introspect(
            store,
            tokens,
            own_verifier,
            guessing,
            asking,
            &token.into(),
            &self.act(),
        )
    }

    fn bearer(&self, token: &str) -> Introspector {
        Introspector::Bearer(Box::new(self.own_verifier.verify_now(token).unwrap()))
    }
}

fn client(credentials: ClientCredentials) -> Introspector {
    Introspector::Client(credentials)
}

/// A world with a client that asks.
fn asked() -> (World, Introspector) {
    let world = world();
    let (_, secret) = world.register_client("api", &[], "");
    let asking = client(says("api", secret.expose()));
    (world, asking)
}

#[test]
fn a_users_access_token_is_told_with_all_that_it_says() {
    let (world, asking) = asked();
    let user = world.register("Matt", &["editor"]);
    let granted = world.log_in("matt", "correct horse", "").unwrap().granted;
    let told = world.introspect(&asking, granted.access_token.as_str());
    let expected = Introspection {
        kind: TokenKind::Access,
        scope: granted.scope,
        client_id: Some("passgate".to_owned()),
        subject: "Matt".to_owned(),
        username: Some("Matt".to_owned()),
        user_id: Some(user.id),
        session: Some(granted.session),
        roles: user.roles,
        issuer: "https://id.example.com".to_owned(),
        audience: Some("todos".to_owned()),
        token_id: Some(granted.access_token.token_id().to_owned()),
        issued_at: Some(NOW),
        expires_at: NOW + Duration::from_mins(25),
    };
    assert_eq!(told.unwrap(), Some(expected));
}

#[test]
fn a_clients_own_token_names_no_user() {
    let (world, asking) = asked();
    let (_, secret) = world.register_client("billing", ALL, "todos");
    let token = world.client_token(says("billing", secret.expose()), "");
    let token = token.unwrap().access_token;
    let told = world.introspect(&asking, token.as_str()).unwrap().unwrap();
    assert_eq!(
        (told.username, told.user_id, told.session),
        (None, None, None)
    );
    assert_eq!(told.subject, "client:billing");
    assert_eq!(told.client_id.as_deref(), Some("billing"));
}

#[test]
fn a_refresh_token_is_told_as_long_as_it_would_be_answered_and_not_used_up() {
    let (world, asking) = asked();
    world.register("matt", &[]);
    let first = world.log_in("matt", "correct horse", "").unwrap().granted;
    let told = |token: &str| world.introspect(&asking, token).unwrap();
    for _ in 0..3 {
        let told = told(refresh_token(&first)).unwrap();
        assert_eq!((told.kind, told.issued_at), (TokenKind::Refresh, Some(NOW)));
        assert_eq!(told.expires_at, NOW + Duration::from_hours(14 * 24));
        assert_eq!(
            (told.audience, told.username.as_deref()),
            (None, Some("matt"))
        );
    }
    let second = world.refresh(refresh_token(&first), "").unwrap();
    let before = told(refresh_token(&first)).unwrap();
    assert_eq!(before.issued_at, None);
    world.clock.advance(time::Duration::seconds(10));
    assert_eq!(told(refresh_token(&first)), None);
    assert!(told(refresh_token(&second)).is_some());
    // Asking has not ended the session.
    world.refresh(refresh_token(&second), "").unwrap();
    world.clock.advance(time::Duration::days(14));
    assert_eq!(told(refresh_token(&second)), None);
}

#[test]
fn what_is_not_alive_now_is_nothing() {
    let (world, asking) = asked();
    let user = world.register("matt", &[]);
    let log_in = || world.log_in("matt", "correct horse", "").unwrap().granted;
    let is_nothing = |token: &str| world.introspect(&asking, token).unwrap().is_none();

    for nonsense in ["", "nonsense", "pgr_AAAA", "a.b.c", "pgc_secret"] {
        assert!(is_nothing(nonsense), "{nonsense}");
    }
    let revoked = log_in();
    world.revoke(refresh_token(&revoked));
    assert!(is_nothing(revoked.access_token.as_str()));
    assert!(is_nothing(refresh_token(&revoked)));

    let disabled = log_in();
    world
        .store
        .update_user(user.id, &UserChange::active(false), &world.act())
        .unwrap();
    assert!(is_nothing(disabled.access_token.as_str()));
    assert!(is_nothing(refresh_token(&disabled)));

    // Not a second longer, whatever leeway verifiers allow.
    world
        .store
        .update_user(user.id, &UserChange::active(true), &world.act())
        .unwrap();
    let old = log_in();
    world.clock.advance(time::Duration::minutes(25));
    assert!(
        world
            .own_verifier
            .verify_now(old.access_token.as_str())
            .is_ok()
    );
    assert!(is_nothing(old.access_token.as_str()));
    assert!(!is_nothing(refresh_token(&old)));
    world.store.delete_user(user.id, &world.act()).unwrap();
    assert!(is_nothing(refresh_token(&old)));
}

#[test]
fn a_token_is_worth_nothing_while_its_client_is_disabled_or_gone() {
    let (world, asking) = asked();
    world.register("matt", &[]);
    let (app, secret) = world.register_client("app", ALL, "profile todos");
    let says = || says("app", secret.expose());
    let users = world
        .log_in_with(says(), "matt", "correct horse", "")
        .unwrap()
        .granted;
    let own = world.client_token(says(), "").unwrap().access_token;
    let alive = || {
        [
            own.as_str(),
            users.access_token.as_str(),
            refresh_token(&users),
        ]
        .map(|token| world.introspect(&asking, token).unwrap().is_some())
    };
    assert_eq!(alive(), [true; 3]);
    let (store, act) = (&world.store, world.act());
    let enabled = |enabled| {
        let change = ClientChange::enabled(enabled);
        store.update_client(&app.id, &change, &act).unwrap();
    };
    enabled(false);
    assert_eq!(alive(), [false; 3]);
    enabled(true);
    assert_eq!(alive(), [true; 3]);
    store
        .remove_client_secret(&app.id, Slot::First, &act)
        .unwrap();
    assert_eq!(alive(), [false, true, true]);
    store.delete_client(&app.id, &act).unwrap();
    assert_eq!(alive(), [false; 3]);
}

#[test]
fn whoever_asks_proves_that_they_may() {
    let world = world();
    let root = world.register("root", &["admin"]);
    let log_in = |scope| {
        let logged_in = world.log_in("root", "correct horse", scope).unwrap();
        logged_in.granted.access_token
    };
    let (asks, profile) = (log_in("introspect"), log_in("profile"));
    let token = profile.as_str();
    assert!(
        world
            .introspect(&world.bearer(asks.as_str()), token)
            .unwrap()
            .is_some()
    );
    let refused = |asking: &Introspector| world.introspect(asking, token).unwrap_err();
    assert!(matches!(
        refused(&world.bearer(profile.as_str())),
        IntrospectError::Forbidden(Forbidden::Scope(scope)) if scope == "introspect"
    ));
    let (_, secret) = world.register_client("batch", ALL, "introspect");
    for wrong in [says("batch", "wrong"), says("nobody", secret.expose())] {
        assert!(matches!(
            refused(&client(wrong)),
            IntrospectError::Client(ClientError::Refused)
        ));
    }
    let own = world.client_token(says("batch", secret.expose()), "");
    let own = own.unwrap().access_token;
    assert!(world.introspect(&world.bearer(own.as_str()), token).is_ok());

    // Whoever may not any more does not by an older token.
    let change = UserChange {
        roles: Some([].into()),
        ..UserChange::default()
    };
    world
        .store
        .update_user(root.id, &change, &world.act())
        .unwrap();
    assert!(matches!(
        refused(&world.bearer(asks.as_str())),
        IntrospectError::Forbidden(_)
    ));
    world.revoke(asks.as_str());
    assert!(matches!(
        refused(&world.bearer(asks.as_str())),
        IntrospectError::Ended
    ));
}
