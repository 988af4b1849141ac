//! The contract of [`UserStore`] about accounts that change, and end.

use time::Duration;

use super::audit::{all, since};
use super::users::{id, name, with_email};
use super::{LATER, NOW};
use crate::ports::{
    AuditStore, CreateUserError, ImportConflict, ImportUsersError, UniqueField, UserStore,
};
use crate::testing::{act, new_user};
use crate::{Email, ImportedUser, PasswordHash, Patch, Role, UserChange, UserStatus};

pub fn disabling_keeps_the_first_time_and_the_credentials<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let disable = |at| {
        let change = UserChange::active(false);
        store
            .update_user(user.id, &change, &act(at))
            .unwrap()
            .unwrap()
    };
    let disabled = disable(LATER);
    assert_eq!(disabled.status, UserStatus::Disabled { since: LATER });
    assert_eq!(disabled.updated_at, LATER);
    assert_eq!(disable(LATER + Duration::HOUR), disabled);
    let credentials = store.find_credentials(&user.username).unwrap().unwrap();
    assert_eq!(credentials.user, disabled);
}

pub fn enabling_restores<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    store
        .update_user(user.id, &UserChange::active(false), &act(NOW))
        .unwrap();
    let enabled = store
        .update_user(user.id, &UserChange::active(true), &act(LATER))
        .unwrap()
        .unwrap();
    assert_eq!(enabled.status, UserStatus::Active);
    assert_eq!(enabled.updated_at, LATER);
}

pub fn a_profile_changes_where_it_is_told_to<S: UserStore + ?Sized>(store: &S) {
    let before = store
        .create_user(&with_email("matt", "matt@example.com"), &act(NOW))
        .unwrap();
    let change = |email: Patch<&str>, display_name: Patch<&str>| {
        let change = UserChange {
            email: email.map(|email| Email::parse(email).unwrap()),
            display_name: display_name.map(str::to_owned),
            ..UserChange::default()
        };
        store
            .update_user(before.id, &change, &act(LATER))
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
        .update_user(id(4711), &UserChange::default(), &act(NOW))
        .unwrap();
    assert_eq!(nobody, None);
}

pub fn what_a_user_is_already_is_no_change<S: UserStore + AuditStore + ?Sized>(store: &S) {
    let user = store
        .create_user(&with_email("matt", "matt@example.com"), &act(NOW))
        .unwrap();
    let change = UserChange {
        email: Patch::Set(Email::parse("matt@example.com").unwrap()),
        display_name: Patch::Set("Matt".to_owned()),
        roles: Some([Role::admin()].into()),
        active: Some(true),
    };
    let known = all(store).len();
    let update = |at| {
        let updated = store.update_user(user.id, &change, &act(at)).unwrap();
        updated.unwrap()
    };
    let changed = update(NOW);
    assert_eq!(changed.display_name.as_deref(), Some("Matt"));
    assert_eq!(update(LATER), changed);
    assert_eq!(
        since(store, known),
        [format!(
            "operator user_changed {} display_name roles",
            user.id
        )]
    );
}

pub fn an_address_of_somebody_else_changes_nothing<S: UserStore + ?Sized>(store: &S) {
    store
        .create_user(&with_email("ada", "ada@example.com"), &act(NOW))
        .unwrap();
    let matt = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let change = UserChange {
        email: Patch::Set(Email::parse("ADA@example.com").unwrap()),
        display_name: Patch::Set("Ada".to_owned()),
        active: Some(false),
        ..UserChange::default()
    };
    let taken = store.update_user(matt.id, &change, &act(LATER));
    assert!(
        matches!(taken, Err(CreateUserError::Taken(UniqueField::Email))),
        "{taken:?}"
    );
    assert_eq!(store.find_user(matt.id).unwrap(), Some(matt));
}

pub fn roles_and_status_change_together<S: UserStore + ?Sized>(store: &S) {
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    let change = UserChange {
        roles: Some([Role::admin()].into()),
        active: Some(false),
        ..UserChange::default()
    };
    let changed = store
        .update_user(user.id, &change, &act(LATER))
        .unwrap()
        .unwrap();
    assert_eq!(changed.roles, [Role::admin()].into());
    assert_eq!(changed.status, UserStatus::Disabled { since: LATER });
    assert_eq!(store.find_user(user.id).unwrap(), Some(changed));
}

pub fn a_deleted_user_is_not_there_any_more<S: UserStore + ?Sized>(store: &S) {
    let new = with_email("matt", "matt@example.com");
    let user = store.create_user(&new, &act(NOW)).unwrap();
    let hash = PasswordHash::new("$sample$other");
    assert!(store.delete_user(user.id, &act(LATER)).unwrap());
    assert!(!store.delete_user(user.id, &act(LATER)).unwrap());
    assert_eq!(store.find_user(user.id).unwrap(), None);
    assert_eq!(store.find_credentials(&new.username).unwrap(), None);
    let enable = UserChange::active(true);
    assert_eq!(
        store.update_user(user.id, &enable, &act(LATER)).unwrap(),
        None
    );
    assert!(
        !store
            .set_password_hash(user.id, &hash, &act(LATER))
            .unwrap()
    );
    let upgraded = store.upgrade_password_hash(user.id, &new.password_hash, &hash);
    assert!(!upgraded.unwrap());
}

pub fn a_deleted_name_is_never_given_again<S: UserStore + ?Sized>(store: &S) {
    let new = with_email("matt", "matt@example.com");
    let user = store.create_user(&new, &act(NOW)).unwrap();
    assert!(store.delete_user(user.id, &act(LATER)).unwrap());
    let taken = store.create_user(&new_user("MATT"), &act(LATER));
    assert!(
        matches!(taken, Err(CreateUserError::Taken(UniqueField::Username))),
        "{taken:?}"
    );
    let import = |number| {
        let imported = ImportedUser {
            id: number,
            user: new_user("matt"),
            active: true,
        };
        match store.import_users(&[imported], &act(LATER), &mut |_| {}) {
            Err(ImportUsersError::Conflicts(conflicts)) => conflicts,
            other => panic!("{other:?}"),
        }
    };
    let conflict = |field| ImportConflict {
        index: 0,
        field,
        holder: user.id,
    };
    assert_eq!(import(None), [conflict(UniqueField::Username)]);
    assert_eq!(
        import(Some(user.id)),
        [conflict(UniqueField::Id), conflict(UniqueField::Username)]
    );
    // The address is free again, and the number is not.
    let other = with_email("other", "matt@example.com");
    assert!(store.create_user(&other, &act(LATER)).unwrap().id > user.id);
    assert_eq!(store.find_credentials(&name("matt")).unwrap(), None);
}

pub fn nobody_is_deleted_who_is_not_there<S: UserStore + ?Sized>(store: &S) {
    assert!(!store.delete_user(id(4711), &act(NOW)).unwrap());
}
