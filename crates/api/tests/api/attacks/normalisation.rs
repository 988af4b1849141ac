//! Texts that look like others, or are the same to whoever reads them in another way.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

use crate::app::App;
use crate::client::{Ask, PASSWORD};
use crate::tools;

/// Names with others that are the same: in case, in width, composed and decomposed.
const SAME: [(&str, &[&str]); 3] = [
    (
        "matt",
        &[
            "MATT",
            "mAtT",
            "\u{ff4d}\u{ff41}\u{ff54}\u{ff54}",
            "\u{ff2d}ATT",
        ],
    ),
    ("zo\u{eb}", &["zoe\u{308}", "ZO\u{cb}", "ZOE\u{308}"]),
    (
        "\u{30ac}\u{30a4}\u{30c9}",
        &["\u{ff76}\u{ff9e}\u{ff72}\u{ff84}\u{ff9e}"],
    ),
];

/// What looks like "finn", and is nobody's name or somebody else's.
const LIKE_FINN: [&str; 12] = [
    "\u{fb01}nn",           // a ligature
    "f\u{131}nn",           // a dotless i
    "f\u{130}nn",           // a dotted capital I
    "fi\u{200b}nn",         // zero width space
    "fi\u{200d}nn",         // zero width joiner
    "fi\u{2060}nn",         // word joiner
    "fi\u{ad}nn",           // soft hyphen
    "\u{202e}nnif\u{202c}", // the other way round
    "f\u{456}nn",           // Cyrillic
    "fin\u{207f}",          // superscript
    "\u{1d41f}inn",         // mathematical bold
    "finn\u{feff}",         // a byte order mark
];

fn register(app: &App, body: &Value) -> u16 {
    app.post_json("/users", body).status
}

fn percent(text: &str) -> String {
    percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string()
}

fn log_in(app: &App, username: &str, password: &str) -> u16 {
    let form = format!(
        "username={}&password={}",
        percent(username),
        percent(password)
    );
    app.post_form("/token", &form).status
}

#[test]
fn a_name_in_another_form_is_taken_logs_in_and_has_the_same_budget() {
    let app = App::with(&["--guesses-per-account", "4/1h"]);
    for (name, others) in SAME {
        let body = |name: &str| json!({"username": name, "password": PASSWORD});
        assert_eq!(register(&app, &body(name)), 201, "{name}");
        for other in others {
            assert_eq!(register(&app, &body(other)), 409, "{other}");
            assert_eq!(log_in(&app, other, PASSWORD), 200, "{other}");
        }
    }
    // From an address that knows nobody, whose own budget is large enough.
    let stranger = App::with(&["--guesses-per-account", "4/1h"]);
    for (name, others) in SAME {
        let forms: Vec<&str> = [name].into_iter().chain(others.iter().copied()).collect();
        let looked_at = (0..12)
            .filter(|guess| log_in(&stranger, forms[guess % forms.len()], "wrong") == 401)
            .count();
        assert_eq!(looked_at, 4, "{name}");
    }
}

#[test]
fn a_name_that_looks_like_another_opens_nothing_of_it() {
    let app = App::spawn();
    app.register("finn");
    let mut accounts = 0;
    for like in LIKE_FINN {
        assert_eq!(log_in(&app, like, PASSWORD), 401, "{like:?}");
        let other = "another horse battery";
        let status = register(&app, &json!({"username": like, "password": other}));
        assert!(matches!(status, 201 | 422), "{like:?}: {status}");
        if status == 201 {
            accounts += 1;
            assert_eq!(log_in(&app, like, other), 200, "{like:?}");
            assert_eq!(log_in(&app, "finn", other), 401, "{like:?}");
        }
    }
    assert_eq!(log_in(&app, "finn", PASSWORD), 200);
    // Letters of other alphabets are letters; everything that is not seen is refused.
    assert!(accounts <= 3, "{accounts}");
    tools::tell(&format!(
        "names like another: {} tried, {accounts} accounts of their own, none got in",
        LIKE_FINN.len()
    ));
}

#[test]
fn no_name_is_a_clients_in_any_disguise() {
    let app = App::spawn();
    for name in [
        "client:billing",
        "CLIENT:billing",
        "\u{ff43}\u{ff4c}\u{ff49}\u{ff45}\u{ff4e}\u{ff54}:billing",
        "client\u{ff1a}billing",
        "\u{ff23}\u{ff2c}\u{ff29}\u{ff25}\u{ff2e}\u{ff34}\u{ff1a}billing",
        "cl\u{131}ent:billing\u{200b}",
        "client\u{200b}:billing",
        "\u{2060}client:billing",
    ] {
        let status = register(&app, &json!({"username": name, "password": PASSWORD}));
        assert_eq!(status, 422, "{name:?}");
        assert_eq!(log_in(&app, name, PASSWORD), 401, "{name:?}");
    }
}

#[test]
fn an_email_address_in_another_form_is_taken_or_none() {
    let app = App::spawn();
    let body =
        |name: &str, email: &str| json!({"username": name, "password": PASSWORD, "email": email});
    assert_eq!(register(&app, &body("ada", "ada@example.com")), 201);
    for (number, other) in [
        "ADA@EXAMPLE.COM",
        "\u{ff41}da@example.com",
        "ada\u{ff20}example.com",
        "ada@\u{ff45}xample.com",
        "ada@example\u{3002}com",
        "ada@exam\u{ad}ple.com",
        "ada@exam\u{200b}ple.com",
        "ad\u{430}@example.com",
        " ada@example.com",
        "ada@example.com.",
    ]
    .into_iter()
    .enumerate()
    {
        let status = register(&app, &body(&format!("user{number}"), other));
        assert!(matches!(status, 409 | 422), "{other:?}: {status}");
    }
}

#[test]
fn a_password_is_the_same_however_its_letters_are_composed() {
    let app = App::spawn();
    let composed = "correct h\u{f6}rse battery";
    assert_eq!(
        register(&app, &json!({"username": "ada", "password": composed})),
        201
    );
    assert_eq!(log_in(&app, "ada", "correct ho\u{308}rse battery"), 200);
    // Width is a difference that people can see, and mean.
    assert_eq!(
        log_in(&app, "ada", "\u{ff43}orrect h\u{f6}rse battery"),
        401
    );
}
