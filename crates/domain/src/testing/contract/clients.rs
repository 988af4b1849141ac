//! The contract of [`ClientStore`], a rule a function.

use std::thread;

use time::{Duration, OffsetDateTime};

use super::audit::since;
use super::{LATER, NOW};
use crate::audit::Action;
use crate::client::{Client, ClientChange, ClientSecret, Grant, NewClient, NewClientSecret, Slot};
use crate::ports::{AddedSecret, AuditStore, ClientStore, CreateClientError};
use crate::testing::{act, new_client, new_secret};
use crate::{ClientId, Patch, ScopeSet};

pub(super) fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

pub(super) fn register<S: ClientStore + ?Sized>(store: &S, id: &str) -> Client {
    let client = new_client(id, "profile todos");
    store.create_client(&client, &act(NOW)).unwrap()
}

fn secret(new: &NewClientSecret, slot: Slot, created_at: OffsetDateTime) -> ClientSecret {
    ClientSecret {
        slot,
        digest: new.digest.clone(),
        hint: new.hint.clone(),
        created_at,
    }
}

pub fn a_registered_client_is_read_back_as_it_was_made<S: ClientStore + ?Sized>(store: &S) {
    let new = NewClient {
        name: Some("Billing".to_owned()),
        grants: [Grant::ClientCredentials].into(),
        ..new_client("billing", "admin todos")
    };
    let expected = Client {
        id: new.id.clone(),
        name: new.name.clone(),
        grants: new.grants.clone(),
        scope: new.scope.clone(),
        disabled_since: None,
        secrets: vec![secret(&new.secret, Slot::First, NOW)],
        created_at: NOW,
        updated_at: NOW,
    };
    assert_eq!(store.create_client(&new, &act(NOW)).unwrap(), expected);
    assert_eq!(store.find_client(&new.id).unwrap(), Some(expected));
    assert_eq!(store.find_client(&id("Billing")).unwrap(), None);
}

pub fn a_client_id_is_given_once<S: ClientStore + ?Sized>(store: &S) {
    let first = register(store, "billing");
    let again = store.create_client(&new_client("billing", "admin"), &act(LATER));
    assert!(matches!(again, Err(CreateClientError::Taken)), "{again:?}");
    assert_eq!(store.find_client(&first.id).unwrap(), Some(first));
}

pub fn of_concurrent_registrations_of_a_client_one_wins<S>(store: &S)
where
    S: ClientStore + Sync + ?Sized,
{
    let won = thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    store
                        .create_client(&new_client("billing", ""), &act(NOW))
                        .is_ok()
                })
            })
            .collect();
        let answers = asking.into_iter().map(|answer| answer.join().unwrap());
        answers.filter(|is_made| *is_made).count()
    });
    assert_eq!(won, 1);
}

pub fn clients_are_listed_by_id_and_once<S: ClientStore + ?Sized>(store: &S) {
    for name in ["b", "a", "~", "B", "c"] {
        register(store, name);
    }
    let mut seen: Vec<ClientId> = Vec::new();
    while let [.., last] = &store.list_clients(seen.last(), 2).unwrap()[..] {
        let last = last.id.clone();
        let page = store.list_clients(seen.last(), 2).unwrap();
        assert!(page.len() <= 2);
        seen.extend(page.into_iter().map(|client| client.id));
        assert_eq!(seen.last(), Some(&last));
        // What comes and goes meanwhile is not those who stay.
        store.create_client(&new_client("bb", ""), &act(NOW)).ok();
        store.delete_client(&id("B"), &act(NOW)).unwrap();
    }
    let seen: Vec<&str> = seen.iter().map(ClientId::as_str).collect();
    assert_eq!(seen, ["B", "a", "b", "bb", "c", "~"]);
}

