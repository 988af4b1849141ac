//! What is counted and measured, for Prometheus.
//!
//! Labels have few values, none of which a client can make up: paths are those of the table of
//! routes, methods those of RFC 9110.

use std::fmt;
use std::fs;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use passgate_auth::flows::Guessing;
use passgate_auth::jwt::{Issuer, KeyRing};
use passgate_auth::password::{InUse, Passwords};
use passgate_domain::guess::Guesser;
use passgate_domain::signing_key::SigningKeyState;
use passgate_persistence::{Connections, Estimates, PgStore};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

use crate::descriptors;
use crate::tls::Served;

/// The media type of what [`Metrics::encode`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper ends of the buckets of durations, in seconds: from a cached answer to the longest wait.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    path: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Path {
    path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Outcomes of the token endpoint that are counted from the start: a rule that compares them would be
/// silent while one of the two has not happened yet.
const OUTCOMES: [&str; 3] = ["granted", "invalid_grant", "slow_down"];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    failed: Counter,
    durations: Family<Path, Histogram>,
    grants: Family<Outcome, Counter>,
    estimates: Arc<Mutex<Option<Estimates>>>,
    certificate: Arc<OnceLock<Arc<Served>>>,
}

impl Metrics {
    /// Counts from zero. What the parts know of themselves is asked when somebody looks.
    pub fn new(parts: Parts) -> Self {
        let mut registry = Registry::with_prefix("passgate");
        let answered = Family::default();
        let buckets: fn() -> Histogram = || Histogram::new(BUCKETS);
        let durations = Family::new_with_constructor(buckets);
        let grants = Family::<Outcome, Counter>::default();
        for outcome in OUTCOMES {
            drop(grants.get_or_create(&Outcome { outcome }));
        }
        let failed = Counter::default();
        registry.register("http_requests", "Requests answered", answered.clone());
        registry.register(
            "internal_errors",
            "Requests answered with an error of Passgate's own: 5xx, other than 503",
            failed.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "From the end of the request's header to the answer's",
            durations.clone(),
        );
        registry.register(
            "token_requests",
            "Answers of the token endpoint: granted, or the error of RFC 6749",
            grants.clone(),
        );
        let estimates = Arc::default();
        let certificate = Arc::default();
        registry.register_collector(Box::new(Known {
            parts,
            estimates: Arc::clone(&estimates),
            certificate: Arc::clone(&certificate),
        }));
        Self {
            registry,
            answered,
            failed,
            durations,
            grants,
            estimates,
            certificate,
        }
    }

    /// Shows this certificate from now on. The first that is given stays.
    pub(crate) fn watch(&self, certificate: Arc<Served>) {
        self.certificate.get_or_init(|| certificate);
    }

    /// Counts a request. `path` is that of the table of routes.
    pub fn answered(
        &self,
        method: &Method,
        path: Option<String>,
        status: StatusCode,
        elapsed: Duration,
    ) {
        let path = path.unwrap_or_else(|| "other".to_owned());
        let labels = Answered {
            method: known(method),
            path: path.clone(),
            status: status.as_u16(),
        };
        self.answered.get_or_create(&labels).inc();
        // By itself, too: what begins with its first is no increase to a rule.
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            self.failed.inc();
        }
        let duration = self.durations.get_or_create(&Path { path });
        duration.observe(elapsed.as_secs_f64());
    }

    /// Counts an answer of the token endpoint.
    pub fn granted(&self, outcome: &'static str) {
        self.grants.get_or_create(&Outcome { outcome }).inc();
    }

    /// Keeps how many users and sessions there are about.
    pub fn estimated(&self, estimates: Option<Estimates>) {
        *self
            .estimates
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = estimates;
    }

    /// All of it, in the text format of OpenMetrics.
    ///
    /// # Errors
    /// None that a string could make.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let mut known = known.into_iter();
    known
        .find(|name| *name == method.as_str())
        .unwrap_or("other")
}

