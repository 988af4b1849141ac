//! Who guesses passwords, and who gets in meanwhile.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;

use crate::app::App;
use crate::client::{Ask, FORM, PASSWORD, Reply};
use crate::keys::eventually;
use crate::tools;

/// Everybody is believed who says where a request comes from.
const PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.0/8"];

const WRONG: &str = "wrong horse battery";

/// How many wrong guesses at one account are looked at within a quarter of an hour, whoever makes
/// them: ten are free, and the next wait 1, 2, 4, ... seconds, which are 1023 for ten more.
const LOOKED_AT: usize = 20;

/// Logs in from an address, and with a cookie or none.
fn from(app: &App, address: &str, username: &str, password: &str, cookie: Option<&str>) -> Reply {
    let password = password.replace(' ', "+");
    let body = format!("username={username}&password={password}");
    let mut headers = vec![FORM, ("X-Forwarded-For", address)];
    headers.extend(cookie.map(|cookie| ("Cookie", cookie)));
    app.ask("POST", "/token", &headers, &body)
}

fn cookie(reply: &Reply) -> String {
    let kept = reply.header("set-cookie").unwrap();
    kept.split(';').next().unwrap().to_owned()
}

/// Guesses from ever new addresses, and counts how many were looked at.
fn attack(app: &App, username: &str, guesses: u8) -> usize {
    let guess = |guess| from(app, &format!("10.0.0.{guess}"), username, WRONG, None).status;
    let statuses: Vec<u16> = (0..guesses).map(guess).collect();
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    statuses.iter().filter(|status| **status == 401).count()
}

/// How many of them may be: ten are free, and what was waited for meanwhile is looked at, too.
fn free(begun: Instant) -> RangeInclusive<usize> {
    let doublings = (begun.elapsed().as_secs() + 1).ilog2();
    10..=10 + usize::try_from(doublings).unwrap()
}

/// Makes whoever has used up what is free at an account wait for ten minutes, and not for the seconds that
/// it would be: however slow this machine is, they are not over.
fn prolong_waits(app: &App) {
    let change = "UPDATE guesses SET not_before = now() + interval '10 minutes'
                  WHERE arrival > now() + interval '2 hours'";
    let changed = diesel::sql_query(change).execute(&mut app.database.connect());
    assert!(changed.unwrap() >= 1);
}

fn metric(app: &App, name: &str) -> u64 {
    let reply = app.get("/metrics");
    let mut lines = reply.text().lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name}")).parse().unwrap()
}

/// Of guesses that were counted, and not of the log-ins that succeeded.
fn tallies(app: &App) -> i64 {
    diesel::dsl::sql::<BigInt>("SELECT count(*) FROM guesses")
        .get_result(&mut app.database.connect())
        .unwrap()
}

