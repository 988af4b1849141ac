//! Somebody who asks for nothing but whether all is well, and compares that with what is.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use passgate_auth::jwt::{Algorithm, Audience, IssuerId, KeySet, Verifier};

use crate::load::{Answer, Held, Kind, Load};

/// Between two looks.
const BETWEEN: Duration = Duration::from_millis(50);

/// Sessions that are still known at the end.
const KEPT: usize = 10;

/// Whether `/health/ready` said yes, and whether a log-in then succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    ready: bool,
    logs_in: bool,
}

impl Look {
    fn is_true(self) -> bool {
        self.ready == self.logs_in
    }
}

/// Looks until the load is over. Returns what was wrong, and the sessions.
pub(crate) fn start(load: &Arc<Load>, issuer: &str) -> JoinHandle<Vec<Held>> {
    let (load, issuer) = (Arc::clone(load), issuer.to_owned());
    thread::spawn(move || {
        // Known to the load as a user like others.
        assert!(load.register("watch"));
        let first = load.log_in("watch").unwrap();
        let verifier = offline(&load, &issuer);
        let (mut held, mut last) = (vec![first], None);
        while !load.is_over() {
            load.unless_at_rest(|| {
                let ready = matches!(load.get(Kind::Ready, "/health/ready"), Answer::Good(_));
                let session = load.log_in("watch");
                let look = Look {
                    ready,
                    logs_in: session.is_some(),
                };
                held.extend(session);
                // The first, whose token goes on to be looked at, and some to go on with. The others are
                // given back: a user has a thousand at most.
                if held.len() > KEPT {
                    load.revoke(&held.remove(1));
                }
                // Once it may have changed between the two.
                if last == Some(look) && !look.is_true() {
                    load.complain(format!("/health/ready does not tell the truth: {look:?}"));
                }
                last = Some(look);
                // They are in memory: only who is not there at all does not tell them.
                if matches!(
                    load.get(Kind::Keys, "/.well-known/jwks.json"),
                    Answer::Unavailable
                ) {
                    load.complain("the keys are not told".to_owned());
                }
                // By key alone, as another service does, whatever became of us.
                if let Err(error) = verifier.verify_now(held[0].access_token()) {
                    load.complain(format!("a good token does not verify: {error}"));
                }
            });
            thread::sleep(BETWEEN);
        }
        held
    })
}

/// A service that has fetched the keys once.
pub(crate) fn offline(load: &Load, issuer: &str) -> Verifier {
    let Answer::Good(reply) = load.get(Kind::Keys, "/.well-known/jwks.json") else {
        panic!("there are no keys to begin with");
    };
    let (keys, _) = KeySet::from_jwks(&reply.body, &[Algorithm::EdDsa]).unwrap();
    let (issuer, audience) = (IssuerId::parse(issuer), Audience::parse(issuer));
    Verifier::new(issuer.unwrap(), audience.unwrap(), keys)
}
