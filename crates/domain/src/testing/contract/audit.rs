//! The contract of [`AuditStore`], and of the deeds that the other ports write down.

use time::{Duration, OffsetDateTime};

use super::sessions::{generation, new_session, refresh};
use super::users::{id, import, imported};
use super::{LATER, NOW};
use crate::audit::{Act, Action, Actor, Deed, Event, EventFilter};
use crate::ports::{AuditStore, SessionStore, UserStore};
use crate::session::EndReason;
use crate::testing::{act, new_user};
use crate::{PasswordHash, Patch, Role, User, UserChange};

pub(super) fn all<S: AuditStore + ?Sized>(store: &S) -> Vec<Event> {
    let filter = EventFilter {
        limit: 100,
        ..EventFilter::default()
    };
    store.events(&filter).unwrap()
}

/// What was written down since the log had `known` events, the oldest first.
pub(super) fn since<S: AuditStore + ?Sized>(store: &S, known: usize) -> Vec<String> {
    let mut events = all(store);
    events.reverse();
    let event = |event: &Event| {
        let Event {
            action,
            actor,
            user,
            detail,
            ..
        } = event;
        let user = user.map_or_else(|| "-".to_owned(), |user| user.to_string());
        let detail = detail.as_deref().unwrap_or("-");
        format!("{actor} {action} {user} {detail}")
    };
    events.iter().skip(known).map(event).collect()
}

fn matt<S: UserStore + ?Sized>(store: &S) -> User {
    store.create_user(&new_user("matt"), &act(NOW)).unwrap()
}

pub fn an_event_is_read_back_as_it_was_written_down<S: AuditStore + ?Sized>(store: &S) {
    let deed = Deed::new(Action::LogInRefused)
        .on(id(7))
        .target(&"app")
        .detail("wrong password");
    let act = Act {
        address: Some("192.0.2.1".to_owned()),
        request_id: Some("r-1".to_owned()),
        ..Act::new(LATER, Actor::Anonymous)
    };
    store.record(&deed, &act).unwrap();
    let [event] = &all(store)[..] else {
        panic!("not one event");
    };
    let expected = Event {
        id: event.id,
        at: LATER,
        action: "log_in_refused".to_owned(),
        actor: "anonymous".to_owned(),
        user: Some(id(7)),
        target: Some("app".to_owned()),
        detail: Some("wrong password".to_owned()),
        address: act.address,
        request_id: act.request_id,
    };
    assert_eq!(*event, expected);
}

pub fn every_filter_narrows_and_the_newest_come_first<S: AuditStore + ?Sized>(store: &S) {
    let write = |action, user: i64, actor, at| {
        let deed = Deed::new(action).on(id(user));
        store.record(&deed, &Act::new(at, actor)).unwrap();
    };
    write(Action::UserCreated, 1, Actor::Operator, NOW);
    write(Action::UserDisabled, 1, Actor::User(id(2)), NOW);
    write(Action::UserCreated, 3, Actor::User(id(2)), LATER);
    let events = all(store);
    let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    assert!(
        ids.is_sorted_by(|later, earlier| later > earlier),
        "{ids:?}"
    );
    let found = |filter: EventFilter| {
        let found = store.events(&filter).unwrap();
        let place = |event: &Event| ids.iter().position(|id| *id == event.id).unwrap();
        found.iter().map(place).collect::<Vec<_>>()
    };
    let filter = || EventFilter {
        limit: 9,
        ..EventFilter::default()
    };
    assert_eq!(
        found(EventFilter {
            limit: 2,
            ..filter()
        }),
        [0, 1]
    );
    let before = Some(ids[1]);
    assert_eq!(found(EventFilter { before, ..filter() }), [2]);
    let user = Some(id(1));
    assert_eq!(found(EventFilter { user, ..filter() }), [1, 2]);
    let actor = Some("user:2".to_owned());
    assert_eq!(found(EventFilter { actor, ..filter() }), [0, 1]);
    let action = Some(Action::UserCreated);
    assert_eq!(found(EventFilter { action, ..filter() }), [0, 2]);
    let times = |since, until| {
        found(EventFilter {
            since,
            until,
            ..filter()
        })
    };
    assert_eq!(times(Some(LATER), None), [0]);
    assert_eq!(times(None, Some(LATER)), [1, 2]);
    assert_eq!(times(Some(NOW), Some(LATER + Duration::SECOND)), [0, 1, 2]);
}