#[test]
fn of_ten_thousand_guesses_from_a_thousand_addresses_twenty_are_looked_at_and_the_owner_gets_in() {
    const GUESSES: usize = 10_000;
    const ADDRESSES: usize = 1000;
    const AT_ONCE: usize = 32;
    let app = App::with(&PROXY);
    app.register("matt");
    let browser = cookie(&from(&app, "192.0.2.1", "matt", PASSWORD, None));
    let before = app.passwords.computed();
    let (looked_at, next, over) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicBool::new(false),
    );
    let (log_ins, uses) = thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let guess = next.fetch_add(1, Ordering::Relaxed);
                    if guess >= GUESSES {
                        over.store(true, Ordering::Relaxed);
                        return;
                    }
                    let [.., high, low] = (guess % ADDRESSES).to_be_bytes();
                    let address = format!("10.0.{high}.{low}");
                    let reply = from(&app, &address, "matt", WRONG, None);
                    match reply.status {
                        401 => drop(looked_at.fetch_add(1, Ordering::Relaxed)),
                        429 => assert!(reply.header("retry-after").is_some()),
                        // Busy: not looked at, either.
                        status => assert_eq!(status, 503, "{}", reply.text()),
                    }
                }
            });
        }
        let owner = scope.spawn(|| {
            let (mut log_ins, mut uses, mut places) = (0, 0, 0_u8);
            let mut cookie_now = browser;
            let mut session = from(&app, "192.0.2.1", "matt", PASSWORD, None).expect(200);
            log_ins += 1;
            while !over.load(Ordering::Relaxed) {
                // At home, and wherever the browser is taken.
                from(&app, "192.0.2.1", "matt", PASSWORD, None).expect(200);
                places = places.wrapping_add(1);
                let away = format!("198.51.100.{places}");
                let reply = from(&app, &away, "matt", PASSWORD, Some(&cookie_now));
                reply.expect(200);
                cookie_now = cookie(&reply);
                log_ins += 2;
                // A session from before asks for nothing of the budget, wherever it is used.
                let access = session["access_token"].as_str().unwrap();
                app.get_as(access, "/users/me").expect(200);
                let refresh = session["refresh_token"].as_str().unwrap();
                let form = format!("grant_type=refresh_token&refresh_token={refresh}");
                let headers = [FORM, ("X-Forwarded-For", &*away)];
                session = app.ask("POST", "/token", &headers, &form).expect(200);
                uses += 2;
            }
            (log_ins, uses)
        });
        owner.join().unwrap()
    });
    let looked_at = looked_at.into_inner();
    let hashed = usize::try_from(app.passwords.computed() - before).unwrap() - log_ins;
    tools::tell(&format!(
        "guessing: {GUESSES} guesses from {ADDRESSES} addresses, {looked_at} looked at, {hashed} hashed, \
         {log_ins} log-ins of the owner, {uses} uses of sessions"
    ));
    assert!((10..=LOOKED_AT).contains(&looked_at), "{looked_at}");
    // Each time that one is looked at, those that are under way with it are hashed, and told nothing.
    let times = looked_at - 9;
    assert!(hashed <= looked_at + AT_ONCE * times, "{hashed}");
    assert!(log_ins >= 20, "{log_ins}");
    // A stranger with the right password is told as little as one with a wrong one.
    from(&app, "203.0.113.9", "matt", PASSWORD, None).expect(429);
}

