//! The contract of [`UserStore`], a rule a function.

use super::{LATER, NOW};
use crate::ports::{
    CreateUserError, ImportConflict, ImportSummary, ImportUsersError, UniqueField, UserStore,
};
use crate::testing::{act, new_user};
use crate::{
    Email, ImportedUser, NewUser, PasswordHash, Role, UserChange, UserId, UserStatus, Username,
};
use std::thread;

pub(super) fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

pub(super) fn id(number: i64) -> UserId {
    UserId::try_new(number).unwrap()
}

pub(super) fn with_email(username: &str, email: &str) -> NewUser {
    NewUser {
        email: Some(Email::parse(email).unwrap()),
        ..new_user(username)
    }
}

pub(super) fn imported(number: Option<i64>, user: NewUser) -> ImportedUser {
    ImportedUser {
        id: number.map(id),
        user,
        active: true,
    }
}

pub(super) fn import<S: UserStore + ?Sized>(
    store: &S,
    users: &[ImportedUser],
) -> Result<ImportSummary, ImportUsersError> {
    store.import_users(users, &act(NOW), &mut |_| {})
}

pub fn a_created_user_is_read_back_as_it_was_made<S: UserStore + ?Sized>(store: &S) {
    let new = NewUser {
        display_name: Some("Matt \"the hat\" \u{1f3a9}".to_owned()),
        roles: [Role::admin(), Role::parse("editor").unwrap()].into(),
        ..with_email("Matt", "Matt@example.com")
    };
    let user = store.create_user(&new, &act(NOW)).unwrap();
    assert_eq!(user.username.as_str(), "Matt");
    assert_eq!(user.email.as_ref().unwrap().as_str(), "Matt@example.com");
    assert_eq!(
        (&user.display_name, &user.roles),
        (&new.display_name, &new.roles)
    );
    assert_eq!((user.created_at, user.updated_at), (NOW, NOW));
    assert_eq!(user.status, UserStatus::Active);
    assert_eq!(store.find_user(user.id).unwrap(), Some(user.clone()));
    let credentials = store.find_credentials(&new.username).unwrap().unwrap();
    assert_eq!(credentials.user, user);
    assert_eq!(credentials.password_hash, new.password_hash);
}

pub fn a_username_is_found_by_its_key<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("Matt"), &act(NOW)).unwrap();
    for variant in ["matt", "MATT", "\u{ff4d}att"] {
        let found = store.find_credentials(&name(variant)).unwrap().unwrap();
        assert_eq!(found.user, user, "{variant}");
        assert_eq!(found.user.username.as_str(), "Matt");
    }
}

pub fn who_is_not_there_is_none<S: UserStore + ?Sized>(store: &S) {
    let hash = PasswordHash::new("$sample$");
    assert_eq!(store.find_credentials(&name("nobody")).unwrap(), None);
    assert_eq!(store.find_user(id(4711)).unwrap(), None);
    assert_eq!(
        store
            .update_user(id(4711), &UserChange::active(true), &act(NOW))
            .unwrap(),
        None
    );
    assert!(!store.set_password_hash(id(4711), &hash, &act(NOW)).unwrap());
    assert!(!store.upgrade_password_hash(id(4711), &hash, &hash).unwrap());
}

pub fn numbers_are_given_in_order<S: UserStore + ?Sized>(store: &S) {
    let first = store.create_user(&new_user("a"), &act(NOW)).unwrap();
    let second = store.create_user(&new_user("b"), &act(NOW)).unwrap();
    assert!(first.id < second.id);
}

pub fn a_taken_name_is_reported_before_a_taken_address<S: UserStore + ?Sized>(store: &S) {
    store
        .create_user(&with_email("matt", "matt@example.com"), &act(NOW))
        .unwrap();
    let taken = |user: NewUser| match store.create_user(&user, &act(NOW)) {
        Err(CreateUserError::Taken(field)) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        taken(with_email("MATT", "other@example.com")),
        UniqueField::Username
    );
    assert_eq!(
        taken(with_email("other", "MATT@example.com")),
        UniqueField::Email
    );
    assert_eq!(
        taken(with_email("matt", "matt@example.com")),
        UniqueField::Username
    );
    assert_eq!(store.find_credentials(&name("other")).unwrap(), None);
}

pub fn users_without_an_address_do_not_collide<S: UserStore + ?Sized>(store: &S) {
    store.create_user(&new_user("a"), &act(NOW)).unwrap();
    store.create_user(&new_user("b"), &act(NOW)).unwrap();
}

pub fn of_concurrent_registrations_one_wins<S: UserStore + ?Sized>(store: &S) {
    let outcomes: Vec<bool> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| match store.create_user(&new_user("matt"), &act(NOW)) {
                    Ok(_) => true,
                    Err(CreateUserError::Taken(UniqueField::Username)) => false,
                    Err(other) => panic!("{other}"),
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(outcomes.into_iter().filter(|won| *won).count(), 1);
}

pub fn a_new_password_replaces_the_hash<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let hash = PasswordHash::new("$sample$another");
    assert!(
        store
            .set_password_hash(user.id, &hash, &act(LATER))
            .unwrap()
    );
    let credentials = store.find_credentials(&user.username).unwrap().unwrap();
    assert_eq!(credentials.password_hash, hash);
    assert_eq!(credentials.user.updated_at, LATER);
}

