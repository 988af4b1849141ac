use passgate_auth::flows::{
    ClientCredentials, ClientError, LogInError, LoggedIn, RefreshError, RevokeError, Revoked,
};
use passgate_domain::ScopeSet;
use passgate_domain::client::{ClientChange, Grant};
use passgate_domain::ports::ClientStore;

use crate::clients::{names, says};
use crate::world::{refresh_token, world};

const ALL: &[Grant] = &Grant::ALL;

#[test]
fn a_registered_client_proves_itself_before_a_password_is_looked_at() {
    let world = world();
    world.register("matt", &[]);
    let (client, secret) = world.register_client("app", ALL, "profile");
    let before = world.passwords.computed();
    let refuse = |credentials| {
        let refused = world.log_in_with(credentials, "matt", "correct horse", "");
        let is_refusal = matches!(refused, Err(LogInError::Client(ClientError::Refused)));
        assert!(is_refusal, "{refused:?}");
    };
    refuse(names("app"));
    refuse(says("app", "string"));
    world.update_client(&client, &ClientChange::enabled(false));
    refuse(says("app", secret.expose()));
    assert_eq!(world.passwords.computed(), before);
    // Whoever is not registered is a label, whatever secret comes with it.
    for label in [
        names("string"),
        says("string", "string"),
        says("passgate", "x"),
    ] {
        let name = label.id.clone();
        let granted = world.log_in_with(label, "matt", "correct horse", "");
        let token = granted.unwrap().granted.access_token;
        let verified = world.verifier.verify_now(token.as_str()).unwrap();
        assert_eq!(verified.client_id(), Some(name.as_str()));
    }
}

#[test]
fn a_client_narrows_what_its_users_may() {
    let world = world();
    world.register("root", &["admin"]);
    let (app, secret) = world.register_client("app", ALL, "profile introspect todos");
    let client = || says("app", secret.expose());
    let log_in = |scope| {
        let logged_in = world.log_in_with(client(), "root", "correct horse", scope);
        logged_in.map(|logged_in| logged_in.granted)
    };
    assert_eq!(log_in("").unwrap().scope.to_string(), "profile");
    for more in ["admin", "todos", "profile admin"] {
        let refused = log_in(more).unwrap_err();
        let LogInError::Scope { allowed } = refused else {
            panic!("{more}: {refused:?}");
        };
        assert_eq!(allowed.to_string(), "introspect profile");
    }
    let granted = log_in("introspect profile").unwrap();
    // The client may less meanwhile.
    let less = ClientChange {
        scope: ScopeSet::parse("profile").ok(),
        ..ClientChange::default()
    };
    world.update_client(&app, &less);
    let next = world
        .refresh_with(client(), refresh_token(&granted), "")
        .unwrap();
    assert_eq!(next.scope.to_string(), "profile");
    world.update_client(
        &app,
        &ClientChange {
            scope: ScopeSet::parse("todos").ok(),
            ..ClientChange::default()
        },
    );
    assert!(matches!(log_in(""), Err(LogInError::Scope { .. })));
}

#[test]
fn a_client_that_may_less_takes_it_from_its_users_tokens_at_once() {
    let world = world();
    world.register("root", &["admin"]);
    let (app, secret) = world.register_client("app", ALL, "profile admin introspect");
    let client = says("app", secret.expose());
    let of_client = world.log_in_with(client, "root", "correct horse", "admin introspect");
    let of_label = world.log_in_with(names("label"), "root", "correct horse", "admin");
    let of_nobody = world.log_in("root", "correct horse", "admin");
    let may = |logged_in: &LoggedIn, scope| {
        let token = logged_in.granted.access_token.as_str();
        let verified = world.own_verifier.verify_now(token).unwrap();
        let holder = world.holder(token).unwrap();
        holder.may(&world.store, &verified, scope).unwrap()
    };
    let (of_client, of_label) = (of_client.unwrap(), of_label.unwrap());
    assert!(may(&of_client, "admin") && may(&of_client, "introspect"));
    let less = ClientChange {
        scope: ScopeSet::parse("profile introspect").ok(),
        ..ClientChange::default()
    };
    world.update_client(&app, &less);
    assert!(!may(&of_client, "admin") && may(&of_client, "introspect"));
    assert!(may(&of_label, "admin") && may(&of_nobody.unwrap(), "admin"));
}

