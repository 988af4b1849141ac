//! What clients mean for the contract of [`SessionStore`].

use time::{Duration, OffsetDateTime};

use super::clients::{id, register};
use super::sessions::{generation, new_session};
use super::{LATER, NOW};
use crate::client::ClientChange;
use crate::ports::{ClientStore, SessionStore, UserStore};
use crate::session::{Device, Presenter, Revocation, Rotate, Rotation, SessionId};
use crate::testing::{act, new_client, new_user};
use crate::{ClientId, ScopeSet};

/// A session of a user, at this time, that a client opened.
fn open<S>(store: &S, client: &str, of_client: bool, at: OffsetDateTime) -> SessionId
where
    S: UserStore + SessionStore + ?Sized,
{
    let matt = new_user("matt");
    let user = store.find_credentials(&matt.username).unwrap();
    let user = user.map_or_else(
        || store.create_user(&matt, &act(at)).unwrap(),
        |found| found.user,
    );
    let mut session = new_session(&user);
    client.clone_into(&mut session.client_id);
    session.of_client = of_client;
    let opened = store.open_session(&session, &matt.password_hash, &act(at));
    assert!(opened.unwrap());
    session.id
}

/// Whether whoever presents it gets the next.
fn goes_on<S>(store: &S, id: SessionId, number: u32, presenter: Presenter) -> bool
where
    S: SessionStore + ?Sized,
{
    let rotate = Rotate {
        id,
        generation: generation(number),
        presenter,
        scope: ScopeSet::default(),
        grace_since: LATER - Duration::seconds(10),
        idle_until: LATER + Duration::HOUR,
        device: Device::default(),
    };
    match store.rotate_session(&rotate, &act(LATER)).unwrap() {
        Rotation::Rotated { .. } => true,
        Rotation::Mismatch { allowed: None } => false,
        other => panic!("{other:?}"),
    }
}

fn label(text: &str) -> Presenter {
    Presenter::Label(text.to_owned())
}

fn client(text: &str) -> Presenter {
    Presenter::Client(id(text))
}

pub fn a_clients_session_is_for_this_client_alone<S>(store: &S)
where
    S: UserStore + SessionStore + ClientStore + ?Sized,
{
    register(store, "app");
    register(store, "other");
    let session = open(store, "app", true, NOW);
    for stranger in [
        Presenter::Nobody,
        label("app"),
        label("other"),
        client("other"),
    ] {
        // Even with a token that would end the session.
        for number in [1, 7] {
            assert!(
                !goes_on(store, session, number, stranger.clone()),
                "{stranger:?}"
            );
        }
    }
    assert!(goes_on(store, session, 1, client("app")));
    assert!(goes_on(store, session, 2, client("app")));
    assert_eq!(store.end_reason(session).unwrap(), None);
}

pub fn a_label_is_the_clients_alone_once_it_is_registered<S>(store: &S)
where
    S: UserStore + SessionStore + ClientStore + ?Sized,
{
    let session = open(store, "app", false, NOW);
    assert!(!goes_on(store, session, 1, label("other")));
    assert!(goes_on(store, session, 1, label("app")));
    assert!(goes_on(store, session, 2, Presenter::Nobody));
    let app = register(store, "app");
    for enabled in [false, true] {
        // Even with a token that would end the session.
        for number in [3, 7] {
            for stranger in [Presenter::Nobody, label("app"), client("other")] {
                assert!(!goes_on(store, session, number, stranger));
            }
        }
        store
            .update_client(&app.id, &ClientChange::enabled(enabled), &act(LATER))
            .unwrap();
    }
    assert!(goes_on(store, session, 3, client("app")));
    store.delete_client(&app.id, &act(LATER)).unwrap();
    assert!(goes_on(store, session, 4, Presenter::Nobody));
}

pub fn a_session_is_worth_as_much_as_its_client<S>(store: &S)
where
    S: UserStore + SessionStore + ClientStore + ?Sized,
{
    let app = register(store, "app");
    let of_client = open(store, "app", true, NOW);
    let of_label = open(store, "app", false, NOW);
    let is_worth = |session| {
        let user = store.find_session_user(session, LATER).unwrap();
        let live = store.find_live_session(session, LATER).unwrap();
        assert_eq!(user.is_some(), live.is_some());
        user.is_some()
    };
    let live = store.find_live_session(of_client, LATER).unwrap().unwrap();
    assert_eq!((live.session.id, live.session.of_client), (of_client, true));
    assert_eq!(
        (live.rotated_at, live.user.username.as_str()),
        (NOW, "matt")
    );
    store
        .update_client(&app.id, &ClientChange::enabled(false), &act(LATER))
        .unwrap();
    assert_eq!((is_worth(of_client), is_worth(of_label)), (false, true));
    assert!(!goes_on(store, of_client, 1, client("app")));
    // Its user still sees it, and can end it.
    let sessions = store.sessions_of(live.user.id, LATER).unwrap();
    assert_eq!(sessions.len(), 2);
    store
        .update_client(&app.id, &ClientChange::enabled(true), &act(LATER))
        .unwrap();
    assert!(is_worth(of_client));
    assert!(goes_on(store, of_client, 1, client("app")));
    store.delete_client(&app.id, &act(LATER)).unwrap();
    assert_eq!((is_worth(of_client), is_worth(of_label)), (false, true));
}

pub fn a_client_of_the_same_id_does_not_inherit_sessions<S>(store: &S)
where
    S: UserStore + SessionStore + ClientStore + ?Sized,
{
    let app = register(store, "app");
    let session = open(store, "app", true, NOW);
    store.delete_client(&app.id, &act(NOW)).unwrap();
    for presenter in [Presenter::Nobody, label("app"), client("app")] {
        assert!(!goes_on(store, session, 1, presenter));
    }
    store
        .create_client(&new_client("app", "profile"), &act(LATER))
        .unwrap();
    assert!(!goes_on(store, session, 1, client("app")));
    assert_eq!(store.find_session_user(session, LATER).unwrap(), None);
    let next = open(store, "app", true, LATER);
    assert!(goes_on(store, next, 1, client("app")));
}

pub fn a_client_revokes_its_own_sessions_only<S>(store: &S)
where
    S: UserStore + SessionStore + ClientStore + ?Sized,
{
    register(store, "app");
    let (app, other) = (id("app"), id("other"));
    let [mine, labelled] = [true, false].map(|of_client| open(store, "app", of_client, NOW));
    let revoke =
        |session, by: Option<&ClientId>| store.revoke_session(session, by, &act(LATER)).unwrap();
    for stranger in [None, Some(&other)] {
        assert_eq!(revoke(mine, stranger), Revocation::OtherClient);
    }
    assert!(store.find_session_user(mine, LATER).unwrap().is_some());
    assert_eq!(revoke(mine, Some(&app)), Revocation::Ended);
    for by in [None, Some(&other), Some(&app)] {
        assert_eq!(revoke(mine, by), Revocation::NotAlive);
    }
    assert_eq!(revoke(labelled, None), Revocation::Ended);
    let third = open(store, "app", false, NOW);
    assert_eq!(revoke(third, Some(&other)), Revocation::Ended);
    assert_eq!(revoke(SessionId::random(), None), Revocation::NotAlive);
}
