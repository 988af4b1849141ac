use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use passgate_domain::{Clock, SystemClock};
use serde::de::DeserializeOwned;

use super::Verifier;
use super::rules::Rules;
use crate::jwt::{Audience, IssuerId, KeySource, OnHookError, Revocation, Ttl};

/// How far the clocks of issuer and verifier may differ unless set otherwise.
const LEEWAY: Duration = Duration::from_secs(30);

/// How far they may be set to differ: beyond it, mend the clocks.
pub(in crate::jwt) const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// Rules that can only become narrower, but for [`leeway`](Self::leeway), which has a ceiling,
/// and [`also_audience`](Self::also_audience), which says so.
#[must_use = "a verifier is made by `build`"]
pub struct VerifierBuilder<X>(Rules<X>);

impl<X: DeserializeOwned> VerifierBuilder<X> {
    pub(super) fn new(issuer: IssuerId, audience: Audience, keys: impl KeySource) -> Self {
        Self(Rules {
            issuer,
            audiences: vec![audience],
            keys: Box::new(keys),
            clock: Arc::new(SystemClock),
            leeway: LEEWAY,
            max_life: Ttl::MAX,
            max_age: None,
            hooks: Vec::new(),
            #[cfg(feature = "token-cache")]
            cache: None,
            extra: PhantomData,
        })
    }

    /// How far the clocks of issuer and verifier may differ; at most five minutes.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// The longest life that a token may have, from `iat` to `exp`; at most a day.
    pub fn max_life(mut self, life: Ttl) -> Self {
        self.0.max_life = self.0.max_life.min(life.get());
        self
    }

    /// How long ago a token may have been made, whatever its `exp`: for what wants a recent
    /// log-in.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.0.max_age = Some(self.0.max_age.map_or(age, |set| set.min(age)));
        self
    }

    /// Takes tokens for this audience as well: for a service that is getting another name.
    pub fn also_audience(mut self, audience: Audience) -> Self {
        self.0.audiences.push(audience);
        self
    }

    /// Asks whether a token was revoked. Of several hooks, each is asked.
    pub fn revocation(mut self, hook: impl Revocation, on_error: OnHookError) -> Self {
        self.0.hooks.push((Box::new(hook), on_error));
        self
    }

    /// Remembers at most this many tokens that were verified, by their SHA-256. One that is
    /// remembered is refused like any other from the instant it expires, its key leaves the
    /// source, or a hook says that it is revoked.
    #[cfg(feature = "token-cache")]
    pub fn cache(mut self, tokens: usize) -> Self
    where
        X: Send + Sync + 'static,
    {
        self.0.cache = Some(Arc::new(super::cache::TokenCache::new(tokens)));
        self
    }

    /// Another clock than the operating system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Makes the verifier.
    pub fn build(self) -> Verifier<X> {
        Verifier(Arc::new([Arc::new(self.0)]))
    }
}
