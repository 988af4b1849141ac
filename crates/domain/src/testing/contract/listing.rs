//! The contract of [`UserStore::list_users`].

use super::NOW;
use super::users::with_email;
use crate::UserId;
use crate::ports::{UserQuery, UserStore};
use crate::testing::{act, new_user};

fn names<S: UserStore + ?Sized>(store: &S, query: &UserQuery, limit: u32) -> Vec<String> {
    let users = store.list_users(query, limit).unwrap();
    users
        .iter()
        .map(|user| user.username.as_str().to_owned())
        .collect()
}

pub fn listing_pages_by_number<S: UserStore + ?Sized>(store: &S) {
    let ids: Vec<UserId> = ["c", "a", "b"]
        .into_iter()
        .map(|name| store.create_user(&new_user(name), &act(NOW)).unwrap().id)
        .collect();
    let page = |after, limit| names(store, &UserQuery::All { after }, limit);
    assert_eq!(page(None, 2), ["c", "a"]);
    assert_eq!(page(Some(ids[1]), 2), ["b"]);
    assert!(page(Some(ids[2]), 2).is_empty());
    assert!(page(None, 0).is_empty());
}

pub fn a_search_pages_by_the_key_that_it_is_about<S: UserStore + ?Sized>(store: &S) {
    // Registered in another order than that of their names.
    for (username, email) in [
        ("Matty", "z@example.com"),
        ("MATT", "b@example.com"),
        ("mattea", "a@example.com"),
        ("matu", "a@example.org"),
        ("mat", "c@example.com"),
        ("Zo\u{eb}", "%@example.com"),
    ] {
        let user = with_email(username, email);
        store.create_user(&user, &act(NOW)).unwrap();
    }
    let by_username = |prefix: &str, after: Option<&str>, limit| {
        let query = UserQuery::ByUsername {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
        };
        names(store, &query, limit)
    };
    assert_eq!(by_username("matt", None, 2), ["MATT", "mattea"]);
    assert_eq!(by_username("matt", Some("mattea"), 2), ["Matty"]);
    assert_eq!(
        by_username("mat", None, 9),
        ["mat", "MATT", "mattea", "Matty", "matu"]
    );
    assert_eq!(by_username("zo\u{eb}", None, 9), ["Zo\u{eb}"]);
    // No pattern: these stand for themselves.
    for literal in ["%", "_att", "mat_", "m%", "\\"] {
        assert!(by_username(literal, None, 9).is_empty(), "{literal}");
    }
    let by_email = |prefix: &str, after: Option<&str>| {
        let query = UserQuery::ByEmail {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
        };
        names(store, &query, 9)
    };
    assert_eq!(by_email("a@example", None), ["mattea", "matu"]);
    assert_eq!(by_email("a@example", Some("a@example.com")), ["matu"]);
    assert_eq!(by_email("%", None), ["Zo\u{eb}"]);
}

pub fn whoever_stays_is_listed_once_whatever_comes_and_goes<S: UserStore + ?Sized>(store: &S) {
    for name in ["b", "d", "f"] {
        store.create_user(&new_user(name), &act(NOW)).unwrap();
    }
    let everybody = |after: Option<&str>| UserQuery::ByUsername {
        prefix: String::new(),
        after: after.map(str::to_owned),
    };
    let first = store.list_users(&everybody(None), 2).unwrap();
    assert_eq!(names(store, &everybody(None), 2), ["b", "d"]);
    for name in ["a", "c", "e"] {
        store.create_user(&new_user(name), &act(NOW)).unwrap();
    }
    store.delete_user(first[1].id, &act(NOW)).unwrap();
    assert_eq!(names(store, &everybody(Some("d")), 9), ["e", "f"]);
    let all = names(store, &UserQuery::All { after: None }, 9);
    assert_eq!(all, ["b", "f", "a", "c", "e"]);
}