#[test]
fn whoever_waits_is_told_how_long_in_the_words_of_the_standards() {
    let app = App::with(&PROXY);
    app.register("matt");
    for username in ["matt", "nobody"] {
        assert_eq!(attack(&app, username, 10), 10, "{username}");
        prolong_waits(&app);
        assert_eq!(attack(&app, username, 5), 0, "{username}");
        let reply = from(&app, "192.0.2.1", username, PASSWORD, None);
        let refusal = reply.expect(429);
        assert_eq!(refusal["error"], "slow_down");
        let wait = reply.header("retry-after").unwrap();
        assert!((1..=600).contains(&wait.parse::<u32>().unwrap()), "{wait}");
        assert_eq!(
            refusal["detail"],
            format!("Too many failed attempts: try again in {wait} s")
        );
        assert_eq!(
            reply.header("ratelimit-policy"),
            Some("\"account\";q=10;w=9000")
        );
        let limit = format!("\"account\";r=0;t={wait}");
        assert_eq!(reply.header("ratelimit"), Some(&*limit));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    assert_eq!(
        metric(&app, r#"passgate_guesses_refused_total{budget="account"}"#),
        12
    );
    assert_eq!(metric(&app, "passgate_guess_store_failures_total"), 0);
}

#[test]
fn replicas_count_together_and_a_log_in_counts_nothing() {
    let app = App::with(&PROXY);
    let other = app.beside_with(&PROXY);
    app.register("matt");
    from(&app, "192.0.2.1", "matt", PASSWORD, None).expect(200);
    // The wish for an account alone.
    assert_eq!(tallies(&app), 1);
    assert_eq!(attack(&app, "matt", 6), 6);
    assert_eq!(attack(&other, "matt", 4), 4);
    prolong_waits(&app);
    assert_eq!(attack(&app, "matt", 2) + attack(&other, "matt", 2), 0);
    from(&other, "192.0.2.1", "matt", PASSWORD, None).expect(200);
    let texts = "SELECT count(*) FROM guesses WHERE position('matt'::bytea IN key) > 0";
    let with_name: i64 = diesel::dsl::sql::<BigInt>(texts)
        .get_result(&mut app.database.connect())
        .unwrap();
    assert_eq!(with_name, 0);
}

#[test]
fn without_the_table_each_process_counts_and_log_ins_go_on() {
    let app = App::with(&PROXY);
    app.register("matt");
    let browser = cookie(&from(&app, "192.0.2.1", "matt", PASSWORD, None));
    let rename = |change: &str| {
        let change = format!("ALTER TABLE {change}");
        app.database.connect().batch_execute(&change).unwrap();
    };
    rename("guesses RENAME TO gone");
    from(&app, "192.0.2.1", "matt", PASSWORD, None).expect(200);
    let begun = Instant::now();
    let looked_at = attack(&app, "matt", 30);
    assert!(free(begun).contains(&looked_at), "{looked_at}");
    let mut places = 1..=u8::MAX;
    eventually("a stranger waits", || {
        // A wait that was over just now makes the next one, which is longer.
        attack(&app, "matt", 1);
        let place = format!("198.51.100.{}", places.next().unwrap());
        (from(&app, &place, "matt", PASSWORD, None).status == 429).then_some(())
    });
    from(&app, "192.0.2.9", "matt", PASSWORD, Some(&browser)).expect(200);
    assert!(metric(&app, "passgate_guess_store_failures_total") >= 1);
    // When it is back, all count together again.
    rename("gone RENAME TO guesses");
    let before = tallies(&app);
    eventually("the table is counted in again", || {
        from(&app, "10.9.9.9", "nobody", WRONG, None);
        (tallies(&app) > before).then_some(())
    });
    let other = app.beside_with(&PROXY);
    assert_eq!(attack(&app, "ada", 6), 6);
    assert_eq!(attack(&other, "ada", 4), 4);
    prolong_waits(&app);
    assert_eq!(attack(&app, "ada", 2) + attack(&other, "ada", 2), 0);
}

#[test]
fn an_address_that_guesses_at_many_names_waits() {
    let mut flags = PROXY.to_vec();
    flags.extend(["--guesses-per-address", "5/1h"]);
    let app = App::with(&flags);
    let spray = |address: &str, names: std::ops::Range<u8>| {
        let guess = |name| from(&app, address, &format!("user{name}"), WRONG, None).status;
        names.map(guess).collect::<Vec<_>>()
    };
    assert_eq!(spray("2001:db8::1", 0..4), [401; 4]);
    assert_eq!(spray("2001:db8::2", 4..7), [401, 429, 429]);
    assert_eq!(spray("192.0.2.1", 0..2), [401; 2]);
    // What a proxy that is not ours says is not believed.
    let direct = App::with(&["--guesses-per-address", "1/1h"]);
    from(&direct, "10.0.0.1", "a", WRONG, None).expect(401);
    from(&direct, "10.0.0.2", "b", WRONG, None).expect(429);
}

#[test]
fn accounts_are_asked_for_within_a_budget() {
    let app = App::with(&["--registrations-per-address", "2/1h"]);
    app.register("matt");
    let ask =
        |name: &str| app.post_json("/users", &json!({"username": name, "password": PASSWORD}));
    ask("matt").expect(409);
    for name in ["matt", "ada"] {
        let reply = ask(name);
        let problem = reply.expect(429);
        assert_eq!(problem["title"], "Too Many Requests");
        assert_eq!(
            reply.header("ratelimit-policy"),
            Some("\"registration\";q=2;w=7200")
        );
    }
    // Nor does it wait for those who count just now: a flood of such requests would hold all connections.
    let mut counting = app.database.connect();
    counting
        .batch_execute("BEGIN; SELECT FROM guesses FOR UPDATE")
        .unwrap();
    ask("ada").expect(429);
    counting.batch_execute("COMMIT").unwrap();
    assert!(app.log_in("ada", PASSWORD).status == 401);
}

/// Taken or not tells who has an account, as it does at a registration.
#[test]
fn a_user_asks_for_email_addresses_within_a_budget() {
    let app = App::with(&["--registrations-per-address", "3/1h"]);
    app.register("matt");
    let body = json!({"username": "ada", "password": PASSWORD, "email": "ada@example.com"});
    assert_eq!(app.post_json("/users", &body).status, 201);
    let token = app.token("matt");
    let ask = |body| app.ask_json(&token, "PATCH", "/users/me", &body);
    ask(json!({"email": "ada@example.com"})).expect(409);
    let refused = ask(json!({"email": "somebody@example.com"}));
    assert_eq!(refused.expect(429)["title"], "Too Many Requests");
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"registration\";q=3;w=10800")
    );
    // What tells nothing is no guess.
    ask(json!({"display_name": "Matt"})).expect(200);
    ask(json!({"email": null})).expect(200);
}

