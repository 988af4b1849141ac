//! Every setting: a flag, an environment variable of the same name, and a default that works.

mod guesses;
mod passwords;
mod tls;
mod traces;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use passgate_auth::jwt::Algorithm;
use secrecy::{ExposeSecret, SecretString};

use crate::cors::AllowedOrigin;
use crate::telemetry::LogFormat;

pub use guesses::{GuessArgs, GuessBudget};
pub use passwords::{HashBackend, PasswordArgs};
pub use tls::TlsArgs;
pub use traces::{InvalidRatio, Ratio, TraceArgs};

/// Where users and keys are kept.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// The `PostgreSQL` database, as a URL or a libpq connection string; several hosts are fine, with
    /// `target_session_attrs=read-write` [default: a private one in the data directory].
    #[arg(
        long,
        env = "PASSGATE_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: Option<SecretString>,

    /// The older name of the same variable, which other tools set.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        hide = true,
        value_name = "URL"
    )]
    pub fallback_database_url: Option<SecretString>,

    /// Where the private `PostgreSQL` and the secret that it needs are kept.
    #[arg(
        long,
        env = "PASSGATE_DATA_DIR",
        default_value = ".passgate",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
}

impl DatabaseArgs {
    /// The database to use, unless it is the private one.
    pub fn url(&self) -> Option<&SecretString> {
        [&self.database_url, &self.fallback_database_url]
            .into_iter()
            .flatten()
            .find(|url| is_given(url))
    }
}

/// An empty variable, as `${NAME:-}` makes it, is none.
pub(crate) fn is_given(secret: &SecretString) -> bool {
    !secret.expose_secret().is_empty()
}

/// What encrypts the signing keys, and proves refresh tokens.
#[derive(Debug, Clone, Args)]
pub struct SecretArgs {
    /// Encrypts the signing keys in the database: at least 32 bytes, for example from
    /// `openssl rand -base64 32`. With the private `PostgreSQL` one is made at the first start
    /// and kept in the data directory.
    #[arg(
        long,
        env = "PASSGATE_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub secret: Option<SecretString>,

    /// Another secret that is accepted besides, while one is exchanged for the other: it opens
    /// keys and reads refresh tokens, and makes none.
    #[arg(
        long,
        env = "PASSGATE_ACCEPTED_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub accepted_secret: Option<SecretString>,
}

/// Whether anybody may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Registration {
    /// `POST /users` is there for everybody.
    Open,
    /// Accounts are made on the command line only.
    Closed,
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum JwtAlgorithm {
    /// Ed25519: small and fast; the choice unless a client cannot verify it.
    #[value(name = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256, for clients without Ed25519.
    #[value(name = "ES256")]
    Es256,
    /// RSA, for the oldest clients. Signing costs some fifty times as much.
    #[value(name = "RS256")]
    Rs256,
    /// One secret shared with every service that verifies; needs `--jwt-secret`.
    #[value(name = "HS256")]
    Hs256,
}

impl JwtAlgorithm {
    /// The algorithm of a key pair; none for a shared secret.
    pub fn asymmetric(self) -> Option<Algorithm> {
        match self {
            Self::EdDsa => Some(Algorithm::EdDsa),
            Self::Es256 => Some(Algorithm::Es256),
            Self::Rs256 => Some(Algorithm::Rs256),
            Self::Hs256 => None,
        }
    }
}

/// How long a key signs before another follows it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRotation(pub Option<Duration>);

impl FromStr for KeyRotation {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self(None)),
            text => humantime::parse_duration(text).map(|rotation| Self(Some(rotation))),
        }
    }
}

/// A network that may see what is counted, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsFrom(pub Option<IpNet>);

impl FromStr for MetricsFrom {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|network| Self(Some(network))),
        }
    }
}

/// How the signing keys are published.
#[derive(Debug, Clone, Args)]
pub struct PublicationArgs {
    /// How long others may cache the published keys, the same for every replica: 1s to 24h. A new
    /// key is published for so long, but for 1m at least, and some seconds, before it signs:
    /// services that use passgate-auth fetch once a minute.
    #[arg(long, env = "PASSGATE_JWKS_MAX_AGE", default_value = "5m", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub jwks_max_age: Duration,
}