pub fn where_a_time_is_asked_for_events_come_by_their_times<S: AuditStore + ?Sized>(store: &S) {
    // Two replicas, of which one is a moment behind.
    let minute = |number| NOW + Duration::minutes(number);
    for at in [1, 0, 3, 2, 3].map(minute) {
        store
            .record(&Deed::new(Action::KeyRetired), &act(at))
            .unwrap();
    }
    let mut numbers: Vec<i64> = all(store).iter().map(|event| event.id).collect();
    numbers.reverse();
    let found = |filter: EventFilter| {
        let found = store.events(&filter).unwrap();
        let place = |event: &Event| numbers.iter().position(|id| *id == event.id).unwrap();
        found.iter().map(place).collect::<Vec<_>>()
    };
    let since = |at, before, limit| {
        found(EventFilter {
            since: Some(at),
            before,
            limit,
            ..EventFilter::default()
        })
    };
    assert_eq!(since(NOW, None, 9), [4, 2, 3, 0, 1]);
    assert_eq!(since(minute(2), None, 9), [4, 2, 3]);
    // In parts, each is there once.
    assert_eq!(since(NOW, None, 2), [4, 2]);
    assert_eq!(since(NOW, Some(numbers[2]), 2), [3, 0]);
    assert_eq!(since(NOW, Some(numbers[0]), 2), [1]);
    let until = |at, before| {
        found(EventFilter {
            until: Some(at),
            before,
            limit: 2,
            ..EventFilter::default()
        })
    };
    assert_eq!(until(minute(3), None), [3, 0]);
    assert_eq!(until(minute(3), Some(numbers[0])), [1]);
}

pub fn events_from_a_clock_that_was_ahead_keep_no_others<S: AuditStore + ?Sized>(store: &S) {
    let write = |at: OffsetDateTime| store.record(&Deed::new(Action::KeyRetired), &act(at));
    for _ in 0..3 {
        write(NOW + Duration::days(3650)).unwrap();
    }
    for _ in 0..3 {
        write(NOW).unwrap();
    }
    assert_eq!(store.remove_events(LATER, 2).unwrap(), 2);
    assert_eq!(store.remove_events(LATER, 2).unwrap(), 1);
    assert_eq!(store.remove_events(LATER, 2).unwrap(), 0);
    assert_eq!(all(store).len(), 3);
}

pub fn only_old_events_go_and_in_small_batches<S: AuditStore + ?Sized>(store: &S) {
    let write = |at: OffsetDateTime| store.record(&Deed::new(Action::KeyRetired), &act(at));
    for at in [NOW, NOW, NOW, LATER] {
        write(at).unwrap();
    }
    assert_eq!(store.remove_events(NOW, 9).unwrap(), 0);
    assert_eq!(store.remove_events(LATER, 2).unwrap(), 2);
    assert_eq!(store.remove_events(LATER, 2).unwrap(), 1);
    assert_eq!(store.remove_events(LATER, 2).unwrap(), 0);
    assert_eq!(all(store).len(), 1);
}