#[test]
fn a_label_gives_nobody_the_name_of_a_client_that_is_registered_later() {
    let world = world();
    world.register("matt", &[]);
    let logged_in = world.log_in_with(names("billing"), "matt", "correct horse", "");
    let granted = logged_in.unwrap().granted;
    let granted = world.refresh(refresh_token(&granted), "").unwrap();
    let (_, secret) = world.register_client("billing", ALL, "profile");
    let token = refresh_token(&granted);
    let refused = world.refresh(token, "").unwrap_err();
    assert!(matches!(refused, RefreshError::Invalid));
    let next = world.refresh_with(says("billing", secret.expose()), token, "");
    let next = next.unwrap().access_token;
    let verified = world.verifier.verify_now(next.as_str()).unwrap();
    assert_eq!(verified.client_id(), Some("billing"));
}

#[test]
fn a_clients_session_goes_on_for_this_client_alone() {
    let world = world();
    world.register("matt", &[]);
    let (app, secret) = world.register_client("app", ALL, "profile");
    let (_, others) = world.register_client("other", ALL, "profile");
    let app_says = || says("app", secret.expose());
    let logged_in = world.log_in_with(app_says(), "matt", "correct horse", "");
    let granted = logged_in.unwrap().granted;
    let token = refresh_token(&granted);
    let refused =
        |client: Option<ClientCredentials>| world.refresh_with(client, token, "").unwrap_err();
    assert!(matches!(refused(None), RefreshError::Invalid));
    assert!(matches!(
        refused(Some(names("app"))),
        RefreshError::Client(ClientError::Refused)
    ));
    for other in [names("label"), says("other", others.expose())] {
        assert!(matches!(refused(Some(other)), RefreshError::Invalid));
    }
    let next = world.refresh_with(app_says(), token, "").unwrap();
    assert_eq!(next.session, granted.session);
    world.update_client(&app, &ClientChange::enabled(false));
    assert!(world.holder(next.access_token.as_str()).is_none());
    assert!(matches!(
        refused(Some(app_says())),
        RefreshError::Client(ClientError::Refused)
    ));
    world.store.delete_client(&app.id, &world.act()).unwrap();
    // Now it is a name like any other, and the session is nobody's.
    assert!(matches!(refused(Some(app_says())), RefreshError::Invalid));
    assert!(matches!(refused(None), RefreshError::Invalid));
}

#[test]
fn a_client_revokes_what_is_its_own() {
    let world = world();
    world.register("matt", &[]);
    let (_, app) = world.register_client("app", ALL, "profile todos");
    let (_, other) = world.register_client("other", ALL, "profile todos");
    let (app, other) = (
        || says("app", app.expose()),
        || says("other", other.expose()),
    );
    let granted = world
        .log_in_with(app(), "matt", "correct horse", "")
        .unwrap()
        .granted;
    for token in [refresh_token(&granted), granted.access_token.as_str()] {
        assert!(matches!(
            world.revoke_with(None, token),
            Err(RevokeError::Client(ClientError::Refused))
        ));
        assert!(matches!(
            world.revoke_with(other(), token),
            Err(RevokeError::OtherClient)
        ));
        assert!(matches!(
            world.revoke_with(says("app", "wrong"), token),
            Err(RevokeError::Client(ClientError::Refused))
        ));
    }
    let revoked = world.revoke_with(app(), refresh_token(&granted)).unwrap();
    assert_eq!(revoked, Revoked::Session(granted.session));
    assert!(world.newest_event().starts_with("client:app session_ended"));
    // What nobody proved to be its own is for whoever holds it.
    let anybodys = world.log_in("matt", "correct horse", "").unwrap().granted;
    let revoked = world.revoke_with(other(), refresh_token(&anybodys));
    assert_eq!(revoked.unwrap(), Revoked::Session(anybodys.session));

    let own = world.client_token(app(), "").unwrap().access_token;
    assert!(matches!(
        world.revoke_with(app(), own.as_str()),
        Err(RevokeError::ClientToken)
    ));
    assert!(matches!(
        world.revoke_with(other(), own.as_str()),
        Err(RevokeError::OtherClient)
    ));
    assert!(matches!(
        world.revoke_with(None, own.as_str()),
        Err(RevokeError::Client(ClientError::Refused))
    ));
    assert_eq!(
        world.revoke_with(app(), "nonsense").unwrap(),
        Revoked::Nothing
    );
}