/// The settings of the server.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// The secret.
    #[command(flatten)]
    pub secret: SecretArgs,

    /// The passwords.
    #[command(flatten)]
    pub passwords: PasswordArgs,

    /// The guesses.
    #[command(flatten)]
    pub guesses: GuessArgs,

    /// The address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "PASSGATE_LISTEN",
        default_value = "127.0.0.1:8000",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,

    /// The certificate.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// The `iss` of every token: the URL that clients know this server by [default: the URL
    /// listened on].
    #[arg(long, env = "PASSGATE_ISSUER", value_name = "URL")]
    pub issuer: Option<String>,

    /// The `aud` of every token: the services that it is for [default: the issuer].
    #[arg(long, env = "PASSGATE_AUDIENCE", value_name = "NAME")]
    pub audience: Option<String>,

    /// How long a session lives that nobody refreshes: 1m to its lifetime.
    #[arg(long, env = "PASSGATE_SESSION_IDLE", default_value = "14d", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub session_idle: Duration,

    /// How long a session lives however often it is refreshed: 1m to ten years.
    #[arg(long, env = "PASSGATE_SESSION_LIFETIME", default_value = "90d", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub session_lifetime: Duration,

    /// How long the refresh token before the newest is answered with the newest again, for lost
    /// answers and two requests at once: 1m at most.
    #[arg(long, env = "PASSGATE_REFRESH_GRACE", default_value = "10s", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub refresh_grace: Duration,

    /// How long the audit log keeps an event: 1d to ten years.
    #[arg(long, env = "PASSGATE_AUDIT_RETENTION", default_value = "365d", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub audit_retention: Duration,

    /// How long an access token lives: 1s to 24h.
    #[arg(long, env = "PASSGATE_ACCESS_TOKEN_TTL", default_value = "25m", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub access_token_ttl: Duration,

    /// How tokens are signed.
    #[arg(
        long,
        env = "PASSGATE_JWT_ALGORITHM",
        default_value = "EdDSA",
        value_name = "ALGORITHM"
    )]
    pub jwt_algorithm: JwtAlgorithm,

    /// The publication of the keys.
    #[command(flatten)]
    pub publication: PublicationArgs,

    /// How long a key signs before another follows it by itself: 1d to ten years, or `off`.
    #[arg(
        long,
        env = "PASSGATE_KEY_ROTATION",
        default_value = "90d",
        value_name = "TIME"
    )]
    pub key_rotation: KeyRotation,

    /// The secret shared with verifying services, for HS256: at least 32 bytes.
    #[arg(
        long,
        env = "PASSGATE_JWT_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub jwt_secret: Option<SecretString>,

    /// Whether anybody may make an account with `POST /users`.
    #[arg(
        long,
        env = "PASSGATE_REGISTRATION",
        default_value = "open",
        value_name = "WHO"
    )]
    pub registration: Registration,

    /// A network whose proxies are believed when they say in `X-Forwarded-For` where a request
    /// comes from; several separated by commas.
    #[arg(
        long,
        env = "PASSGATE_TRUSTED_PROXY",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub trusted_proxy: Vec<IpNet>,

    /// A network that may ask for `/metrics`; several separated by commas, `0.0.0.0/0,::/0` for anybody,
    /// `none` for nobody [default: this machine and private networks].
    #[arg(
        long,
        env = "PASSGATE_METRICS_FROM",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub metrics_from: Vec<MetricsFrom>,

    /// An origin whose pages may read our answers, such as `https://app.example.com`; several
    /// separated by commas.
    #[arg(
        long,
        env = "PASSGATE_ALLOWED_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub allowed_origin: Vec<AllowedOrigin>,

    /// Threads that serve requests [default: the number of cores].
    #[arg(long, env = "PASSGATE_WORKERS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// Connections to the database, opened when wanted [default: four for each core, at least 16].
    #[arg(long, env = "PASSGATE_DATABASE_CONNECTIONS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub database_connections: Option<u16>,

    /// Start only if the database has every migration already; see `passgate migrate`.
    #[arg(long, env = "PASSGATE_NO_MIGRATE")]
    pub no_migrate: bool,

    /// How long a shutdown goes on serving everything, while `/health/ready` tells balancers to send
    /// no more: as long as they take to notice.
    #[arg(long, env = "PASSGATE_DRAIN_DELAY", default_value = "0s", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub drain_delay: Duration,

    /// How long a shutdown then waits for what is under way.
    #[arg(long, env = "PASSGATE_SHUTDOWN_TIMEOUT", default_value = "30s", value_name = "TIME",
          value_parser = humantime::parse_duration)]
    pub shutdown_timeout: Duration,

    /// How log lines look; they go to standard error.
    #[arg(
        long,
        env = "PASSGATE_LOG_FORMAT",
        default_value = "auto",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,

    /// What is logged: a level, or levels by module, as in `warn,passgate_api=debug`.
    #[arg(
        long,
        env = "PASSGATE_LOG",
        default_value = "info,actix_server=warn,reqwest_retry=error",
        value_name = "FILTER"
    )]
    pub log: String,

    /// The traces.
    #[command(flatten)]
    pub traces: TraceArgs,
}