pub fn a_client_changes_where_it_is_told_to<S: ClientStore + ?Sized>(store: &S) {
    let made = register(store, "billing");
    let update = |change: &ClientChange, at| {
        let updated = store.update_client(&made.id, change, &act(at)).unwrap();
        assert_eq!(updated, store.find_client(&made.id).unwrap());
        updated.unwrap()
    };
    assert_eq!(update(&ClientChange::default(), LATER), made);
    let change = ClientChange {
        name: Patch::Set("Billing".to_owned()),
        scope: ScopeSet::parse("admin").ok(),
        ..ClientChange::enabled(false)
    };
    let changed = update(&change, NOW);
    assert_eq!(changed.name.as_deref(), Some("Billing"));
    assert_eq!(changed.scope.to_string(), "admin");
    assert_eq!(changed.grants, made.grants);
    assert_eq!(changed.disabled_since, Some(NOW));
    let still = update(&ClientChange::enabled(false), LATER);
    assert_eq!((still.disabled_since, still.updated_at), (Some(NOW), NOW));
    let change = ClientChange {
        name: Patch::Clear,
        grants: Some([Grant::Password].into()),
        ..ClientChange::enabled(true)
    };
    let changed = update(&change, LATER);
    assert_eq!(
        (changed.name.as_ref(), changed.disabled_since),
        (None, None)
    );
    assert_eq!(changed.grants, [Grant::Password].into());
    assert_eq!((changed.updated_at, changed.created_at), (LATER, NOW));
    let nobody = store.update_client(&id("other"), &change, &act(NOW));
    assert_eq!(nobody.unwrap(), None);
}

pub fn of_concurrent_changes_of_a_client_none_is_lost<S>(store: &S)
where
    S: ClientStore + Sync + ?Sized,
{
    let client = register(store, "billing");
    let changes = [
        ClientChange {
            name: Patch::Set("Billing".to_owned()),
            ..ClientChange::default()
        },
        ClientChange {
            scope: ScopeSet::parse("admin").ok(),
            ..ClientChange::default()
        },
        ClientChange {
            grants: Some([Grant::Password].into()),
            ..ClientChange::default()
        },
        ClientChange::enabled(false),
    ];
    thread::scope(|scope| {
        for change in &changes {
            let id = &client.id;
            scope.spawn(move || store.update_client(id, change, &act(LATER)).unwrap());
        }
        scope.spawn(|| store.add_client_secret(&client.id, &new_secret(2), &act(LATER)));
    });
    let left = store.find_client(&client.id).unwrap().unwrap();
    assert_eq!(left.name.as_deref(), Some("Billing"));
    assert_eq!(left.scope.to_string(), "admin");
    assert_eq!(left.grants, [Grant::Password].into());
    assert_eq!(left.disabled_since, Some(LATER));
    assert_eq!(left.secrets.len(), 2);
}

pub fn a_client_has_two_secrets_at_most<S: ClientStore + ?Sized>(store: &S) {
    let client = register(store, "billing");
    let add = |byte, at| {
        store
            .add_client_secret(&client.id, &new_secret(byte), &act(at))
            .unwrap()
    };
    let held = || store.find_client(&client.id).unwrap().unwrap().secrets;
    let first = client.secrets[0].clone();
    let second = secret(&new_secret(2), Slot::Second, LATER);
    assert_eq!(add(2, LATER), AddedSecret::Added(second.clone()));
    assert_eq!(add(3, LATER), AddedSecret::Full);
    assert_eq!(held(), [first, second.clone()]);
    let remove = |slot| {
        store
            .remove_client_secret(&client.id, slot, &act(LATER))
            .unwrap()
    };
    assert!(remove(Slot::First));
    assert!(!remove(Slot::First));
    assert_eq!(held(), std::slice::from_ref(&second));
    let third = secret(&new_secret(3), Slot::First, LATER);
    assert_eq!(add(3, LATER), AddedSecret::Added(third.clone()));
    assert_eq!(held(), [third, second]);
    assert!(remove(Slot::First) && remove(Slot::Second));
    assert_eq!(held(), []);
    let nobody = store.add_client_secret(&id("other"), &new_secret(1), &act(NOW));
    assert_eq!(nobody.unwrap(), AddedSecret::NoClient);
    let nobody = store.remove_client_secret(&id("other"), Slot::First, &act(NOW));
    assert!(!nobody.unwrap());
}

