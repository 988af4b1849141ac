//! What the settings say, held against what they may say, before anything is opened.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use passgate_auth::flows::{InvalidSchedule, KeySchedule, Lifetimes};
use passgate_auth::jwt::{Algorithm, Audience, IssuerId, SharedSecret, Ttl};
use passgate_auth::password::{BreachedPasswords, Passwords, Pepper, Policy};
use secrecy::SecretString;

use crate::config::{PasswordArgs, PublicationArgs, ServeArgs, is_given};
use crate::failure::Failure;
use crate::server::cores;

/// How long events may be kept: long enough to look into what happened yesterday, and an end.
const AUDIT_RETENTION: RangeInclusive<Duration> =
    Duration::from_hours(24)..=Duration::from_hours(10 * 366 * 24);

/// What a server is made of beside its database and its secret.
pub struct Settings {
    /// The `iss` of every token.
    pub issuer: IssuerId,
    /// The `aud` of every token.
    pub audience: Audience,
    /// How long an access token lives.
    pub ttl: Ttl,
    /// How long sessions live.
    pub lifetimes: Lifetimes,
    /// What signs.
    pub signing: Signing,
    /// What hashes.
    pub passwords: Passwords,
    /// What a new password has to be.
    pub policy: Policy,
}

/// What signs tokens.
pub enum Signing {
    /// Keys, which follow each other.
    Keys {
        /// Of this algorithm.
        algorithm: Algorithm,
        /// By this schedule.
        schedule: KeySchedule,
    },
    /// A secret that verifiers have, too.
    Secret(SharedSecret),
}

impl Settings {
    /// Checks the settings of a server that listens on `address`.
    ///
    /// # Errors
    /// A [`Failure`] that names the setting that is wrong.
    pub fn check(args: &ServeArgs, address: SocketAddr) -> Result<Self, Failure> {
        let scheme = args.tls.scheme();
        let url = match &args.issuer {
            Some(issuer) => issuer.clone(),
            None if address.ip().is_unspecified() => {
                return Err(Failure::new(format!(
                    "a server that listens on every address ({address}) needs --issuer: the URL that \
                     clients know it by, such as https://id.example.com"
                )));
            }
            None => format!("{scheme}://{address}"),
        };
        if !["http://", "https://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err(Failure::new(
                "--issuer is the URL that clients know this server by, such as \
                 https://id.example.com",
            ));
        }
        if !AUDIT_RETENTION.contains(&args.audit_retention) {
            return Err(Failure::new("--audit-retention is from 1d to 10y"));
        }
        let audience = args.audience.as_deref().unwrap_or(&url);
        Ok(Self {
            issuer: IssuerId::parse(&url).map_err(|error| wrong("--issuer", &error))?,
            audience: Audience::parse(audience).map_err(|error| wrong("--audience", &error))?,
            ttl: Ttl::try_new(args.access_token_ttl)
                .map_err(|error| wrong("--access-token-ttl", &error))?,
            lifetimes: lifetimes(args)?,
            signing: signing(args)?,
            passwords: passwords(&args.passwords)?,
            policy: policy(&args.passwords)?,
        })
    }
}

/// What is wrong with a server that others reach by HTTP alone, as far as the settings tell: an issuer of
/// `https` says that a proxy has a certificate, one of this machine's own names that nobody else asks.
pub fn warning_of_plain_http(
    args: &ServeArgs,
    address: SocketAddr,
    issuer: &IssuerId,
) -> Option<String> {
    let rest = issuer.as_str().strip_prefix("http://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_of_this_machine = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| {
        host == *own
            || host
                .strip_prefix(own)
                .is_some_and(|rest| rest.starts_with(':'))
    });
    let is_plain = args.tls.scheme() == "http";
    (is_plain && !address.ip().is_loopback() && !is_of_this_machine).then(|| {
        format!(
            "passwords and tokens cross the network unencrypted: {address} is reached by {issuer}; \
             serve HTTPS with --tls-certificate and --tls-key, or have a proxy do it and name its \
             https URL with --issuer"
        )
    })
}

fn wrong(setting: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("{setting} cannot be used: {error}"))
}

fn signing(args: &ServeArgs) -> Result<Signing, Failure> {
    let schedule = key_schedule(&args.publication, args.key_rotation.0)?;
    Ok(match args.jwt_algorithm.asymmetric() {
        Some(algorithm) => Signing::Keys {
            algorithm,
            schedule,
        },
        None => Signing::Secret(shared_secret(args)?),
    })
}

