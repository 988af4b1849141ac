//! Follows the signing keys, as long as the server runs: every replica takes over what another, or
//! an operator, did with them, and does what is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt;
use passgate_auth::flows::{Followed, SigningKeysError};

use crate::blocking;
use crate::request_log::chain;
use crate::state::AppState;

/// How soon after a look that failed the next is taken.
const RETRY: Duration = Duration::from_secs(1);

/// Looks at the keys again and again.
pub async fn keep(state: Arc<AppState>) {
    let Some(every) = state
        .keys
        .as_ref()
        .map(|keys| keys.schedule().follow_every())
    else {
        return;
    };
    let mut told = Told::default();
    let mut pause = every;
    loop {
        wait(&state, pause).await;
        let state = Arc::clone(&state);
        let looking = Arc::clone(&state);
        let look = blocking::patiently(blocking::ANSWER, move || {
            let keys = looking.keys.as_ref()?;
            Some(keys.follow(&looking.store))
        });
        let outcome = match look.await {
            Some(Ok(Some(outcome))) => outcome,
            Some(Ok(None) | Err(_)) => continue,
            None => Err(blocking::given_up().into()),
        };
        pause = if outcome.is_ok() { every } else { RETRY };
        told.tell(&outcome, state.tokens.ready().is_ok());
    }
}

/// Waits for the next look. Where nothing is signed that is soon, whatever the reason: a clock that was
/// stepped makes old of what was read a moment ago.
async fn wait(state: &AppState, pause: Duration) {
    let begun = Instant::now();
    loop {
        let rest = pause.saturating_sub(begun.elapsed());
        rt::time::sleep(rest.min(RETRY)).await;
        if rest <= RETRY || state.tokens.ready().is_err() {
            return;
        }
    }
}

/// What the log was told: each trouble is told when it begins and when it is over, however long it
/// lasts.
#[derive(Debug, Default)]
struct Told {
    lost: bool,
    stopped: bool,
    troubles: Vec<String>,
}

impl Told {
    fn tell(&mut self, outcome: &Result<Followed, SigningKeysError>, signs: bool) {
        match outcome {
            Ok(followed) => {
                tell_steps(followed);
                let troubles: Vec<String> = followed.troubles.iter().map(|t| chain(t)).collect();
                for trouble in &troubles {
                    if !self.troubles.contains(trouble) {
                        tracing::error!("{trouble}");
                    }
                }
                self.troubles = troubles;
                if self.lost {
                    tracing::info!("the signing keys are read again");
                }
                self.lost = false;
            }
            Err(error) => {
                if !self.lost {
                    let error = chain(error);
                    tracing::warn!(%error, "the signing keys cannot be read: trying on");
                }
                self.lost = true;
            }
        }
        match (self.stopped, signs) {
            (false, false) => tracing::error!("nothing is signed: there is no key to sign with"),
            (true, true) => tracing::info!("tokens are signed again"),
            (false, true) | (true, false) => {}
        }
        self.stopped = !signs;
    }
}

fn tell_steps(followed: &Followed) {
    let steps = [
        (&followed.installed, "made the first signing key"),
        (&followed.announced, "announced the next signing key"),
        (&followed.promoted, "another key signs from now on"),
    ];
    for (kid, step) in steps {
        if let Some(kid) = kid {
            tracing::info!(%kid, "{step}");
        }
    }
    for kid in &followed.removed {
        tracing::info!(%kid, "removed a signing key: no token of its is alive");
    }
}
