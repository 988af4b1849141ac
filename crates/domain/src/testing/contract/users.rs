//! The contract of [`UserStore`], a rule a function.

use super::{LATER, NOW};
use crate::ports::{
    CreateUserError, ImportConflict, ImportSummary, ImportUsersError, UniqueField, UserPage,
    UserStore,
};
use crate::testing::new_user;
use crate::{
    Email, ImportedUser, NewUser, PasswordHash, Patch, ProfileChange, Role, UserId, UserStatus,
    Username,
};
use std::thread;
use time::Duration;

fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

fn id(number: i64) -> UserId {
    UserId::try_new(number).unwrap()
}

fn with_email(username: &str, email: &str) -> NewUser {
    NewUser {
        email: Some(Email::parse(email).unwrap()),
        ..new_user(username)
    }
}

fn imported(number: Option<i64>, user: NewUser) -> ImportedUser {
    ImportedUser {
        id: number.map(id),
        user,
        active: true,
    }
}

fn import<S: UserStore + ?Sized>(
    store: &S,
    users: &[ImportedUser],
) -> Result<ImportSummary, ImportUsersError> {
    store.import_users(users, NOW, &mut |_| {})
}

pub fn a_created_user_is_read_back_as_it_was_made<S: UserStore + ?Sized>(store: &S) {
    let new = NewUser {
        display_name: Some("Matt \"the hat\" \u{1f3a9}".to_owned()),
        roles: [Role::admin(), Role::parse("editor").unwrap()].into(),
        ..with_email("Matt", "Matt@example.com")
    };
    let user = store.create_user(&new, NOW).unwrap();
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
    let user = store.create_user(&new_user("Matt"), NOW).unwrap();
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
        store.set_status(id(4711), UserStatus::Active, NOW).unwrap(),
        None
    );
    assert!(!store.set_password_hash(id(4711), &hash, NOW).unwrap());
    assert!(!store.upgrade_password_hash(id(4711), &hash, &hash).unwrap());
}

pub fn numbers_are_given_in_order<S: UserStore + ?Sized>(store: &S) {
    let first = store.create_user(&new_user("a"), NOW).unwrap();
    let second = store.create_user(&new_user("b"), NOW).unwrap();
    assert!(first.id < second.id);
}

pub fn a_taken_name_is_reported_before_a_taken_address<S: UserStore + ?Sized>(store: &S) {
    store
        .create_user(&with_email("matt", "matt@example.com"), NOW)
        .unwrap();
    let taken = |user: NewUser| match store.create_user(&user, NOW) {
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
    store.create_user(&new_user("a"), NOW).unwrap();
    store.create_user(&new_user("b"), NOW).unwrap();
}

pub fn of_concurrent_registrations_one_wins<S: UserStore + ?Sized>(store: &S) {
    let outcomes: Vec<bool> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| match store.create_user(&new_user("matt"), NOW) {
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

pub fn listing_pages_by_number<S: UserStore + ?Sized>(store: &S) {
    let ids: Vec<UserId> = ["a", "b", "c"]
        .into_iter()
        .map(|name| store.create_user(&new_user(name), NOW).unwrap().id)
        .collect();
    let page = |after, limit| {
        let users = store.list_users(UserPage { after, limit }).unwrap();
        users.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2), ids[..2]);
    assert_eq!(page(Some(ids[1]), 2), ids[2..]);
    assert_eq!(page(Some(ids[2]), 2), []);
    assert_eq!(page(None, 0), []);
}

pub fn disabling_keeps_the_first_time_and_the_credentials<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("matt"), NOW).unwrap();
    let disable = |at| {
        let status = UserStatus::Disabled { since: at };
        store.set_status(user.id, status, at).unwrap().unwrap()
    };
    let disabled = disable(LATER);
    assert_eq!(disabled.status, UserStatus::Disabled { since: LATER });
    assert_eq!(disabled.updated_at, LATER);
    assert_eq!(disable(LATER + Duration::HOUR), disabled);
    let credentials = store.find_credentials(&user.username).unwrap().unwrap();
    assert_eq!(credentials.user, disabled);
}

