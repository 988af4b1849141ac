//! What the contract of [`SessionStore`] says of refreshing.

use std::thread;

use time::Duration;

use super::NOW;
use super::sessions::{GRACE, IDLE, generation, new_session, newest, open, refresh};
use crate::ScopeSet;
use crate::ports::{SessionStore, UserStore};
use crate::session::{Device, EndReason, Presenter, Rotate, Rotation};
use crate::testing::{act, new_user};

pub fn the_newest_generation_is_followed_by_the_next<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    for number in 1..=3 {
        let now = NOW + Duration::minutes(i64::from(number));
        let Rotation::Rotated { session, user: of } = refresh(store, id, number, now) else {
            panic!("generation {number} was refused");
        };
        assert_eq!(session.generation, generation(number + 1));
        assert_eq!((session.last_used_at, session.created_at), (now, NOW));
        assert_eq!(session.idle_until, now + IDLE);
        assert_eq!(session.device, Device::default());
        assert_eq!(of, user);
    }
}

pub fn the_one_before_gets_the_newest_again_within_the_grace<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (_, id) = open(store);
    assert_eq!(newest(&refresh(store, id, 1, NOW)), Some(2));
    let late = NOW + GRACE - Duration::milliseconds(1);
    for _ in 0..3 {
        assert_eq!(newest(&refresh(store, id, 1, late)), Some(2));
    }
    // The grace is counted from the making of the newest, not from the last use.
    let over = NOW + GRACE;
    assert!(matches!(
        refresh(store, id, 1, over),
        Rotation::Reused { .. }
    ));
}

pub fn the_one_before_ends_the_session_after_the_grace<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (user, id) = open(store);
    refresh(store, id, 1, NOW);
    let reused = refresh(store, id, 1, NOW + GRACE);
    assert_eq!(reused, Rotation::Reused { user_id: user.id });
    assert_eq!(refresh(store, id, 2, NOW + GRACE), Rotation::Ended);
    assert_eq!(store.end_reason(id).unwrap(), Some(EndReason::Reuse));
}

pub fn any_other_generation_ends_the_session<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    for number in [1, 4, 5, u32::MAX] {
        let session = new_session(&user);
        store
            .open_session(&session, &new_user("matt").password_hash, &act(NOW))
            .unwrap();
        refresh(store, session.id, 1, NOW);
        refresh(store, session.id, 2, NOW);
        let rotation = refresh(store, session.id, number, NOW);
        assert_eq!(rotation, Rotation::Reused { user_id: user.id }, "{number}");
    }
}

pub fn a_refresh_that_does_not_fit_changes_nothing<S>(store: &S)
where
    S: UserStore + SessionStore + ?Sized,
{
    let (_, id) = open(store);
    // Even of a generation that would end the session.
    for number in [1, 7] {
        let rotate = |client_id: Option<&str>, scope: &str| {
            let rotate = Rotate {
                id,
                generation: generation(number),
                presenter: client_id.map_or(Presenter::Nobody, |label| {
                    Presenter::Label(label.to_owned())
                }),
                scope: ScopeSet::parse(scope).unwrap(),
                grace_since: NOW - GRACE,
                idle_until: NOW + IDLE,
                device: Device::default(),
            };
            store.rotate_session(&rotate, &act(NOW)).unwrap()
        };
        let allowed = ScopeSet::parse("admin profile").ok();
        assert_eq!(
            rotate(Some("other"), ""),
            Rotation::Mismatch { allowed: None }
        );
        assert_eq!(
            rotate(Some("app"), "profile root"),
            Rotation::Mismatch { allowed }
        );
        if number == 1 {
            assert_eq!(newest(&rotate(Some("app"), "profile")), Some(2));
        }
    }
    assert_eq!(newest(&refresh(store, id, 2, NOW)), Some(3));
}

pub fn of_concurrent_refreshes_one_makes_the_next<S>(store: &S)
where
    S: UserStore + SessionStore + Sync + ?Sized,
{
    let (_, id) = open(store);
    for round in 1..=5 {
        let now = NOW + Duration::minutes(i64::from(round));
        let answers: Vec<Option<u32>> = thread::scope(|scope| {
            let asking: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| newest(&refresh(store, id, round, now))))
                .collect();
            asking
                .into_iter()
                .map(|answer| answer.join().unwrap())
                .collect()
        });
        assert_eq!(answers, [Some(round + 1); 8]);
    }
}
