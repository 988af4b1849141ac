//! Secrets, planted in everything that is sent or made by the service itself, and looked for in everything
//! that comes out.

use std::collections::HashSet;

use diesel::connection::SimpleConnection;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::app::SECRET;
use crate::client::{Ask, FORM, JSON, PASSWORD, Reply};
use crate::clients::basic;
use crate::program::Served;
use crate::site::Site;
use crate::tools;

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
    let basics = [basic("billing", &secret), format!("Basic {header_safe}")];
    let basic = &basics[dice.throw(2)];
    let of_a_token = format!("Bearer eyJhbGciOiJFZERTQSJ9.{header_safe}.{header_safe}");
    match dice.throw(7) {
        0 | 1 => {
            let path = ["/token", "/revoke", "/introspect"][dice.throw(3)];
            let form = &forms[dice.throw(forms.len())];
            let headers = [FORM, ("Authorization", &**basic)];
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
            let value = [&bearer, basic, &of_a_token][dice.throw(3)];
            let path =
                ["/users/me", "/verify", "/admin/users", "/users/me/sessions"][dice.throw(4)];
            served.ask("GET", path, &[("Authorization", value)], "")
        }
        4 => {
            // A form under the name of JSON, and the other way round.
            let form = &forms[dice.throw(forms.len())];
            served.ask("POST", "/users", &[JSON], form)
        }
        5 => {
            // In the address, where it would be in every log on the way.
            let path = ["/users/me", "/verify", "/admin/audit", "/nowhere"][dice.throw(4)];
            let name = ["access_token", "actor", "after", "scope"][dice.throw(4)];
            served.get(&format!("{path}?{name}={encoded}"))
        }
        _ => {
            let body = &bodies[dice.throw(bodies.len())];
            served.ask("POST", "/token", &[FORM], body)
        }
    }
}

/// What every text of ours that is a secret begins with, or is.
const MARKS: [&str; 9] = [
    CANARY, SECRET, PEPPER, PASSWORD, "$argon2", "pgr_", "pgc_",
    // The header of a JWT, in base64url.
    "eyJhbGci", "eyJ0eXAi",
];
const PEPPER: &str = "a pepper of the tests, long enough to be one";

/// The secrets that the service itself has made, and whatever was sent that holds one.
#[derive(Default)]
struct Secrets(HashSet<String>);

/// The parts of a text that could be of a token: what is not of base64url ends one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split(move |c| !is_part(c))
        .filter(|word| word.len() >= 20)
}

impl Secrets {
    fn keep(&mut self, text: &str) {
        assert!(words(text).next().is_some(), "{text}");
        self.0.extend(words(text).map(str::to_owned));
    }

    fn seen_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        let mark = MARKS.iter().find_map(|mark| text.find(mark));
        mark.map(|at| &text[at..])
            .or_else(|| words(text).find(|word| self.0.contains(*word)))
    }
}

/// Somebody who is granted things, meanwhile.
struct Granted {
    billing: String,
    cookie: String,
    refresh: String,
    access: String,
    grants: usize,
    /// How often it has asked.
    turn: usize,
}

impl Granted {
    /// A user and a client, with tokens of both.
    fn new(served: &Served, secrets: &mut Secrets, site: &Site) -> Self {
        let registered = served.register("ada");
        assert_eq!(registered["username"], "ada");
        let root = site.root(served);
        let body = json!({
            "id": "billing",
            "scope": "profile introspect",
            "grants": ["password", "refresh_token", "client_credentials"],
        });
        let made = served
            .ask_json(&root, "POST", "/admin/clients", &body)
            .expect(201);
        let billing = made["secret"].as_str().unwrap().to_owned();
        secrets.keep(&root);
        secrets.keep(&billing);
        let mut granted = Self {
            billing,
            cookie: String::new(),
            refresh: String::new(),
            access: String::new(),
            grants: 0,
            turn: 0,
        };
        let reply = served.log_in("ada", PASSWORD);
        assert_eq!(reply.status, 200, "{}", reply.text());
        granted.take(&reply, secrets);
        granted
    }