pub fn an_upgrade_yields_to_a_changed_password<S: UserStore + ?Sized>(store: &S) {
    let new = new_user("matt");
    let user = store.create_user(&new, &act(NOW)).unwrap();
    let changed = PasswordHash::new("$sample$changed");
    let upgraded = PasswordHash::new("$sample$upgraded");
    store
        .set_password_hash(user.id, &changed, &act(LATER))
        .unwrap();
    assert!(
        !store
            .upgrade_password_hash(user.id, &new.password_hash, &upgraded)
            .unwrap()
    );
    let stored = store
        .find_credentials(&user.username)
        .unwrap()
        .unwrap()
        .password_hash;
    assert_eq!(stored, changed);
}

pub fn an_upgrade_is_not_a_change_of_the_user<S: UserStore + ?Sized>(store: &S) {
    let new = new_user("matt");
    let user = store.create_user(&new, &act(NOW)).unwrap();
    let upgraded = PasswordHash::new("$sample$upgraded");
    assert!(
        store
            .upgrade_password_hash(user.id, &new.password_hash, &upgraded)
            .unwrap()
    );
    let credentials = store.find_credentials(&user.username).unwrap().unwrap();
    assert_eq!(credentials.password_hash, upgraded);
    assert_eq!(credentials.user, user);
}

pub fn an_import_keeps_numbers_and_moves_the_next_one_past_them<S: UserStore + ?Sized>(store: &S) {
    let users = [
        imported(Some(70), new_user("a")),
        imported(Some(7), new_user("b")),
    ];
    let mut seen = 0;
    let summary = store
        .import_users(&users, &act(NOW), &mut |done| seen = done)
        .unwrap();
    assert_eq!(
        summary,
        ImportSummary {
            created: 2,
            unchanged: 0
        }
    );
    assert_eq!(seen, 2);
    let found = store.find_credentials(&name("b")).unwrap().unwrap();
    assert_eq!(found.user.id, id(7));
    assert_eq!(found.password_hash, users[1].user.password_hash);
    assert!(store.create_user(&new_user("c"), &act(NOW)).unwrap().id > id(70));
}

pub fn an_import_again_changes_nothing<S: UserStore + ?Sized>(store: &S) {
    let users = [imported(Some(7), with_email("a", "a@example.com"))];
    import(store, &users).unwrap();
    let changed = PasswordHash::new("$sample$changed");
    store
        .set_password_hash(id(7), &changed, &act(LATER))
        .unwrap();
    let again = [
        users[0].clone(),
        imported(None, new_user("A")),
        imported(Some(8), new_user("b")),
    ];
    assert_eq!(
        import(store, &again[..1]).unwrap(),
        ImportSummary {
            created: 0,
            unchanged: 1
        }
    );
    assert_eq!(
        import(store, &again[1..]).unwrap(),
        ImportSummary {
            created: 1,
            unchanged: 1
        }
    );
    let stored = store.find_credentials(&name("a")).unwrap().unwrap();
    assert_eq!(stored.password_hash, changed);
}

pub fn an_import_with_conflicts_writes_nothing_and_lists_them_all<S: UserStore + ?Sized>(
    store: &S,
) {
    let matt = store
        .create_user(&with_email("matt", "matt@example.com"), &act(NOW))
        .unwrap()
        .id;
    let ada = store.create_user(&new_user("ada"), &act(NOW)).unwrap().id;
    let users = [
        imported(Some(1000), new_user("fine")),
        imported(Some(1001), new_user("Matt")),
        imported(Some(1002), with_email("other", "MATT@example.com")),
        imported(Some(ada.get()), new_user("third")),
    ];
    let Err(ImportUsersError::Conflicts(mut conflicts)) = import(store, &users) else {
        panic!("the import went through");
    };
    conflicts.sort_by_key(|conflict| (conflict.index, conflict.field));
    assert_eq!(
        conflicts,
        [
            ImportConflict {
                index: 1,
                field: UniqueField::Username,
                holder: matt
            },
            ImportConflict {
                index: 2,
                field: UniqueField::Email,
                holder: matt
            },
            ImportConflict {
                index: 3,
                field: UniqueField::Id,
                holder: ada
            },
        ]
    );
    assert_eq!(store.find_credentials(&name("fine")).unwrap(), None);
}

pub fn an_import_without_numbers_gives_them<S: UserStore + ?Sized>(store: &S) {
    let users = [
        imported(None, new_user("a")),
        imported(Some(50), new_user("b")),
    ];
    import(store, &users).unwrap();
    let found = store.find_credentials(&name("a")).unwrap().unwrap();
    assert_ne!(found.user.id, id(50));
    assert!(store.create_user(&new_user("c"), &act(NOW)).unwrap().id > id(50));
}

pub fn a_disabled_user_is_imported_disabled<S: UserStore + ?Sized>(store: &S) {
    let user = ImportedUser {
        active: false,
        ..imported(Some(1), new_user("a"))
    };
    import(store, &[user]).unwrap();
    let found = store.find_user(id(1)).unwrap().unwrap();
    assert_eq!(found.status, UserStatus::Disabled { since: NOW });
}