fn lifetimes(args: &ServeArgs) -> Result<Lifetimes, Failure> {
    Lifetimes::try_new(args.session_idle, args.session_lifetime, args.refresh_grace).map_err(
        |error| {
            Failure::new(format!(
                "--session-idle, --session-lifetime and --refresh-grace cannot be used: {error}"
            ))
        },
    )
}

/// When keys follow each other, by these settings.
///
/// # Errors
/// A [`Failure`] that names the setting that is wrong.
pub fn key_schedule(
    publication: &PublicationArgs,
    rotation: Option<Duration>,
) -> Result<KeySchedule, Failure> {
    KeySchedule::try_new(publication.jwks_max_age, rotation).map_err(|error| {
        let flag = match error {
            InvalidSchedule::MaxAge => "--jwks-max-age",
            InvalidSchedule::Rotation => "--key-rotation",
        };
        Failure::new(format!("{flag} cannot be used: {error}"))
    })
}

fn shared_secret(args: &ServeArgs) -> Result<SharedSecret, Failure> {
    let secret = args.jwt_secret.as_ref().filter(|secret| is_given(secret)).ok_or_else(|| {
        Failure::new(
            "HS256 needs PASSGATE_JWT_SECRET: the secret of at least 32 bytes that the verifying \
             service has",
        )
    })?;
    SharedSecret::parse(secret)
        .map_err(|error| Failure::new(format!("PASSGATE_JWT_SECRET cannot be used: {error}")))
}

/// The password hasher of these settings.
///
/// # Errors
/// A [`Failure`] that names the setting that is wrong.
pub fn passwords(args: &PasswordArgs) -> Result<Passwords, Failure> {
    let arenas = args.hash_arenas.map_or_else(cores, NonZeroUsize::get);
    let mut builder = Passwords::builder()
        .cost(args.argon2)
        .arenas(arenas)
        .backend(args.hash_backend.into());
    if let Some(secret) = args.pepper.as_ref().filter(|secret| is_given(secret)) {
        builder = builder.pepper(pepper("PASSGATE_PEPPER", secret)?);
    }
    for secret in args
        .previous_pepper
        .iter()
        .filter(|secret| is_given(secret))
    {
        builder = builder.previous_pepper(pepper("PASSGATE_PREVIOUS_PEPPER", secret)?);
    }
    builder
        .build()
        .map_err(|error| Failure::new(format!("--argon2 or --hash-arenas: {error}")))
}

fn pepper(variable: &str, secret: &SecretString) -> Result<Pepper, Failure> {
    Pepper::from_secret(secret)
        .map_err(|error| Failure::new(format!("{variable} cannot be used: {error}")))
}

/// The password policy of these settings.
///
/// # Errors
/// A [`Failure`] that says what is wrong with the file of breached passwords.
pub fn policy(args: &PasswordArgs) -> Result<Policy, Failure> {
    let path = args.breached_passwords.as_ref();
    let breached = path.map(BreachedPasswords::open).transpose();
    let breached =
        breached.map_err(|error| Failure::new(format!("--breached-passwords: {error}")))?;
    let policy = Policy::default().min_chars(usize::from(args.password_min_length));
    Ok(match breached {
        Some(file) => policy.breached(file),
        None => policy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn warns(address: &str, flags: &[&str]) -> bool {
        let cost = ["passgate", "--argon2", "m=64,t=1,p=1"];
        let Flags { args } = Flags::try_parse_from([&cost[..], flags].concat()).unwrap();
        let address = address.parse().unwrap();
        let settings =
            Settings::check(&args, address).unwrap_or_else(|failure| panic!("{failure}"));
        warning_of_plain_http(&args, address, &settings.issuer).is_some()
    }

    #[test]
    fn http_that_others_reach_is_warned_of() {
        for (address, flags, is_warned_of) in [
            ("127.0.0.1:8000", &[][..], false),
            ("[::1]:8000", &[], false),
            ("192.0.2.7:8000", &[], true),
            ("0.0.0.0:8000", &["--issuer", "http://id.example.com"], true),
            (
                "0.0.0.0:8000",
                &["--issuer", "http://localhost.example.com"],
                true,
            ),
            (
                "0.0.0.0:8000",
                &["--issuer", "https://id.example.com"],
                false,
            ),
            ("[::]:8000", &["--issuer", "http://localhost:8000"], false),
            ("[::]:8000", &["--issuer", "http://[::1]:8000/a"], false),
            (
                "127.0.0.1:8000",
                &["--issuer", "http://id.example.com"],
                false,
            ),
            (
                "192.0.2.7:8000",
                &["--tls-certificate", "a", "--tls-key", "b"],
                false,
            ),
        ] {
            assert_eq!(warns(address, flags), is_warned_of, "{address} {flags:?}");
        }
    }
}