/// The parts of a server that know something of themselves.
pub struct Parts {
    /// The database.
    pub store: PgStore,
    /// What hashes.
    pub passwords: Passwords,
    /// What counts guesses.
    pub guessing: Arc<Guessing>,
    /// What signs.
    pub issuer: Issuer,
    /// The keys; none where tokens are signed with a secret that is shared.
    pub keys: Option<KeyRing>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl Parts {
    /// When the key that signs became the one.
    fn promoted_at(&self) -> Option<u64> {
        let keys = self.keys.as_ref()?;
        let active = keys.active()?;
        let mut held = keys.held().into_iter();
        match held.find(|held| held.kid() == active.kid())?.state() {
            SigningKeyState::Active { promoted_at } => {
                u64::try_from(promoted_at.unix_timestamp()).ok()
            }
            SigningKeyState::Announced { .. } | SigningKeyState::Retired { .. } => None,
        }
    }
}

/// What is known when somebody looks.
#[derive(Debug)]
struct Known {
    parts: Parts,
    estimates: Arc<Mutex<Option<Estimates>>>,
    certificate: Arc<OnceLock<Arc<Served>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Budget {
    budget: &'static str,
}

impl Known {
    fn encode_guesses(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let name = "guesses_refused";
        let help = "Guesses that were not looked at, by the budget that was used up";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for guesser in Guesser::ALL {
            let budget = Budget {
                budget: guesser.as_str(),
            };
            let refused = ConstCounter::new(self.parts.guessing.refused(guesser));
            refused.encode(metric.encode_family(&budget)?)?;
        }
        let name = "guess_store_failures";
        let help = "Times that the database could not count guesses, and this process did alone";
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(self.parts.guessing.failures()).encode(metric)
    }

    fn encode_certificate(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(certificate) = self.certificate.get() else {
            return Ok(());
        };
        let name = "tls_certificate_refused";
        let help =
            "1 if the files of the certificate cannot be used and the one from before is served on";
        encode_gauge(encoder, name, help, u64::from(certificate.is_behind()))?;
        let not_after = certificate.not_after().map(OffsetDateTime::unix_timestamp);
        let Some(not_after) = not_after.and_then(|time| u64::try_from(time).ok()) else {
            return Ok(());
        };
        let name = "tls_certificate_not_after_timestamp_seconds";
        let help = "When the certificate that is served ends";
        encode_gauge(encoder, name, help, not_after)
    }
}

fn encode_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

impl Collector for Known {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let hashes = ConstCounter::new(self.parts.passwords.computed());
        let name = "password_hashes";
        let help = "Password hashes computed";
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        hashes.encode(metric)?;
        let dropped = ConstCounter::new(self.parts.passwords.dropped());
        let name = "password_jobs_dropped";
        let help = "Passwords that waited and were not hashed: too late, or nobody waited any more";
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        dropped.encode(metric)?;
        self.encode_guesses(&mut encoder)?;
        self.encode_certificate(&mut encoder)?;

        let Connections { open, idle } = self.parts.store.connections();
        let mut gauge = |name, help, value| encode_gauge(&mut encoder, name, help, value);
        let passwords = &self.parts.passwords;
        gauge(
            "password_arenas",
            "Passwords that can be hashed at once",
            passwords.arenas() as u64,
        )?;
        gauge(
            "password_arenas_busy",
            "Passwords being hashed",
            passwords.at_work() as u64,
        )?;
        gauge(
            "password_queue",
            "Passwords that wait to be hashed",
            passwords.waiting() as u64,
        )?;
        gauge(
            "password_backend_refused",
            "1 if the accelerated argon2 computed wrong tags at start-up and is not used",
            u64::from(passwords.backend() == InUse::Refused),
        )?;
        gauge(
            "database_connections",
            "Connections to the database",
            open.into(),
        )?;
        gauge(
            "database_connections_idle",
            "Connections to the database that are free",
            idle.into(),
        )?;
        gauge(
            "signing_ready",
            "1 if tokens are signed, 0 if there is no key to sign with",
            u64::from(self.parts.issuer.ready().is_ok()),
        )?;
        if let Some(keys) = &self.parts.keys {
            gauge(
                "signing_keys_published",
                "Keys that verifiers are given",
                keys.held().len() as u64,
            )?;
        }
        if let Some(promoted_at) = self.parts.promoted_at() {
            gauge(
                "signing_key_promoted_timestamp_seconds",
                "When the key that signs became the one",
                promoted_at,
            )?;
        }
        let estimates = *self
            .estimates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(Estimates { users, sessions }) = estimates {
            gauge(
                "users",
                "Users, about; those that were deleted included",
                users,
            )?;
            gauge(
                "sessions",
                "Sessions, about; those that ended lately included",
                sessions,
            )?;
        }
        if let Some(bytes) = resident_bytes() {
            gauge(
                "memory_resident_bytes",
                "Memory in use, as the system counts it",
                bytes,
            )?;
        }
        if let Some(count) = open_files() {
            gauge("open_files", "File descriptors in use", count)?;
        }
        if let Some(most) = descriptors::limit() {
            gauge(
                "max_open_files",
                "File descriptors that may be in use at most",
                most,
            )?;
        }
        Ok(())
    }
}

/// Linux tells; elsewhere these two are left out.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn open_files() -> Option<u64> {
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_somebody_made_up_is_one_of_the_others() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        assert_eq!(known(&Method::from_bytes(b"BREW").unwrap()), "other");
    }
}
