//! Days on which something happens to Passgate.

use std::time::{Duration, Instant};

use crate::passgate::Passgate;
use crate::todos::part;

/// Longer than a rotation takes whose keys are cached for a second: they are published for a minute and some
/// seconds all the same.
const PATIENCE: Duration = Duration::from_secs(150);

fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

#[test]
fn keys_are_rotated_and_nobody_notices() {
    let max_age = ["--jwks-max-age", "1s"];
    let Some(passgate) = Passgate::start(&max_age) else {
        return;
    };
    let services = ["todo-actix", "todo-axum"].map(|name| passgate.service(name));
    passgate.sign_up("ada");
    let first = passgate.token("ada");
    // What the next key signs is verified from its first token on, and what the last one signed
    // for as long as it lives.
    let both_are_good = |token: &str| {
        for service in &services {
            service.ask("GET", "/todos", token).expect(200);
            service.ask("GET", "/todos", &first).expect(200);
        }
    };
    both_are_good(&first);

    let rotate = [&["keys", "rotate"][..], &max_age].concat();
    let (done, said) = passgate.run(&rotate);
    assert!(done, "{said}");
    let begun = Instant::now();
    let mut checked = 0;
    let second = loop {
        let token = passgate.token("ada");
        both_are_good(&token);
        checked += 1;
        if kid(&token) != kid(&first) {
            break token;
        }
        assert!(begun.elapsed() < PATIENCE, "no other key signs: {said}");
    };
    assert!(said.contains(&kid(&second)), "{said}");
    assert!(checked > 1, "the key was published before it signed");
    for _ in 0..50 {
        both_are_good(&passgate.token("ada"));
    }
}

#[test]
fn while_passgate_is_down_known_keys_go_on_and_others_are_a_503() {
    let Some(mut passgate) = Passgate::start(&[]) else {
        return;
    };
    let Some(another) = Passgate::start(&["--issuer", passgate.url()]) else {
        return;
    };
    let services = ["todo-actix", "todo-axum"].map(|name| passgate.service(name));
    passgate.sign_up("ada");
    another.sign_up("ada");
    let (known, unknown) = (passgate.token("ada"), another.token("ada"));

    passgate.down();
    for service in &services {
        for _ in 0..20 {
            service.ask("GET", "/todos", &known).expect(200);
        }
        // Whether it is good, nobody can tell just now: not the caller's fault.
        let wait = service.ask("GET", "/todos", &unknown).expect(503);
        assert!(wait.header("retry-after").is_some());
        assert!(wait.header("www-authenticate").is_none());
        service.ask("GET", "/todos", &known).expect(200);
    }
    passgate.up();
    for service in &services {
        service
            .ask("GET", "/todos", &passgate.token("ada"))
            .expect(200);
    }
}
