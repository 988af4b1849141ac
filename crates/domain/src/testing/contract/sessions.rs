//! The contract of [`SessionStore`], a rule a function.

use time::{Duration, OffsetDateTime};

use super::{LATER, NOW};
use crate::ports::{AuditStore, SessionStore, UserStore};
use crate::session::{
    Device, EndReason, Generation, MAX_SESSIONS, NewSession, Presenter, Rotate, Rotation, Session,
    SessionId,
};
use crate::testing::{act, new_user};
use crate::{NewUser, PasswordHash, ScopeSet, User, UserChange};

pub(super) const GRACE: Duration = Duration::seconds(10);
pub(super) const IDLE: Duration = Duration::days(1);

pub(super) fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

pub(super) fn new_session(user: &User) -> NewSession {
    NewSession {
        id: SessionId::random(),
        user_id: user.id,
        client_id: "app".to_owned(),
        of_client: false,
        scope: ScopeSet::parse("admin profile").unwrap(),
        device: Device::new(Some("curl/8"), Some("192.0.2.1".to_owned())),
        idle_until: NOW + IDLE,
        expires_at: NOW + Duration::days(30),
    }
}

/// A user and a session of it.
pub(super) fn open<S: UserStore + SessionStore + ?Sized>(store: &S) -> (User, SessionId) {
    let NewUser { password_hash, .. } = new_user("matt");
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let session = new_session(&user);
    assert!(
        store
            .open_session(&session, &password_hash, &act(NOW))
            .unwrap()
    );
    (user, session.id)
}

pub(super) fn refresh<S: SessionStore + ?Sized>(
    store: &S,
    id: SessionId,
    number: u32,
    now: OffsetDateTime,
) -> Rotation {
    let rotate = Rotate {
        id,
        generation: generation(number),
        presenter: Presenter::Nobody,
        scope: ScopeSet::default(),
        grace_since: now - GRACE,
        idle_until: now + IDLE,
        device: Device::default(),
    };
    store.rotate_session(&rotate, &act(now)).unwrap()
}

/// The generation to answer with, if there is one.
pub(super) fn newest(rotation: &Rotation) -> Option<u32> {
    match rotation {
        Rotation::Rotated { session, .. } => Some(session.generation.get()),
        _ => None,
    }
}

pub fn an_opened_session_is_read_back_as_it_was_opened<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let new = new_session(&user);
    assert!(
        store
            .open_session(&new, &new_user("matt").password_hash, &act(NOW))
            .unwrap()
    );
    let expected = Session {
        id: new.id,
        user_id: user.id,
        client_id: new.client_id,
        of_client: false,
        scope: new.scope,
        generation: Generation::FIRST,
        device: new.device,
        created_at: NOW,
        last_used_at: NOW,
        idle_until: new.idle_until,
        expires_at: new.expires_at,
    };
    assert_eq!(store.sessions_of(user.id, NOW).unwrap(), [expected]);
    assert_eq!(store.find_session_user(new.id, NOW).unwrap(), Some(user));
    assert_eq!(
        store.find_session_user(SessionId::random(), NOW).unwrap(),
        None
    );
}

pub fn of_many_sessions_those_that_live_are_found<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let users = ["ann", "ben", "cat"].map(|name| {
        let user = store.create_user(&new_user(name), &act(NOW)).unwrap();
        let new = new_session(&user);
        let hash = new_user(name).password_hash;
        assert!(store.open_session(&new, &hash, &act(NOW)).unwrap());
        (new.id, user)
    });
    let [ann, ben, cat] = users;
    assert!(
        store
            .end_session(ben.0, EndReason::Revoked, &act(NOW))
            .unwrap()
    );
    let ids = [cat.0, SessionId::random(), ann.0, ben.0];
    let mut found = store.find_session_users(&ids, NOW).unwrap();
    found.sort_by_key(|(_, user)| user.id);
    assert_eq!(found, [ann, cat]);
    assert_eq!(store.find_session_users(&[], NOW).unwrap(), []);
}

pub fn a_session_is_opened_for_the_password_that_was_checked_only<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let session = new_session(&user);
    let other = PasswordHash::new("$sample$of another password");
    assert!(!store.open_session(&session, &other, &act(NOW)).unwrap());
    store
        .update_user(user.id, &UserChange::active(false), &act(NOW))
        .unwrap();
    let right = new_user("matt").password_hash;
    assert!(!store.open_session(&session, &right, &act(NOW)).unwrap());
    assert!(store.sessions_of(user.id, NOW).unwrap().is_empty());
}

