use passgate_auth::client_secret::IssuedSecret;
use passgate_auth::flows::{
    AddSecretError, ClientCredentials, ClientError, ClientGranted, ClientToken, ClientTokenError,
    Holder, LogInError, RefreshError, RegisterClient, RegisterClientError, add_client_secret,
    client_token, register_client,
};
use passgate_domain::audit::{Actor, EventFilter};
use passgate_domain::client::{Client, ClientChange, Grant, Slot};
use passgate_domain::ports::{AuditStore, ClientStore};
use passgate_domain::{ClientId, Scope, ScopeSet};

use crate::world::{World, refresh_token, world};

impl World {
    pub(crate) fn register_client(
        &self,
        id: &str,
        grants: &[Grant],
        scope: &str,
    ) -> (Client, IssuedSecret) {
        let command = RegisterClient {
            id: ClientId::parse(id).unwrap(),
            name: None,
            grants: grants.iter().copied().collect(),
            scope: ScopeSet::parse(scope).unwrap(),
        };
        register_client(&self.store, command, &self.act()).unwrap()
    }

    pub(crate) fn client_token(
        &self,
        client: ClientCredentials,
        scope: &str,
    ) -> Result<ClientGranted, ClientTokenError> {
        let command = ClientToken {
            client,
            scope: ScopeSet::parse(scope).unwrap(),
        };
        client_token(
            &self.store,
            &self.tokens,
            &self.guessing,
            &command,
            &self.act(),
        )
    }

    pub(crate) fn holder(&self, token: &str) -> Option<Holder> {
        let token = self.own_verifier.verify_now(token).unwrap();
        Holder::find(&self.store, &token, self.act().at).unwrap()
    }

    pub(crate) fn update_client(&self, client: &Client, change: &ClientChange) {
        self.store
            .update_client(&client.id, change, &self.act())
            .unwrap();
    }

    pub(crate) fn newest_event(&self) -> String {
        let filter = EventFilter {
            limit: 1,
            ..EventFilter::default()
        };
        let event = self.store.events(&filter).unwrap().remove(0);
        let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let (target, detail) = (text(event.target), text(event.detail));
        format!("{} {} {target} {detail}", event.actor, event.action)
    }
}

pub(crate) fn says(id: &str, secret: &str) -> ClientCredentials {
    ClientCredentials {
        id: id.to_owned(),
        secret: Some(secret.into()),
    }
}

pub(crate) fn names(id: &str) -> ClientCredentials {
    ClientCredentials {
        id: id.to_owned(),
        secret: None,
    }
}

const ALL: &[Grant] = &Grant::ALL;

#[test]
fn a_clients_own_token_is_about_the_client_and_no_user() {
    let world = world();
    let (_, secret) = world.register_client("billing", ALL, "admin profile todos");
    let granted = world
        .client_token(says("billing", secret.expose()), "")
        .unwrap();
    assert_eq!(granted.scope.to_string(), "admin todos");
    let token = granted.access_token.as_str();
    let verified = world.own_verifier.verify_now(token).unwrap();
    assert_eq!(verified.subject().as_str(), "client:billing");
    assert_eq!(verified.client_id(), Some("billing"));
    assert_eq!(
        (verified.extra().user_id, verified.extra().sid),
        (None, None)
    );
    assert!(verified.roles().is_empty());
    assert_eq!(verified.scopes().to_string(), "admin todos");
    // Whoever wants users only does not take it for one.
    assert!(world.verifier.verify_now(token).is_err());
    let holder = world.holder(token).unwrap();
    assert_eq!(
        holder.actor(),
        Actor::Client(ClientId::parse("billing").unwrap())
    );
    let may = |scope| holder.may(&world.store, &verified, scope).unwrap();
    assert!(may("admin") && !may(Scope::PROFILE));
    let event = world.newest_event();
    let id = granted.access_token.token_id();
    assert_eq!(
        event,
        format!("client:billing client_token_issued billing {id}")
    );
}

#[test]
fn a_client_gets_what_it_asks_for_and_may_have() {
    let world = world();
    let (_, secret) = world.register_client("billing", ALL, "profile todos invoices");
    let ask = |scope| world.client_token(says("billing", secret.expose()), scope);
    assert_eq!(ask("todos").unwrap().scope.to_string(), "todos");
    for more in ["todos admin", "profile"] {
        let refused = ask(more).unwrap_err();
        let ClientTokenError::Scope { allowed } = refused else {
            panic!("{more}: {refused:?}");
        };
        assert_eq!(allowed.to_string(), "invoices todos");
    }
}

