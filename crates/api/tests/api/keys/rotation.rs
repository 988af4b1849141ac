//! Keys are rotated under verifiers of four kinds, none of which may refuse a token.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use passgate_auth::jwt::{Algorithm, Audience, IssuerId, KeySet, Verifier, VerifyError};
use serde_json::json;

use super::{ISSUER, kid_of, published};
use crate::app::SECRET;
use crate::client::{Ask, PASSWORD, compose, send};
use crate::site::Site;
use crate::tools;

const ROTATIONS: usize = 3;

/// How often each verifier has to have seen a new key before the next is announced.
const ENOUGH: usize = 20;

/// Says "good" of a token, or what is wrong with it.
type Verify = Box<dyn FnMut(&str) -> String + Send>;

const PYJWT: &str = "
import sys, jwt
url, issuer = sys.argv[1:]
keys = jwt.PyJWKClient(url, lifespan=2)
for token in sys.stdin:
    token = token.strip()
    try:
        key = keys.get_signing_key_from_jwt(token).key
        jwt.decode(token, key, algorithms=['EdDSA'], audience=issuer, issuer=issuer)
        print('good', flush=True)
    except Exception as error:
        print(repr(error), flush=True)
";

/// It does not fetch for an unknown key within thirty seconds of the last time: what it has cached
/// for two seconds has to be enough.
const JOSE: &str = "
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, jwtVerify } from 'jose';
const [url, issuer] = process.argv.slice(1);
const keys = createRemoteJWKSet(new URL(url), { cacheMaxAge: 2000 });
const options = { issuer, audience: issuer, algorithms: ['EdDSA'], typ: 'at+jwt' };
for await (const token of createInterface({ input: process.stdin })) {
  try {
    await jwtVerify(token, keys, options);
    console.log('good');
  } catch (error) {
    console.log(String(error));
  }
}
";

/// A program that reads tokens, a line each, and answers each with a line.
struct Program {
    child: Child,
    tokens: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            tokens: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn verify(&mut self, token: &str) -> String {
        writeln!(self.tokens.as_mut().unwrap(), "{token}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The end of its input is its own.
        drop(self.tokens.take());
        drop(self.child.wait());
    }
}

/// Fetches the keys of one replica after the other.
struct Jwks {
    replicas: Vec<SocketAddr>,
    fetched: usize,
    keys: KeySet,
    good_until: Instant,
}

impl Jwks {
    fn new(replicas: Vec<SocketAddr>) -> Self {
        Self {
            replicas,
            fetched: 0,
            keys: KeySet::default(),
            good_until: Instant::now(),
        }
    }

    fn fetch(&mut self) {
        let replica = self.replicas[self.fetched % self.replicas.len()];
        self.fetched += 1;
        // A cache counts from its request (RFC 9111 section 4.2.3).
        let asked = Instant::now();
        let reply = send(
            replica,
            &compose(replica, "GET", "/.well-known/jwks.json", &[], ""),
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
        let cache = reply.header("cache-control").unwrap();
        let max_age = cache
            .split_once("max-age=")
            .map_or(0, |(_, age)| age.parse().unwrap());
        self.keys = KeySet::from_jwks(&reply.body, &[Algorithm::EdDsa])
            .unwrap()
            .0;
        self.good_until = asked + Duration::from_secs(max_age);
    }

    fn verify(&self, token: &str) -> Result<(), VerifyError> {
        let issuer = IssuerId::parse(ISSUER).unwrap();
        let audience = Audience::parse(ISSUER).unwrap();
        let verifier: Verifier = Verifier::new(issuer, audience, self.keys.clone());
        verifier.verify_now(token).map(drop)
    }
}

fn answer(outcome: Result<(), VerifyError>) -> String {
    outcome.map_or_else(|error| error.to_string(), |()| "good".to_owned())
}

/// Our own, which fetches the keys when it meets one that it does not know.
fn our_own(replicas: Vec<SocketAddr>) -> Verify {
    let mut jwks = Jwks::new(replicas);
    Box::new(move |token| {
        let mut outcome = jwks.verify(token);
        if let Err(VerifyError::UnknownKey | VerifyError::KeysUnavailable) = outcome {
            jwks.fetch();
            outcome = jwks.verify(token);
        }
        answer(outcome)
    })
}

/// One that keeps the keys for as long as it may, and looks for no other until then.
fn cached(replicas: Vec<SocketAddr>) -> Verify {
    let mut jwks = Jwks::new(replicas);
    Box::new(move |token| {
        if Instant::now() >= jwks.good_until {
            jwks.fetch();
        }
        answer(jwks.verify(token))
    })
}

/// All kinds that this machine has.
fn verifiers(replicas: &[SocketAddr]) -> Vec<(&'static str, Verify)> {
    let mut all = vec![
        ("passgate-auth", our_own(replicas.to_vec())),
        ("cached", cached(replicas.to_vec())),
    ];
    let url = |replica: usize| format!("http://{}/.well-known/jwks.json", replicas[replica]);
    if let Some(python) = tools::python("jwt, cryptography") {
        let mut pyjwt = Program::start(Command::new(python).args(["-c", PYJWT, &url(0), ISSUER]));
        all.push(("PyJWT", Box::new(move |token| pyjwt.verify(token))));
    }
    if let Some(folder) = tools::node_folder("jose") {
        let script = ["--input-type=module", "-e", JOSE, &url(1), ISSUER];
        let mut jose = Program::start(Command::new("node").args(script).current_dir(folder));
        all.push(("jose", Box::new(move |token| jose.verify(token))));
    }
    all
}

/// The tokens that are out: of each key the first and the newest.
#[derive(Default)]
struct Out {
    tokens: Mutex<Vec<(String, String)>>,
    newest: Mutex<String>,
    over: AtomicBool,
}

impl Out {
    /// Refreshes one session, at one replica after the other.
    fn mint(&self, replicas: &[SocketAddr], refresh: String) {
        let mut held = refresh;
        let mut replicas = replicas.iter().cycle();
        while !self.over.load(Ordering::Relaxed) {
            let replica = *replicas.next().unwrap();
            let form = format!("grant_type=refresh_token&refresh_token={held}");
            let request = compose(replica, "POST", "/token", &[crate::client::FORM], &form);
            let granted = send(replica, &request).expect(200);
            let token = granted["access_token"].as_str().unwrap().to_owned();
            let next = granted["refresh_token"].as_str().unwrap();
            next.clone_into(&mut held);
            let kid = kid_of(&token);
            let mut tokens = self.tokens.lock().unwrap();
            if !tokens.iter().any(|(known, _)| *known == kid) {
                tokens.push((kid, token.clone()));
            }
            drop(tokens);
            *self.newest.lock().unwrap() = token;
        }
    }