pub fn an_ended_session_stays_ended<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    assert!(
        store
            .end_session(id, EndReason::Revoked, &act(NOW))
            .unwrap()
    );
    assert!(
        !store
            .end_session(id, EndReason::Reuse, &act(LATER))
            .unwrap()
    );
    assert_eq!(refresh(store, id, 1, NOW), Rotation::Ended);
    assert_eq!(store.find_session_user(id, NOW).unwrap(), None);
    assert!(store.sessions_of(user.id, NOW).unwrap().is_empty());
    assert!(
        !store
            .end_session(SessionId::random(), EndReason::Revoked, &act(NOW))
            .unwrap()
    );
}

pub fn a_session_ends_with_its_time<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    let last = NOW + IDLE - Duration::SECOND;
    assert!(store.find_session_user(id, last).unwrap().is_some());
    assert_eq!(store.find_session_user(id, NOW + IDLE).unwrap(), None);
    assert_eq!(refresh(store, id, 1, NOW + IDLE), Rotation::Ended);
    // In use it lives on, to the end that was set when it was opened.
    let end = NOW + Duration::days(30);
    let mut now = NOW;
    let mut number = 1;
    while now + IDLE - Duration::SECOND < end {
        now += IDLE - Duration::SECOND;
        assert_eq!(newest(&refresh(store, id, number, now)), Some(number + 1));
        number += 1;
    }
    let sessions = store.sessions_of(user.id, now).unwrap();
    assert_eq!(sessions[0].idle_until, end);
    assert_eq!(refresh(store, id, number, end), Rotation::Ended);
}

pub fn disabling_a_user_ends_its_sessions<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    store
        .update_user(user.id, &UserChange::active(false), &act(NOW))
        .unwrap();
    assert_eq!(refresh(store, id, 1, NOW), Rotation::Ended);
    store
        .update_user(user.id, &UserChange::active(true), &act(LATER))
        .unwrap();
    assert_eq!(refresh(store, id, 1, NOW), Rotation::Ended);
    assert_eq!(store.end_reason(id).unwrap(), Some(EndReason::UserDisabled));
}

pub fn deleting_a_user_ends_its_sessions<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    store.delete_user(user.id, &act(NOW)).unwrap();
    assert_eq!(refresh(store, id, 1, NOW), Rotation::Ended);
    assert_eq!(store.find_session_user(id, NOW).unwrap(), None);
    assert_eq!(store.end_reason(id).unwrap(), Some(EndReason::UserDeleted));
    let again = store.open_session(
        &new_session(&user),
        &new_user("matt").password_hash,
        &act(NOW),
    );
    assert!(!again.unwrap());
}

pub fn another_password_ends_the_sessions<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    let stronger = PasswordHash::new("$sample$the same, stronger");
    store
        .upgrade_password_hash(user.id, &new_user("matt").password_hash, &stronger)
        .unwrap();
    assert!(store.find_session_user(id, NOW).unwrap().is_some());
    store
        .set_password_hash(user.id, &PasswordHash::new("$sample$other"), &act(NOW))
        .unwrap();
    assert_eq!(store.find_session_user(id, NOW).unwrap(), None);
    assert_eq!(
        store.end_reason(id).unwrap(),
        Some(EndReason::PasswordChanged)
    );
}

pub fn a_session_that_is_ended_names_its_first_reason<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    assert_eq!(store.end_reason(id).unwrap(), None);
    store
        .end_session(id, EndReason::Revoked, &act(NOW))
        .unwrap();
    store
        .set_password_hash(user.id, &PasswordHash::new("$sample$other"), &act(NOW))
        .unwrap();
    assert_eq!(store.end_reason(id).unwrap(), Some(EndReason::Revoked));
}

/// Three sessions of one user.
fn open_three<S: UserStore + SessionStore + ?Sized>(store: &S) -> (User, [SessionId; 3]) {
    let (user, first) = open(store);
    let more = [(); 2].map(|()| {
        let session = new_session(&user);
        assert!(
            store
                .open_session(&session, &new_user("matt").password_hash, &act(NOW))
                .unwrap()
        );
        session.id
    });
    (user, [first, more[0], more[1]])
}

pub fn a_changed_password_ends_the_other_sessions_only<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, [first, second, third]) = open_three(store);
    let (old, new) = (
        new_user("matt").password_hash,
        PasswordHash::new("$sample$new"),
    );
    assert!(
        !store
            .change_password(user.id, &new, &old, second, &act(NOW))
            .unwrap()
    );
    assert_eq!(store.sessions_of(user.id, NOW).unwrap().len(), 3);
    assert!(
        store
            .change_password(user.id, &old, &new, second, &act(LATER))
            .unwrap()
    );
    let left = store.sessions_of(user.id, LATER).unwrap();
    assert_eq!(
        left.iter().map(|session| session.id).collect::<Vec<_>>(),
        [second]
    );
    for ended in [first, third] {
        assert_eq!(
            store.end_reason(ended).unwrap(),
            Some(EndReason::PasswordChanged)
        );
    }
    assert_eq!(store.find_user(user.id).unwrap().unwrap().updated_at, LATER);
    assert!(
        !store
            .change_password(user.id, &old, &new, second, &act(LATER))
            .unwrap()
    );
}

