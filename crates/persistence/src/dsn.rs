//! Connection strings of libpq, in both of their forms.
//!
//! They are extended as texts and otherwise left to libpq, which alone knows several hosts,
//! `target_session_attrs`, services and password files.

use secrecy::{ExposeSecret, SecretString};

/// What we want of every connection and the operator has not decided. libpq's own defaults are the
/// kernel's: minutes until a host that does not answer is given up, hours until one is that has
/// gone without a word.
const DEFAULTS: [(&str, &str); 6] = [
    ("fallback_application_name", "passgate"),
    // Seconds, for one host.
    ("connect_timeout", "3"),
    // Milliseconds.
    ("tcp_user_timeout", "10000"),
    // Seconds: gone is who does not answer within 10 + 3 * 3.
    ("keepalives_idle", "10"),
    ("keepalives_interval", "3"),
    ("keepalives_count", "3"),
];

/// Adds a parameter; it overrides an earlier one of its name.
pub(crate) fn with(url: &SecretString, name: &str, value: &str) -> SecretString {
    let text = url.expose_secret();
    let is_uri = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    if is_uri {
        let separator = if text.contains('?') { '&' } else { '?' };
        return format!("{text}{separator}{name}={value}").into();
    }
    format!("{text} {name}={value}").into()
}

/// Adds the defaults.
pub(crate) fn with_defaults(url: &SecretString) -> SecretString {
    let is_open = |name: &str| !url.expose_secret().contains(name);
    DEFAULTS
        .iter()
        .filter(|(name, _)| is_open(name))
        .fold(url.clone(), |url, (name, value)| with(&url, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(url: &str) -> String {
        with_defaults(&url.to_owned().into())
            .expose_secret()
            .to_owned()
    }

    const URI: &str = "fallback_application_name=passgate&connect_timeout=3&tcp_user_timeout=10000\
                       &keepalives_idle=10&keepalives_interval=3&keepalives_count=3";

    #[test]
    fn both_forms_are_extended() {
        assert_eq!(
            extended("postgres://u:p@h/d"),
            format!("postgres://u:p@h/d?{URI}")
        );
        let several = "postgresql://h1,h2/d?target_session_attrs=read-write";
        assert_eq!(extended(several), format!("{several}&{URI}"));
        let pairs = URI.replace('&', " ");
        assert_eq!(
            extended("host=h dbname=d"),
            format!("host=h dbname=d {pairs}")
        );
    }

    #[test]
    fn what_the_operator_decided_stays() {
        let url = "postgres://h/d?connect_timeout=60";
        assert_eq!(
            extended(url),
            format!("{url}&{}", URI.replace("connect_timeout=3&", ""))
        );
    }
}