#[test]
fn whoever_does_not_prove_itself_is_refused_and_written_down() {
    let world = world();
    let (client, right) = world.register_client("billing", ALL, "todos");
    let other = IssuedSecret::generate().unwrap();
    let refuse = |credentials| {
        let refused = world.client_token(credentials, "").unwrap_err();
        let is_refusal = matches!(refused, ClientTokenError::Client(ClientError::Refused));
        assert!(is_refusal, "{refused:?}");
        world.newest_event()
    };
    let wrong = "anonymous client_refused billing wrong secret";
    assert_eq!(refuse(says("billing", other.expose())), wrong);
    assert_eq!(refuse(says("billing", "")), wrong);
    let none = "anonymous client_refused billing no secret";
    assert_eq!(refuse(names("billing")), none);
    // A name that nobody has may be a secret.
    let unknown = "anonymous client_refused - unknown client";
    assert_eq!(refuse(says(right.expose(), right.expose())), unknown);
    assert_eq!(refuse(says("a b", right.expose())), unknown);
    world.update_client(&client, &ClientChange::enabled(false));
    let disabled = "anonymous client_refused billing disabled";
    assert_eq!(refuse(says("billing", right.expose())), disabled);
    assert_eq!(refuse(says("billing", other.expose())), wrong);
}

#[test]
fn a_client_goes_over_from_one_secret_to_the_next() {
    let world = world();
    let (client, first) = world.register_client("billing", ALL, "todos");
    let (kept, second) = add_client_secret(&world.store, &client.id, &world.act()).unwrap();
    assert_eq!(kept.slot, Slot::Second);
    let works = |secret: &IssuedSecret| {
        world
            .client_token(says("billing", secret.expose()), "")
            .is_ok()
    };
    assert!(works(&first) && works(&second));
    let full = add_client_secret(&world.store, &client.id, &world.act());
    assert!(matches!(full, Err(AddSecretError::Full)));
    world
        .store
        .remove_client_secret(&client.id, Slot::First, &world.act())
        .unwrap();
    assert!(!works(&first) && works(&second));
    let (kept, third) = add_client_secret(&world.store, &client.id, &world.act()).unwrap();
    assert_eq!(kept.slot, Slot::First);
    assert!(!works(&first) && works(&second) && works(&third));
    let nobody = ClientId::parse("nobody").unwrap();
    let none = add_client_secret(&world.store, &nobody, &world.act());
    assert!(matches!(none, Err(AddSecretError::NoClient)));
}

#[test]
fn an_id_is_registered_once() {
    let world = world();
    let (client, secret) = world.register_client("billing", ALL, "todos");
    let command = RegisterClient {
        id: client.id,
        name: None,
        grants: client.grants,
        scope: client.scope,
    };
    let again = register_client(&world.store, command, &world.act());
    assert!(matches!(again, Err(RegisterClientError::Taken)));
    assert!(
        world
            .client_token(says("billing", secret.expose()), "")
            .is_ok()
    );
}

#[test]
fn a_grant_that_a_client_may_not_use_is_named() {
    let world = world();
    world.register("matt", &[]);
    let (_, secret) = world.register_client("billing", &[Grant::Password], "profile");
    let client = || says("billing", secret.expose());
    let token = world.client_token(client(), "").unwrap_err();
    assert!(matches!(
        token,
        ClientTokenError::Client(ClientError::Grant(Grant::ClientCredentials))
    ));
    let granted = world
        .log_in_with(client(), "matt", "correct horse", "")
        .unwrap()
        .granted;
    assert!(granted.refresh_token.is_none(), "it could not use one");
    let refresh = world.log_in("matt", "correct horse", "").unwrap().granted;
    let refused = world.refresh_with(client(), refresh_token(&refresh), "");
    assert!(matches!(
        refused,
        Err(RefreshError::Client(ClientError::Grant(
            Grant::RefreshToken
        )))
    ));
    let (_, secret) = world.register_client("batch", &[Grant::ClientCredentials], "profile");
    let before = world.passwords.computed();
    let refused = world.log_in_with(says("batch", secret.expose()), "matt", "correct horse", "");
    assert!(matches!(
        refused,
        Err(LogInError::Client(ClientError::Grant(Grant::Password)))
    ));
    assert_eq!(world.passwords.computed(), before);
}

#[test]
fn a_clients_own_token_ends_with_its_client() {
    let world = world();
    let (client, secret) = world.register_client("billing", ALL, "todos");
    let granted = world.client_token(says("billing", secret.expose()), "");
    let token = granted.unwrap().access_token;
    let lives = || world.holder(token.as_str()).is_some();
    assert!(lives());
    world.update_client(&client, &ClientChange::enabled(false));
    assert!(!lives());
    world.update_client(&client, &ClientChange::enabled(true));
    assert!(lives());
    let slot = Slot::First;
    let (store, act) = (&world.store, world.act());
    store.remove_client_secret(&client.id, slot, &act).unwrap();
    assert!(!lives());
    // In the same second, which is all that a token knows of the time.
    world.clock.advance(time::Duration::milliseconds(400));
    let (_, next) = add_client_secret(store, &client.id, &world.act()).unwrap();
    assert!(!lives(), "the secret that made it is gone");
    let granted = world.client_token(says("billing", next.expose()), "");
    let other = granted.unwrap().access_token;
    assert!(world.holder(other.as_str()).is_some());
    assert!(!lives());
    store.delete_client(&client.id, &act).unwrap();
    assert!(!lives());
    world.clock.advance(time::Duration::SECOND);
    world.register_client("billing", ALL, "todos");
    assert!(!lives(), "it was another client's");
}