    /// What a grant holds is a secret from now on.
    fn take(&mut self, reply: &Reply, secrets: &mut Secrets) {
        if reply.status != 200 {
            return;
        }
        let answer = reply.json();
        self.grants += 1;
        answer["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.access);
        secrets.keep(&self.access);
        if let Some(refresh) = answer["refresh_token"].as_str() {
            refresh.clone_into(&mut self.refresh);
            secrets.keep(refresh);
        }
        if let Some(cookie) = reply.header("set-cookie") {
            let cookie = cookie.split(';').next().unwrap();
            secrets.keep(cookie.split_once('=').unwrap().1);
            cookie.clone_into(&mut self.cookie);
        }
    }

    /// The next of several requests with what the service has made, some of which it grants.
    fn ask(&mut self, served: &Served, secrets: &mut Secrets) -> Reply {
        let password = PASSWORD.replace(' ', "+");
        let billing = basic("billing", &self.billing);
        let form = |body: String, headers: &[(&str, &str)]| {
            served.ask("POST", "/token", &[&[FORM], headers].concat(), &body)
        };
        self.turn += 1;
        let Self {
            cookie,
            refresh,
            access,
            ..
        } = &*self;
        let cut = &access[..access.len() - 3];
        let reply = match self.turn % 10 {
            0 => form(
                format!("username=ada&password={password}"),
                &[("Cookie", cookie)],
            ),
            1 => form(
                format!("grant_type=refresh_token&refresh_token={refresh}"),
                &[],
            ),
            2 => form(
                "grant_type=client_credentials".to_owned(),
                &[("Authorization", &billing)],
            ),
            3 => form(
                format!("grant_type=refresh_token&refresh_token={refresh}x"),
                &[],
            ),
            4 => form(
                format!("grant_type=refresh_token&refresh_token={access}"),
                &[],
            ),
            5 => served.get(&format!("/users/me?access_token={access}")),
            6 => served.get_as(cut, "/users/me"),
            7 => served.get_as(refresh, "/users/me"),
            8 => served.post_form("/introspect", &format!("token={access}&client_secret=x")),
            _ => served.ask("GET", "/users/me", &[("Authorization", &billing)], ""),
        };
        if matches!(self.turn % 10, 0..=2) {
            self.take(&reply, secrets);
        }
        reply
    }
}

/// Neither the body nor a header of an error has a secret; what is granted has, as it must.
fn look(reply: &Reply, secrets: &Secrets) {
    if reply.status < 400 {
        return;
    }
    let headers = reply
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let all = [reply.text().to_owned()]
        .into_iter()
        .chain(headers)
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(secrets.seen_in(&all), None, "{all}");
}

/// Ends every connection that the service has to the database.
fn cut(site: &Site) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    site.database.connect().batch_execute(end).unwrap();
}

/// The password of the database, if its server has one.
fn password_of(site: &Site) -> Option<String> {
    let url = site.database.url();
    let (_, rest) = url.expose_secret().split_once("://")?;
    let (_, password) = rest.split_once('@')?.0.split_once(':')?;
    Some(password.to_owned())
}

#[test]
fn no_secret_is_seen_in_a_log_or_an_error() {
    let site = Site::new();
    let flags = ["--secret", SECRET, "--pepper", PEPPER, "--log", "debug"];
    let served = site.serve(&flags);
    served.register("matt");
    let mut secrets = Secrets::default();
    let mut granted = Granted::new(&served, &mut secrets, &site);
    let password = password_of(&site);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut seen, mut sent, mut unavailable, wanted) = (0, 0, 0, wanted());
    let mut bodies = 0;
    while seen < wanted {
        sent += 1;
        if sent % 200 == 0 {
            cut(&site);
        }
        let answer = if sent % 5 == 0 {
            granted.ask(&served, &mut secrets)
        } else {
            attack(&served, &mut dice)
        };
        assert!(
            answer.status < 500 || answer.status == 503,
            "{}",
            answer.text()
        );
        unavailable += usize::from(answer.status == 503);
        bodies += usize::from(answer.status >= 400);
        look(&answer, &secrets);
        // The body, and the line of the request at least.
        seen += 2;
    }
    // With what the database says when it cannot do what it is told.
    let broken = "ALTER TABLE users RENAME TO gone; ALTER TABLE sessions RENAME TO ended";
    site.database.connect().batch_execute(broken).unwrap();
    let mut failed = 0;
    for turn in 0..400 {
        if failed == 20 {
            break;
        }
        let answer = if turn % 2 == 0 {
            granted.ask(&served, &mut secrets)
        } else {
            attack(&served, &mut dice)
        };
        failed += usize::from(answer.status == 500);
        look(&answer, &secrets);
    }
    assert_eq!(failed, 20);
    assert!(granted.grants >= wanted / 100, "{}", granted.grants);
    let log = served.stop();
    assert!(log.lines().count() >= wanted / 2, "{}", log.lines().count());
    // Who was refused, and why, is what an operator has to see.
    let refused =
        r#""message":"refused","cause":"Incorrect username or password","address":"127.0.0.1""#;
    assert!(log.contains(refused));
    let mut lines = 0;
    for line in log.lines() {
        lines += 1;
        assert_eq!(secrets.seen_in(line), None, "{line}");
        assert!(
            password
                .as_ref()
                .is_none_or(|password| !line.contains(password)),
            "{line}"
        );
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "{line}");
    }
    tools::tell(&format!(
        "secrets: {sent} requests, {} of them granted, {unavailable} unavailable, {failed} failed; {} secrets \
         and {} marks looked for in {lines} lines and {bodies} errors: none found",
        granted.grants,
        secrets.0.len(),
        MARKS.len(),
    ));
}

#[test]
fn a_secret_would_be_seen() {
    let mut secrets = Secrets::default();
    let token = "eyJ.AAAABBBBCCCCDDDDEEEEFFFF.GGGG";
    secrets.keep(token);
    for line in [
        format!("{{\"cause\":\"{token}\"}}"),
        "a \\\"AAAABBBBCCCCDDDDEEEEFFFF\\\" b".to_owned(),
        format!("x{CANARY}y"),
        "hash=$argon2id$v=19".to_owned(),
    ] {
        assert!(secrets.seen_in(&line).is_some(), "{line}");
    }
    assert_eq!(secrets.seen_in("{\"message\":\"answered\"}"), None);
}
