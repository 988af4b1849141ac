//! Connection strings of libpq, in both of their forms.
//!
//! They are extended as texts and otherwise left to libpq, which alone knows several hosts,
//! `target_session_attrs`, services and password files.

use secrecy::{ExposeSecret, SecretString};

/// How long to wait for one host, in seconds. libpq's own default is the kernel's: minutes.
const CONNECT_TIMEOUT: &str = "5";

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

/// Adds what we want of every connection and the operator has not decided.
pub(crate) fn with_defaults(url: &SecretString) -> SecretString {
    let named = with(url, "fallback_application_name", "passgate");
    if url.expose_secret().contains("connect_timeout") {
        named
    } else {
        with(&named, "connect_timeout", CONNECT_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(url: &str) -> String {
        with_defaults(&url.to_owned().into())
            .expose_secret()
            .to_owned()
    }

    #[test]
    fn both_forms_are_extended() {
        for (url, expected) in [
            (
                "postgres://u:p@h/d",
                "postgres://u:p@h/d?fallback_application_name=passgate&connect_timeout=5",
            ),
            (
                "postgresql://h1,h2/d?target_session_attrs=read-write",
                "postgresql://h1,h2/d?target_session_attrs=read-write\
                 &fallback_application_name=passgate&connect_timeout=5",
            ),
            (
                "host=h dbname=d",
                "host=h dbname=d fallback_application_name=passgate connect_timeout=5",
            ),
        ] {
            assert_eq!(extended(url), expected);
        }
    }

    #[test]
    fn the_operators_timeout_stays() {
        let url = "postgres://h/d?connect_timeout=60";
        assert_eq!(
            extended(url),
            format!("{url}&fallback_application_name=passgate")
        );
    }
}