pub fn a_secret_after_the_last_counts_from_another_second<S: ClientStore + ?Sized>(store: &S) {
    let client = register(store, "billing");
    let removed = store.remove_client_secret(&client.id, Slot::First, &act(LATER));
    assert!(removed.unwrap());
    let soon = LATER + Duration::MILLISECOND;
    let added = store.add_client_secret(&client.id, &new_secret(2), &act(soon));
    let next = LATER.replace_nanosecond(0).unwrap() + Duration::SECOND;
    let second = secret(&new_secret(2), Slot::First, next);
    assert_eq!(added.unwrap(), AddedSecret::Added(second.clone()));
    let client = store.find_client(&client.id).unwrap().unwrap();
    assert_eq!((client.secrets, client.updated_at), (vec![second], soon));
}

pub fn of_concurrent_secrets_as_many_are_kept_as_there_is_room_for<S>(store: &S)
where
    S: ClientStore + Sync + ?Sized,
{
    let client = register(store, "billing");
    let kept = thread::scope(|scope| {
        let asking: Vec<_> = (2..8)
            .map(|byte| {
                let id = &client.id;
                scope.spawn(move || {
                    let added = store.add_client_secret(id, &new_secret(byte), &act(NOW));
                    matches!(added.unwrap(), AddedSecret::Added(_))
                })
            })
            .collect();
        let answers = asking.into_iter().map(|answer| answer.join().unwrap());
        answers.filter(|is_kept| *is_kept).count()
    });
    assert_eq!(kept, 1);
    assert_eq!(
        store
            .find_client(&client.id)
            .unwrap()
            .unwrap()
            .secrets
            .len(),
        2
    );
}

pub fn a_deleted_client_is_gone<S: ClientStore + ?Sized>(store: &S) {
    let client = register(store, "billing");
    assert!(store.delete_client(&client.id, &act(NOW)).unwrap());
    assert!(!store.delete_client(&client.id, &act(NOW)).unwrap());
    assert_eq!(store.find_client(&client.id).unwrap(), None);
    assert_eq!(store.list_clients(None, 9).unwrap(), []);
    store
        .create_client(&new_client("billing", "other"), &act(LATER))
        .unwrap();
}

pub fn what_changes_a_client_is_written_down<S: ClientStore + AuditStore + ?Sized>(store: &S) {
    let client = register(store, "billing");
    assert!(
        store
            .create_client(&new_client("billing", ""), &act(NOW))
            .is_err()
    );
    let change = ClientChange {
        scope: Some(ScopeSet::default()),
        ..ClientChange::enabled(false)
    };
    for change in [
        change,
        ClientChange::enabled(false),
        ClientChange::enabled(true),
    ] {
        store.update_client(&client.id, &change, &act(NOW)).unwrap();
    }
    for byte in [2, 3] {
        store
            .add_client_secret(&client.id, &new_secret(byte), &act(NOW))
            .unwrap();
    }
    for _ in 0..2 {
        store
            .remove_client_secret(&client.id, Slot::First, &act(NOW))
            .unwrap();
    }
    for _ in 0..2 {
        store.delete_client(&client.id, &act(NOW)).unwrap();
    }
    assert_eq!(
        since(store, 0),
        [
            (Action::ClientCreated, "-"),
            (Action::ClientChanged, "scope disabled"),
            (Action::ClientChanged, "enabled"),
            (Action::ClientSecretAdded, "slot 2"),
            (Action::ClientSecretRemoved, "slot 1"),
            (Action::ClientDeleted, "-"),
        ]
        .map(|(action, detail)| format!("operator {action} - {detail}"))
    );
}
