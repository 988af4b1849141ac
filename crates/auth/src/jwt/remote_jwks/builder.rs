use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::fetch::Fetcher;
use super::missed::Missed;
use super::{Held, JwksError, RemoteJwks, Shared, Unknown};
use crate::jwt::{Algorithm, KeySet};

/// How keys are fetched.
#[derive(Clone)]
#[must_use = "fetching begins with `start` or `start_lazy`"]
pub struct RemoteJwksBuilder {
    url: String,
    algorithms: Vec<Algorithm>,
    refresh_every: Duration,
    cooldown: Duration,
    serve_stale_for: Duration,
    timeout: Duration,
    max_body: usize,
    bootstrap: Option<KeySet>,
}

impl RemoteJwksBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            algorithms: Algorithm::ALL.to_vec(),
            refresh_every: Duration::from_mins(10),
            cooldown: Duration::from_secs(30),
            serve_stale_for: Duration::from_hours(24),
            timeout: Duration::from_secs(5),
            max_body: 256 * 1024,
            bootstrap: None,
        }
    }

    /// Leaves out keys for other algorithms than these.
    pub fn algorithms(mut self, allow: &[Algorithm]) -> Self {
        self.algorithms = allow.to_vec();
        self
    }

    /// How often the keys are fetched where the issuer does not say: every 10 minutes unless
    /// set. Its `Cache-Control: max-age` counts, from one minute to one hour.
    pub fn refresh_every(mut self, every: Duration) -> Self {
        self.refresh_every = every.max(Duration::from_secs(1));
        self
    }

    /// How long after a fetch for an unknown key there is none for another: 30 s unless set, 1 s
    /// at least.
    pub fn unknown_kid_cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown.max(Duration::from_secs(1));
        self
    }

    /// How long keys are used that the issuer could not confirm when that was due: 24 h unless set.
    /// However short that is, a fetch that is due has its [`timeout`](Self::timeout).
    pub fn serve_stale_for(mut self, age: Duration) -> Self {
        self.serve_stale_for = age;
        self
    }

    /// How long a fetch may take, to the last byte: 5 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The longest body, in bytes: 256 KiB unless set.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Keys to begin with, from a file for example, as if they had been fetched at the start.
    pub fn bootstrap(mut self, keys: KeySet) -> Self {
        self.bootstrap = Some(keys);
        self
    }

    /// Fetches the keys, and goes on in the background. A service that cannot verify anything
    /// had better not begin to serve.
    ///
    /// # Errors
    /// [`JwksError`] if the address cannot be used or the first fetch fails.
    pub async fn start(self) -> Result<RemoteJwks, JwksError> {
        let (runtime, fetcher) = self.prepare()?;
        let answer = fetcher.fetch(None).await?;
        let (shared, outcome) = self.shared(false);
        let first = shared.take(Ok(answer)).unwrap_or_default();
        Ok(RemoteJwks::spawn(&runtime, shared, outcome, fetcher, first))
    }

    /// Begins without keys, or with those of [`bootstrap`](Self::bootstrap), and fetches in the
    /// background. Until there are keys, verifying says so with a 503.
    ///
    /// # Errors
    /// [`JwksError`] if the address cannot be used or there is no tokio runtime.
    pub fn start_lazy(self) -> Result<RemoteJwks, JwksError> {
        let (runtime, fetcher) = self.prepare()?;
        let (shared, outcome) = self.shared(true);
        let now = Duration::ZERO;
        Ok(RemoteJwks::spawn(&runtime, shared, outcome, fetcher, now))
    }

    fn prepare(&self) -> Result<(Handle, Fetcher), JwksError> {
        let fetcher = Fetcher::new(
            &self.url,
            self.timeout,
            self.max_body,
            self.algorithms.clone(),
            self.refresh_every,
        )?;
        let runtime = Handle::try_current().map_err(|_| JwksError::NoRuntime)?;
        Ok((runtime, fetcher))
    }

    fn shared(self, fetching: bool) -> (Arc<Shared>, watch::Sender<bool>) {
        let (tell, outcome) = watch::channel(!fetching);
        let held = Held {
            since: self.bootstrap.is_some().then(Instant::now),
            fresh_for: Duration::ZERO,
            confirmed_at: None,
            keys: self.bootstrap.unwrap_or_default(),
            seen: None,
            skipped: Arc::default(),
            error: None,
        };
        let shared = Shared {
            held: ArcSwap::from_pointee(held),
            none: KeySet::default(),
            overdue_for: self.timeout.saturating_add(self.serve_stale_for),
            cooldown: self.cooldown,
            unknown: Mutex::new(Unknown {
                fetching,
                asked: None,
                missed: Missed::default(),
            }),
            wake: Notify::new(),
            outcome,
        };
        (Arc::new(shared), tell)
    }
}

/// Without the address, in which somebody may have left a password.
impl fmt::Debug for RemoteJwksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwksBuilder")
            .field("algorithms", &self.algorithms)
            .field("refresh_every", &self.refresh_every)
            .field("serve_stale_for", &self.serve_stale_for)
            .finish_non_exhaustive()
    }
}
