use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use serde_json::Value;

use crate::app::App;
use crate::client::{Ask, FORM, JSON, PASSWORD, Reply};

struct Pair {
    access: String,
    refresh: String,
}

fn pair(answer: &Value) -> Pair {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Pair {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}

fn log_in(app: &App) -> Pair {
    pair(&app.log_in("matt", PASSWORD).expect(200))
}

fn try_refresh(app: &App, token: &str) -> Reply {
    app.post_form(
        "/token",
        &format!("grant_type=refresh_token&refresh_token={token}"),
    )
}

fn refresh(app: &App, token: &str) -> Pair {
    pair(&try_refresh(app, token).expect(200))
}

#[test]
fn a_session_goes_on_from_token_to_token() {
    let app = App::spawn();
    app.register("matt");
    let mut held = log_in(&app);
    assert!(held.refresh.starts_with("pgr_"));
    for _ in 0..3 {
        let reply = try_refresh(&app, &held.refresh);
        let answer = reply.expect(200);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(
            (&answer["token_type"], &answer["scope"]),
            (&"bearer".into(), &"profile".into())
        );
        let next = pair(&answer);
        assert_ne!(next.refresh, held.refresh);
        app.get_as(&next.access, "/users/me").expect(200);
        held = next;
    }
}

#[test]
fn a_lost_answer_is_given_again() {
    let app = App::spawn();
    app.register("matt");
    let held = log_in(&app);
    let next = refresh(&app, &held.refresh);
    assert_eq!(refresh(&app, &held.refresh).refresh, next.refresh);
    refresh(&app, &next.refresh);
}

#[test]
fn a_used_token_that_comes_back_ends_the_session_at_once() {
    let app = App::with(&["--refresh-grace", "0s"]);
    app.register("matt");
    let (stolen, other) = (log_in(&app), log_in(&app));
    let owner = refresh(&app, &stolen.refresh);
    let refused = try_refresh(&app, &stolen.refresh).expect(400);
    assert_eq!(refused["error"], "invalid_grant");
    try_refresh(&app, &owner.refresh).expect(400);
    for token in [&stolen.access, &owner.access] {
        app.get_as(token, "/users/me").expect(401);
    }
    // The user's other sessions go on.
    app.get_as(&other.access, "/users/me").expect(200);
    refresh(&app, &other.refresh);
}

#[test]
fn a_revoked_session_is_over_for_both_of_its_tokens() {
    let app = App::spawn();
    app.register("matt");
    for kind in ["access_token", "refresh_token"] {
        let held = log_in(&app);
        let token = if kind == "access_token" {
            &held.access
        } else {
            &held.refresh
        };
        let form = format!("token={token}&token_type_hint={kind}");
        for _ in 0..2 {
            assert_eq!(app.post_form("/revoke", &form).status, 200);
        }
        app.get_as(&held.access, "/users/me").expect(401);
        assert_eq!(
            try_refresh(&app, &held.refresh).expect(400)["error"],
            "invalid_grant"
        );
    }
    assert_eq!(app.post_form("/revoke", "token=nonsense").status, 200);
    assert_eq!(
        app.post_form("/revoke", "").expect(400)["error"],
        "invalid_request"
    );
}

#[test]
fn what_is_no_refresh_token_is_refused_and_asks_nothing_of_the_database() {
    let app = App::spawn();
    app.register("matt");
    let held = log_in(&app);
    let mut forged = held.refresh.clone().into_bytes();
    let last = forged.len() - 3;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    app.database.take_away();
    for token in [forged.as_str(), held.access.as_str(), "nonsense"] {
        assert_eq!(
            try_refresh(&app, token).expect(400)["error"],
            "invalid_grant"
        );
        assert_eq!(
            app.post_form("/revoke", &format!("token={forged}")).status,
            200
        );
    }
    try_refresh(&app, &held.refresh).expect(503);
    let missing = app
        .post_form("/token", "grant_type=refresh_token")
        .expect(400);
    assert!(
        missing["detail"]
            .as_str()
            .unwrap()
            .contains("refresh_token")
    );
}

#[test]
fn a_client_other_than_the_one_that_logged_in_gets_nothing_and_spoils_nothing() {
    let app = App::with(&["--refresh-grace", "0s"]);
    app.register("matt");
    let body = "username=matt&password=correct+horse+battery&client_id=app";
    let held = pair(&app.post_form("/token", body).expect(200));
    let form = |client: &str| {
        format!(
            "grant_type=refresh_token&refresh_token={}&client_id={client}",
            held.refresh
        )
    };
    app.post_form("/token", &form("other")).expect(400);
    app.post_form("/token", &form("app")).expect(200);
}

#[test]
fn of_fifty_clients_at_one_instant_on_three_replicas_all_get_the_same_successor() {
    let first = App::spawn();
    let replicas = [first.beside(), first.beside(), first];
    let app = &replicas[2];
    app.register("matt");
    let mut held = log_in(app).refresh;
    for round in 0..200 {
        let barrier = Barrier::new(50);
        let successors: BTreeSet<String> = thread::scope(|scope| {
            let asking: Vec<_> = (0..50)
                .map(|client| {
                    let (replica, barrier, held) = (&replicas[client % 3], &barrier, &held);
                    scope.spawn(move || {
                        barrier.wait();
                        refresh(replica, held).refresh
                    })
                })
                .collect();
            asking
                .into_iter()
                .map(|answer| answer.join().unwrap())
                .collect()
        });
        assert_eq!(successors.len(), 1, "round {round}");
        held = successors.into_iter().next().unwrap();
    }
}

#[test]
fn a_user_sees_where_they_are_logged_in_and_ends_what_they_do_not_know() {
    let app = App::spawn();
    app.register("matt");
    app.register("eve");
    let [here, there, far] = [(); 3].map(|()| log_in(&app));
    let agent = ("User-Agent", "Browser/1.0");
    let form = format!("grant_type=refresh_token&refresh_token={}", there.refresh);
    app.ask("POST", "/token", &[FORM, agent], &form).expect(200);

    let sessions = app.get_as(&here.access, "/users/me/sessions").expect(200);
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(
        sessions
            .iter()
            .filter(|session| session["current"] == true)
            .count(),
        1
    );
    assert_eq!(sessions[0]["user_agent"], "Browser/1.0");
    assert_eq!(sessions[0]["address"], "127.0.0.1");
    assert!(!Value::from(sessions.clone()).to_string().contains("pgr_"));

    let delete = |token: &str, path: &str| {
        app.ask(
            "DELETE",
            path,
            &[("Authorization", &format!("Bearer {token}"))],
            "",
        )
    };
    let path = format!("/users/me/sessions/{}", sessions[0]["id"].as_str().unwrap());
    delete(&app.token("eve"), &path).expect(404);
    app.get_as(&there.access, "/users/me").expect(200);
    assert_eq!(delete(&here.access, &path).status, 204);
    app.get_as(&there.access, "/users/me").expect(401);
    delete(&here.access, &path).expect(404);
    delete(&here.access, "/users/me/sessions/nonsense").expect(404);

    assert_eq!(delete(&here.access, "/users/me/sessions").status, 204);
    app.get_as(&far.access, "/users/me").expect(401);
    app.get_as(&here.access, "/users/me").expect(200);
}

#[test]
fn a_changed_password_ends_the_other_sessions() {
    let app = App::spawn();
    app.register("matt");
    let (here, there) = (log_in(&app), log_in(&app));
    let put = |current: &str, new: &str| {
        let body = serde_json::json!({"current_password": current, "new_password": new});
        let bearer = format!("Bearer {}", here.access);
        let headers = [JSON, ("Authorization", bearer.as_str())];
        app.ask("PUT", "/users/me/password", &headers, &body.to_string())
    };
    let new = "another horse battery";
    for (current, wanted, field, code) in [
        ("wrong horse battery", new, "current_password", "incorrect"),
        (PASSWORD, "short", "new_password", "too_short"),
        (PASSWORD, "", "new_password", "invalid"),
    ] {
        let problem = put(current, wanted).expect(422);
        assert_eq!(problem["errors"][0]["field"], field);
        assert_eq!(problem["errors"][0]["code"], code);
    }
    app.get_as(&there.access, "/users/me").expect(200);
    assert_eq!(put(PASSWORD, new).status, 204);
    app.get_as(&there.access, "/users/me").expect(401);
    try_refresh(&app, &there.refresh).expect(400);
    app.get_as(&here.access, "/users/me").expect(200);
    refresh(&app, &here.refresh);
    app.log_in("matt", PASSWORD).expect(401);
    app.log_in("matt", new).expect(200);
}

#[test]
fn clients_find_out_by_themselves_where_things_are() {
    let app = App::with(&["--issuer", "https://id.example.com/"]);
    let metadata = app
        .get("/.well-known/oauth-authorization-server")
        .expect(200);
    assert_eq!(metadata["issuer"], "https://id.example.com/");
    assert_eq!(metadata["token_endpoint"], "https://id.example.com/token");
    assert_eq!(
        metadata["jwks_uri"],
        "https://id.example.com/.well-known/jwks.json"
    );
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&"refresh_token".into()) && grants.contains(&"password".into()));
}