pub fn enabling_restores<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("matt"), NOW).unwrap();
    store
        .set_status(user.id, UserStatus::Disabled { since: NOW }, NOW)
        .unwrap();
    let enabled = store
        .set_status(user.id, UserStatus::Active, LATER)
        .unwrap()
        .unwrap();
    assert_eq!(enabled.status, UserStatus::Active);
    assert_eq!(enabled.updated_at, LATER);
}

pub fn a_profile_changes_where_it_is_told_to<S: UserStore + ?Sized>(store: &S) {
    let before = store
        .create_user(&with_email("matt", "matt@example.com"), NOW)
        .unwrap();
    let change = |email: Patch<&str>, display_name: Patch<&str>| {
        let change = ProfileChange {
            email: email.map(|email| Email::parse(email).unwrap()),
            display_name: display_name.map(str::to_owned),
        };
        store
            .update_profile(before.id, &change, LATER)
            .unwrap()
            .unwrap()
    };
    assert_eq!(change(Patch::Keep, Patch::Keep), before);
    let named = change(Patch::Keep, Patch::Set("Matt"));
    assert_eq!(
        (named.display_name.as_deref(), named.updated_at),
        (Some("Matt"), LATER)
    );
    assert_eq!(named.email, before.email);
    // One's own address, spelt in another way, is nobody else's.
    let moved = change(Patch::Set("MATT@example.com"), Patch::Keep);
    assert_eq!(moved.email.as_ref().unwrap().as_str(), "MATT@example.com");
    let bare = change(Patch::Clear, Patch::Clear);
    assert_eq!((&bare.email, &bare.display_name), (&None, &None));
    assert_eq!(store.find_user(before.id).unwrap(), Some(bare));
    let nobody = store
        .update_profile(id(4711), &ProfileChange::default(), NOW)
        .unwrap();
    assert_eq!(nobody, None);
}

pub fn an_address_of_somebody_else_changes_nothing<S: UserStore + ?Sized>(store: &S) {
    store
        .create_user(&with_email("ada", "ada@example.com"), NOW)
        .unwrap();
    let matt = store.create_user(&new_user("matt"), NOW).unwrap();
    let change = ProfileChange {
        email: Patch::Set(Email::parse("ADA@example.com").unwrap()),
        display_name: Patch::Set("Ada".to_owned()),
    };
    let taken = store.update_profile(matt.id, &change, LATER);
    assert!(
        matches!(taken, Err(CreateUserError::Taken(UniqueField::Email))),
        "{taken:?}"
    );
    assert_eq!(store.find_user(matt.id).unwrap(), Some(matt));
}

pub fn a_new_password_replaces_the_hash<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("matt"), NOW).unwrap();
    let hash = PasswordHash::new("$sample$another");
    assert!(store.set_password_hash(user.id, &hash, LATER).unwrap());
    let credentials = store.find_credentials(&user.username).unwrap().unwrap();
    assert_eq!(credentials.password_hash, hash);
    assert_eq!(credentials.user.updated_at, LATER);
}

pub fn an_upgrade_yields_to_a_changed_password<S: UserStore + ?Sized>(store: &S) {
    let new = new_user("matt");
    let user = store.create_user(&new, NOW).unwrap();
    let changed = PasswordHash::new("$sample$changed");
    let upgraded = PasswordHash::new("$sample$upgraded");
    store.set_password_hash(user.id, &changed, LATER).unwrap();
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
    let user = store.create_user(&new, NOW).unwrap();
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
        .import_users(&users, NOW, &mut |done| seen = done)
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
    assert!(store.create_user(&new_user("c"), NOW).unwrap().id > id(70));
}

pub fn an_import_again_changes_nothing<S: UserStore + ?Sized>(store: &S) {
    let users = [imported(Some(7), with_email("a", "a@example.com"))];
    import(store, &users).unwrap();
    let changed = PasswordHash::new("$sample$changed");
    store.set_password_hash(id(7), &changed, LATER).unwrap();
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
        .create_user(&with_email("matt", "matt@example.com"), NOW)
        .unwrap()
        .id;
    let ada = store.create_user(&new_user("ada"), NOW).unwrap().id;
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
    assert!(store.create_user(&new_user("c"), NOW).unwrap().id > id(50));
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