pub fn other_sessions_end_and_this_one_stays<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, [first, second, _]) = open_three(store);
    store
        .end_session(first, EndReason::Reuse, &act(NOW))
        .unwrap();
    let ended = store
        .end_sessions(user.id, Some(second), EndReason::Revoked, &act(NOW))
        .unwrap();
    assert_eq!(ended, 1);
    assert!(store.find_session_user(second, NOW).unwrap().is_some());
    assert_eq!(store.end_reason(first).unwrap(), Some(EndReason::Reuse));
    assert_eq!(
        store
            .end_sessions(user.id, Some(second), EndReason::Revoked, &act(NOW))
            .unwrap(),
        0
    );
}

pub fn a_session_is_ended_by_its_own_user<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    let other = store.create_user(&new_user("ada"), &act(NOW)).unwrap();
    let end = |user: &User, id| {
        let ended = store.end_session_of(user.id, id, EndReason::Revoked, &act(NOW));
        ended.unwrap()
    };
    assert!(!end(&other, id));
    assert!(!end(&user, SessionId::random()));
    assert!(store.find_session_user(id, NOW).unwrap().is_some());
    assert!(end(&user, id));
    assert!(!end(&user, id));
    assert_eq!(store.end_reason(id).unwrap(), Some(EndReason::Revoked));
}

pub fn of_too_many_sessions_the_longest_unused_end<S>(store: &S)
where
    S: UserStore + SessionStore + AuditStore + ?Sized,
{
    let other = store.create_user(&new_user("ada"), &act(NOW)).unwrap();
    let others = new_session(&other);
    let hash = new_user("ada").password_hash;
    assert!(store.open_session(&others, &hash, &act(NOW)).unwrap());
    let (user, first) = open(store);
    let hash = new_user("matt").password_hash;
    let open_at = |at: OffsetDateTime| {
        let session = new_session(&user);
        assert!(store.open_session(&session, &hash, &act(at)).unwrap());
        session.id
    };
    let second = |number: u32| NOW + Duration::seconds(number.into());
    let opened: Vec<SessionId> = (1..MAX_SESSIONS).map(second).map(open_at).collect();
    let now = second(MAX_SESSIONS);
    let lives = |id| store.find_session_user(id, now).unwrap().is_some();
    let known = super::audit::all(store)[0].id;
    // Opened first, and used last.
    assert_eq!(newest(&refresh(store, first, 1, now)), Some(2));
    let wrong = store.open_session(
        &new_session(&user),
        &PasswordHash::new("$sample$"),
        &act(now),
    );
    assert!(!wrong.unwrap());
    assert!(lives(opened[0]));
    let last = open_at(now);
    assert_eq!(
        store.end_reason(opened[0]).unwrap(),
        Some(EndReason::TooMany)
    );
    assert!([first, opened[1], last, others.id].into_iter().all(lives));
    let sessions = store.sessions_of(user.id, now).unwrap();
    assert_eq!(u32::try_from(sessions.len()).unwrap(), MAX_SESSIONS);
    let events = super::audit::all(store);
    let written = events.iter().take_while(|event| event.id > known);
    let mut written: Vec<String> = written
        .map(|event| {
            let detail = event.detail.as_deref().unwrap_or_default();
            format!("{} {} {detail}", event.actor, event.action)
        })
        .collect();
    written.sort();
    let by = format!("user:{}", user.id);
    let expected = [
        format!("{by} logged_in app"),
        format!("{by} sessions_ended 1 too_many"),
    ];
    assert_eq!(written, expected);
}

pub fn what_is_over_is_removed_in_small_batches<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, [first, second, third]) = open_three(store);
    store
        .end_session(first, EndReason::Revoked, &act(NOW))
        .unwrap();
    store
        .end_session(second, EndReason::Revoked, &act(NOW))
        .unwrap();
    // Ended at this moment is not ended before it.
    assert_eq!(store.remove_ended_sessions(NOW, 10).unwrap(), 0);
    assert_eq!(store.remove_ended_sessions(LATER, 1).unwrap(), 1);
    assert_eq!(store.remove_ended_sessions(LATER, 10).unwrap(), 1);
    assert_eq!(store.remove_ended_sessions(LATER, 10).unwrap(), 0);
    assert_eq!(store.sessions_of(user.id, NOW).unwrap()[0].id, third);
    // Unused for too long.
    assert_eq!(store.remove_ended_sessions(NOW + IDLE, 10).unwrap(), 1);
}