    /// Verifies the newest, and the first of each key, until it is over.
    fn verify(&self, verify: &mut Verify, told: &mpsc::Sender<(String, String)>) {
        while !self.over.load(Ordering::Relaxed) {
            let mut tokens = self.tokens.lock().unwrap().clone();
            let newest = self.newest.lock().unwrap().clone();
            if !newest.is_empty() {
                tokens.push((kid_of(&newest), newest));
            }
            for (kid, token) in tokens {
                let answer = verify(&token);
                // Nobody listens any more when it is over.
                drop(told.send((kid, answer)));
            }
        }
    }
}

#[test]
fn of_three_rotations_no_verifier_notices_anything() {
    let site = Site::new();
    let flags = [
        "--secret",
        SECRET,
        "--issuer",
        ISSUER,
        "--jwks-max-age",
        "2s",
    ];
    let servers = [site.serve(&flags), site.serve(&flags)];
    let replicas: Vec<SocketAddr> = servers.iter().map(Ask::address).collect();
    let root = site.root(&servers[0]);
    servers[0].register("matt");
    let granted = servers[0].log_in("matt", PASSWORD).expect(200);
    let refresh = granted["refresh_token"].as_str().unwrap().to_owned();
    let mut kids = vec![site.key_that_is("active").unwrap()];

    let out = Out::default();
    let mut seen: Vec<Seen> = thread::scope(|scope| {
        scope.spawn(|| out.mint(&replicas, refresh));
        let mut seen = Vec::new();
        for (name, mut verify) in verifiers(&replicas) {
            let (sender, answers) = mpsc::channel();
            let out = &out;
            scope.spawn(move || out.verify(&mut verify, &sender));
            seen.push(Seen::by(name, answers));
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(&mut seen, &kids);
            for rotation in 0..ROTATIONS {
                if rotation % 2 == 0 {
                    let command = ["keys", "rotate", "--jwks-max-age", "2s", "--secret", SECRET];
                    site.run_well(&command);
                } else {
                    let post = servers[1].ask_json(&root, "POST", "/admin/keys", &json!({}));
                    post.expect(201);
                }
                kids.push(site.key_that_is("announced").unwrap());
                announced_earlier(&site);
                wait_for(&mut seen, &kids);
            }
        }));
        out.over.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        seen
    });

    for server in &servers {
        assert_eq!(
            published(server).len(),
            ROTATIONS + 1,
            "all can be verified"
        );
    }
    for verifier in &mut seen {
        verifier.take_all();
        println!("{}: {} good, 0 refused", verifier.name, verifier.all);
    }
}

/// Keys are published for a minute at least, since some verifiers ask no more often; these keep them for
/// two seconds, as they are told, and would wait for nothing during the rest.
fn announced_earlier(site: &Site) {
    let earlier = "UPDATE signing_keys SET created_at = created_at - interval '58 seconds',
                                           promotable_at = promotable_at - interval '58 seconds'
                   WHERE state = 'announced'";
    let changed = diesel::sql_query(earlier).execute(&mut site.database.connect());
    assert_eq!(changed, Ok(1));
}

/// What a verifier answered so far.
struct Seen {
    name: &'static str,
    answers: mpsc::Receiver<(String, String)>,
    /// Of each key, since somebody waited last.
    good: HashMap<String, usize>,
    all: usize,
}

impl Seen {
    fn by(name: &'static str, answers: mpsc::Receiver<(String, String)>) -> Self {
        Self {
            name,
            answers,
            good: HashMap::new(),
            all: 0,
        }
    }

    fn take(&mut self, (kid, answer): (String, String)) {
        assert_eq!(answer, "good", "{} of a token of {kid}", self.name);
        *self.good.entry(kid).or_default() += 1;
        self.all += 1;
    }

    fn take_all(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            self.take(answer);
        }
    }
}

/// Waits until every verifier verified tokens of the newest key, and of the older ones again.
fn wait_for(seen: &mut [Seen], kids: &[String]) {
    for verifier in seen {
        verifier.take_all();
        verifier.good.clear();
        let begun = Instant::now();
        let enough = |good: &HashMap<String, usize>| {
            kids.iter()
                .all(|kid| good.get(kid).is_some_and(|count| *count >= ENOUGH))
        };
        while !enough(&verifier.good) {
            assert!(
                begun.elapsed() < Duration::from_mins(2),
                "{}",
                verifier.name
            );
            let answer = verifier.answers.recv_timeout(Duration::from_mins(1));
            verifier.take(answer.unwrap());
        }
    }
}