#[test]
fn what_is_ended_on_one_replica_ends_there_at_once_and_on_the_others_in_a_moment() {
    let issuer = ["--issuer", "https://id.example.com"];
    let app = App::with(&issuer);
    let other = app.beside_with(&issuer);
    app.register("matt");
    for path in ["/users/me", "/verify"] {
        let held = log_in(&app);
        for replica in [&app, &other] {
            assert_eq!(replica.get_as(&held.access, path).status, 200);
        }
        let form = format!("token={}", held.refresh);
        assert_eq!(app.post_form("/revoke", &form).status, 200);
        app.get_as(&held.access, path).expect(401);
        other.refuses_soon(&held.access, path);
    }
}

#[test]
fn a_session_shows_the_client_behind_a_trusted_proxy() {
    for (flags, seen) in [
        (&["--trusted-proxy", "127.0.0.0/8"][..], "203.0.113.9"),
        (&[], "127.0.0.1"),
    ] {
        let app = App::with(flags);
        app.register("matt");
        let forwarded = [
            crate::client::FORM,
            ("X-Forwarded-For", "198.51.100.7, 203.0.113.9"),
        ];
        let form = "username=matt&password=correct+horse+battery";
        let held = pair(&app.ask("POST", "/token", &forwarded, form).expect(200));
        let sessions = app.get_as(&held.access, "/users/me/sessions").expect(200);
        assert_eq!(sessions[0]["address"], seen);
    }
}