pub fn what_changes_an_account_is_written_down<S: UserStore + AuditStore + ?Sized>(store: &S) {
    let user = matt(store);
    let change = UserChange {
        display_name: Patch::Set("Matt".to_owned()),
        roles: Some([Role::admin()].into()),
        active: Some(false),
        ..UserChange::default()
    };
    store.update_user(user.id, &change, &act(NOW)).unwrap();
    let enable = UserChange::active(true);
    store.update_user(user.id, &enable, &act(NOW)).unwrap();
    let hash = PasswordHash::new("$sample$other");
    store.set_password_hash(user.id, &hash, &act(NOW)).unwrap();
    store.delete_user(user.id, &act(NOW)).unwrap();
    import(store, &[imported(None, new_user("ada"))]).unwrap();
    let id = user.id;
    assert_eq!(
        since(store, 0),
        [
            format!("operator user_created {id} -"),
            format!("operator user_changed {id} display_name roles"),
            format!("operator user_disabled {id} -"),
            format!("operator user_enabled {id} -"),
            format!("operator password_reset {id} -"),
            format!("operator user_deleted {id} -"),
            "operator users_imported - 1 created, 0 unchanged".to_owned(),
        ]
    );
}

pub fn what_changes_nothing_is_not_written_down<S>(store: &S)
where
    S: UserStore + SessionStore + AuditStore + ?Sized,
{
    let user = matt(store);
    let (right, wrong) = (
        new_user("matt").password_hash,
        PasswordHash::new("$sample$"),
    );
    let session = new_session(&user);
    assert!(store.create_user(&new_user("matt"), &act(NOW)).is_err());
    import(store, &[imported(None, new_user("matt"))]).unwrap();
    store
        .update_user(user.id, &UserChange::default(), &act(NOW))
        .unwrap();
    store
        .update_user(user.id, &UserChange::active(true), &act(NOW))
        .unwrap();
    assert!(!store.open_session(&session, &wrong, &act(NOW)).unwrap());
    let kept = store.change_password(user.id, &wrong, &right, session.id, &act(NOW));
    assert!(!kept.unwrap());
    assert!(!store.delete_user(id(4711), &act(NOW)).unwrap());
    let revoked = EndReason::Revoked;
    assert!(!store.end_session(session.id, revoked, &act(NOW)).unwrap());
    let none = store.end_sessions(user.id, None, revoked, &act(NOW));
    assert_eq!(none.unwrap(), 0);
    assert_eq!(since(store, 1), [""; 0]);
}

pub fn what_begins_and_ends_a_session_is_written_down<S>(store: &S)
where
    S: UserStore + SessionStore + AuditStore + ?Sized,
{
    let user = matt(store);
    let right = new_user("matt").password_hash;
    let anonymous = Act {
        address: Some("192.0.2.9".to_owned()),
        ..Act::new(NOW, Actor::Anonymous)
    };
    let sessions = [(); 4].map(|()| {
        let session = new_session(&user);
        assert!(store.open_session(&session, &right, &anonymous).unwrap());
        session.id
    });
    let [first, second, third, _] = sessions;
    refresh(store, first, 1, NOW);
    refresh(store, first, 2, NOW);
    let known = all(store).len();
    assert_eq!(known, 5, "a refresh is not worth an event");
    let event = &all(store)[0];
    assert_eq!(event.actor, format!("user:{}", user.id));
    assert_eq!(event.target, Some(sessions[3].to_string()));
    assert_eq!(event.detail.as_deref(), Some("app"));
    assert_eq!(event.address, anonymous.address);
    refresh(store, first, generation(1).get(), NOW);
    store
        .end_session(second, EndReason::Revoked, &act(NOW))
        .unwrap();
    store
        .end_sessions(user.id, Some(third), EndReason::Revoked, &act(NOW))
        .unwrap();
    let hash = PasswordHash::new("$sample$other");
    let changed = store.change_password(user.id, &right, &hash, third, &act(NOW));
    assert!(changed.unwrap());
    let id = user.id;
    assert_eq!(
        since(store, known),
        [
            format!("operator refresh_token_reused {id} -"),
            format!("operator session_ended {id} revoked"),
            format!("operator sessions_ended {id} 1 revoked"),
            format!("operator password_changed {id} -"),
        ]
    );
}
