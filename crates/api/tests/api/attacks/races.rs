//! The same thing at the same instant.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::app::App;
use crate::client::{Ask, PASSWORD, Reply};

const AT_ONCE: usize = 12;

/// Two, whose tokens are good at either.
fn replicas() -> [App; 2] {
    let flags = ["--issuer", "https://id.example.com"];
    let app = App::with(&flags);
    let other = app.beside_with(&flags);
    [app, other]
}

/// Asks as many at one instant, on two replicas.
fn at_once(replicas: [&App; 2], ask: impl Fn(&App, usize) -> Reply + Sync) -> Vec<Reply> {
    let barrier = Barrier::new(AT_ONCE);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let (barrier, ask) = (&barrier, &ask);
                scope.spawn(move || {
                    barrier.wait();
                    ask(replicas[number % 2], number)
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|asking| asking.join().unwrap())
            .collect()
    })
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies
        .iter()
        .filter(|reply| reply.status == status)
        .count()
}

#[test]
fn of_those_who_register_a_name_at_once_one_gets_it() {
    let [app, other] = replicas();
    for round in 0..5 {
        // The same name, in different letters.
        let replies = at_once([&app, &other], |app, number| {
            let name = if number % 3 == 0 {
                format!("ADA{round}")
            } else {
                format!("ada{round}")
            };
            let body = json!({"username": name, "password": PASSWORD});
            app.post_json("/users", &body)
        });
        assert_eq!(count(&replies, 201), 1);
        assert_eq!(count(&replies, 409), AT_ONCE - 1);
    }
}

#[test]
fn of_those_who_change_a_password_at_once_one_does_and_nobody_is_left_with_two() {
    let [app, other] = replicas();
    app.register("matt");
    let token = app.token("matt");
    let new = |number: usize| format!("another horse entirely {number}");
    let replies = at_once([&app, &other], |app, number| {
        let body = json!({"current_password": PASSWORD, "new_password": new(number)});
        app.ask_json(&token, "PUT", "/users/me/password", &body)
    });
    assert_eq!(
        count(&replies, 204),
        1,
        "{:?}",
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>()
    );
    let works = (0..AT_ONCE).filter(|number| app.log_in("matt", &new(*number)).status == 200);
    let works: Vec<usize> = works.collect();
    let changed = replies
        .iter()
        .position(|reply| reply.status == 204)
        .unwrap();
    assert_eq!(works, [changed]);
    app.log_in("matt", PASSWORD).expect(401);
}

#[test]
fn what_is_revoked_while_it_is_refreshed_is_over() {
    let [app, other] = replicas();
    app.register("matt");
    for _ in 0..5 {
        let granted = app.log_in("matt", PASSWORD).expect(200);
        let refresh = granted["refresh_token"].as_str().unwrap();
        let replies = at_once([&app, &other], |app, number| {
            if number == 5 {
                app.post_form("/revoke", &format!("token={refresh}"))
            } else {
                let form = format!("grant_type=refresh_token&refresh_token={refresh}");
                app.post_form("/token", &form)
            }
        });
        assert_eq!(replies[5].status, 200);
        // Whatever anybody got: it is worth nothing, on either replica.
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            let Some(next) = reply.text().starts_with('{').then(|| reply.json()) else {
                continue;
            };
            let Some(next) = next["refresh_token"].as_str().map(str::to_owned) else {
                continue;
            };
            let form = format!("grant_type=refresh_token&refresh_token={next}");
            app.post_form("/token", &form).expect(400);
            other.post_form("/token", &form).expect(400);
        }
    }
}

#[test]
fn nobody_logs_in_with_a_password_that_is_being_changed_and_keeps_the_session() {
    let [app, other] = replicas();
    app.register("matt");
    let owner = app.token("matt");
    let replies = at_once([&app, &other], |app, number| {
        if number == 3 {
            let body =
                json!({"current_password": PASSWORD, "new_password": "another horse entirely"});
            app.ask_json(&owner, "PUT", "/users/me/password", &body)
        } else {
            app.log_in("matt", PASSWORD)
        }
    });
    assert_eq!(replies[3].status, 204, "{}", replies[3].text());
    for (number, reply) in replies.iter().enumerate() {
        if number != 3 && reply.status == 200 {
            let answer = reply.json();
            let refresh = answer["refresh_token"].as_str().unwrap();
            let form = format!("grant_type=refresh_token&refresh_token={refresh}");
            app.post_form("/token", &form).expect(400);
        }
    }
    assert_eq!(app.get_as(&owner, "/users/me").status, 200);
}
