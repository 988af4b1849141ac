//! What every handler can reach.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ipnet::IpNet;
use passgate_auth::flows::{Guessing, SigningKeys, Tokens};
use passgate_auth::jwt::Verifier;
use passgate_auth::password::{Passwords, Policy};
use passgate_domain::Clock;
use passgate_domain::token::TokenClaims;
use passgate_persistence::PgStore;

use crate::config::Registration;
use crate::cors::AllowedOrigin;
use crate::live::LiveSessions;
use crate::metrics::Metrics;
use crate::telemetry::LogFilter;

/// The parts of a running Passgate. One of it exists; handlers share it.
pub struct AppState {
    /// Users and keys.
    pub store: PgStore,
    /// Checks and hashes passwords.
    pub passwords: Passwords,
    /// What a new password has to satisfy.
    pub policy: Policy,
    /// Counts wrong guesses.
    pub guessing: Arc<Guessing>,
    /// Makes tokens of both kinds.
    pub tokens: Tokens,
    /// Checks the access tokens that come back.
    pub verifier: Verifier<TokenClaims>,
    /// The signing keys; none with a shared secret.
    pub keys: Option<SigningKeys>,
    /// Whether anybody may make an account.
    pub registration: Registration,
    /// How long the audit log keeps an event.
    pub audit_retention: Duration,
    /// Origins whose pages may read our answers.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Networks whose proxies are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Networks that may see what is counted, unless it is all private ones.
    pub metrics_from: Option<Vec<IpNet>>,
    /// Sessions that were seen alive a moment ago.
    pub live: LiveSessions,
    /// What is logged.
    pub log: LogFilter,
    /// Whether requests are traced.
    pub is_traced: bool,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the end was asked for: nothing more should be sent here.
    pub draining: AtomicBool,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl AppState {
    /// Whether clients come by HTTPS, whoever ends it.
    pub fn is_https(&self) -> bool {
        self.tokens.issuer_id().as_str().starts_with("https://")
    }
}