/// Each leaves an event that is kept.
#[test]
fn a_user_changes_the_own_account_within_a_budget_and_what_is_no_change_is_free() {
    let app = App::spawn();
    app.register("matt");
    let token = app.token("matt");
    let change = |body| app.ask_json(&token, "PATCH", "/users/me", &body);
    for number in 0..100 {
        let name = format!("Matt {number}");
        let changed = change(json!({"display_name": name, "email": null})).expect(200);
        let shown = app.get_as(&token, "/users/me").expect(200);
        assert_eq!((&changed, &shown["display_name"]), (&shown, &json!(name)));
        let again = change(json!({"display_name": name, "email": null})).expect(200);
        assert_eq!(again, changed);
    }
    let refused = change(json!({"display_name": "Matt"}));
    let problem = refused.expect(429);
    let told = problem["detail"].as_str().unwrap();
    assert!(
        told.starts_with("Too many requests: try again in"),
        "{told}"
    );
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"caller\";q=100;w=3600")
    );
    change(json!({"email": "matt@example.com"})).expect(429);
    change(json!({"display_name": "Matt 99"})).expect(200);
    let events: i64 = diesel::dsl::sql::<BigInt>(
        "SELECT count(*) FROM audit_events WHERE action = 'user_changed'",
    )
    .get_result(&mut app.database.connect())
    .unwrap();
    assert_eq!(events, 100);
}

#[test]
fn a_session_that_guesses_at_the_password_waits_and_others_do_not() {
    let app = App::spawn();
    app.register("matt");
    let [thief, owner] = [(); 2].map(|()| app.token("matt"));
    let change = |token: &str, current: &str| {
        let body = json!({"current_password": current, "new_password": "another horse battery"});
        app.ask_json(token, "PUT", "/users/me/password", &body)
    };
    for _ in 0..10 {
        change(&thief, WRONG).expect(422);
    }
    prolong_waits(&app);
    let refused = change(&thief, PASSWORD);
    assert_eq!(refused.expect(429)["title"], "Too Many Requests");
    let limit = refused.header("ratelimit").unwrap();
    assert!(limit.starts_with("\"device\";r=0;t="), "{limit}");
    assert_eq!(change(&owner, PASSWORD).status, 204);
}

#[test]
fn the_cookie_of_a_device_is_for_log_ins_alone() {
    let app = App::spawn();
    app.register("matt");
    let reply = app.log_in("matt", PASSWORD);
    let kept = reply.header("set-cookie").unwrap();
    assert!(kept.starts_with("passgate_device="), "{kept}");
    assert!(
        kept.ends_with("; Max-Age=7776000; Path=/; HttpOnly; SameSite=Strict"),
        "{kept}"
    );
    let refresh = reply.expect(200)["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let refreshed = app.post_form(
        "/token",
        &format!("grant_type=refresh_token&refresh_token={refresh}"),
    );
    refreshed.expect(200);
    assert_eq!(refreshed.header("set-cookie"), None);
    assert_eq!(app.log_in("matt", WRONG).header("set-cookie"), None);
    // It logs nobody in.
    app.ask("GET", "/users/me", &[("Cookie", &cookie(&reply))], "")
        .expect(401);
    let behind_tls = App::with(&["--issuer", "https://id.example.com"]);
    behind_tls.register("matt");
    let kept = behind_tls.log_in("matt", PASSWORD);
    assert!(kept.header("set-cookie").unwrap().ends_with("; Secure"));
}
