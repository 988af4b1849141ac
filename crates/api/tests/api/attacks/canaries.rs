//! Secrets, planted in everything that is sent, and looked for in everything that comes out.

use passgate_persistence::testing::TestDatabase;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::app::SECRET;
use crate::client::{Ask, FORM, JSON, Reply};
use crate::program::{Served, folder};

/// What no line and no error may hold. Nobody would write it by chance.
const CANARY: &str = "c4n4ry";

/// How many lines and error bodies are looked at, at least.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn wanted() -> usize {
    std::env::var("PASSGATE_TEST_CANARIES").map_or(2_000, |text| text.parse().unwrap())
}

/// Numbers that look random and are the same each time (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    /// The canary, in something that may break a reader.
    fn secret(&mut self) -> String {
        let around = [
            "", "\"", "'", "%", "\\", "&", "=", "{", "\u{e9}", " ", "<", "+",
        ];
        let [before, after] = [(); 2].map(|()| around[self.throw(around.len())]);
        format!("{before}{CANARY}{after}{}", self.throw(1_000_000))
    }
}

fn percent(text: &str) -> String {
    percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string()
}

/// One request with secrets in it: well-formed, or broken in one of many ways.
fn attack(served: &Served, dice: &mut Dice) -> Reply {
    let secret = dice.secret();
    let header_safe: String = secret.chars().filter(char::is_ascii_graphic).collect();
    let encoded = percent(&secret);
    let forms = [
        format!("username=matt&password={encoded}"),
        format!("grant_type=password&username=matt&password={encoded}&scope=a%20%20b"),
        format!("grant_type=password&username={encoded}&password=x"),
        format!("grant_type=refresh_token&refresh_token={encoded}"),
        format!("grant_type=refresh_token&refresh_token=pgr_{header_safe}"),
        format!("grant_type=client_credentials&client_id=billing&client_secret={encoded}"),
        format!("grant_type={encoded}"),
        format!("password={encoded}&password={encoded}"),
        format!("username=matt&password={secret}%zz"),
        format!("token={encoded}&client_id=billing&client_secret={encoded}"),
    ];
    let bodies = [
        json!({"username": "eve", "password": secret}).to_string(),
        json!({"username": "matt", "password": format!("correct horse {secret}"), "email": "no"})
            .to_string(),
        json!({"username": ["a"], "password": secret}).to_string(),
        json!({"username": "a", "password": {"a": secret}}).to_string(),
        json!({"current_password": secret, "new_password": secret}).to_string(),
        format!("{{\"username\":\"a\",\"password\":\"{secret}"),
        format!("[\"{header_safe}\"]"),
        format!("\"{header_safe}\""),
    ];
    let bearer = format!("Bearer {header_safe}");
    let basic = format!("Basic {header_safe}");
    let of_a_token = format!("Bearer eyJhbGciOiJFZERTQSJ9.{header_safe}.{header_safe}");
    match dice.throw(6) {
        0 | 1 => {
            let path = ["/token", "/revoke", "/introspect"][dice.throw(3)];
            let form = &forms[dice.throw(forms.len())];
            let headers = [FORM, ("Authorization", &*basic)];
            served.ask("POST", path, &headers[..=dice.throw(2)], form)
        }
        2 => {
            let (method, path) = [
                ("POST", "/users"),
                ("PUT", "/users/me/password"),
                ("POST", "/admin/users"),
            ][dice.throw(3)];
            let body = &bodies[dice.throw(bodies.len())];
            served.ask(method, path, &[JSON, ("Authorization", &bearer)], body)
        }
        3 => {
            let value = [&bearer, &basic, &of_a_token][dice.throw(3)];
            let path =
                ["/users/me", "/verify", "/admin/users", "/users/me/sessions"][dice.throw(4)];
            served.ask("GET", path, &[("Authorization", value)], "")
        }
        4 => {
            // A form under the name of JSON, and the other way round.
            let form = &forms[dice.throw(forms.len())];
            served.ask("POST", "/users", &[JSON], form)
        }
        _ => {
            let body = &bodies[dice.throw(bodies.len())];
            served.ask("POST", "/token", &[FORM], body)
        }
    }
}

#[test]
fn no_secret_that_is_sent_is_seen_in_a_log_or_an_error() {
    let database = TestDatabase::new();
    let folder = folder();
    let flags = [
        "--database-url",
        database.url().expose_secret(),
        "--secret",
        SECRET,
        "--argon2",
        "m=64,t=1,p=1",
        "--log",
        "debug",
    ]
    .map(str::to_owned);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let served = Served::start(folder.path(), &flags);
    served.register("matt");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut seen, wanted) = (0, wanted());
    while seen < wanted {
        let answer = attack(&served, &mut dice);
        assert!(
            answer.status < 500 || answer.status == 503,
            "{}",
            answer.text()
        );
        assert!(!answer.text().contains(CANARY), "{}", answer.text());
        // The body, and the line of the request at least.
        seen += 2;
    }
    let log = served.stop();
    assert!(log.lines().count() >= wanted / 2, "{}", log.lines().count());
    // Who was refused, and why, is what an operator has to see.
    let refused =
        r#""message":"refused","cause":"Incorrect username or password","address":"127.0.0.1""#;
    assert!(log.contains(refused));
    for line in log.lines() {
        assert!(!line.contains(CANARY), "{line}");
        assert!(!line.contains(SECRET), "{line}");
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "{line}");
    }
}
