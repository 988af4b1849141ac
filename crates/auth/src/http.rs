//! What both web frameworks answer, in the terms of neither.

use std::borrow::Cow;

use serde_json::json;
use thiserror::Error;

use crate::jwt::{Forbidden, Verified, VerifyError};

/// The scope of protection that a challenge names (RFC 9110 section 11.5).
const REALM: &str = "api";

/// The media type of what [`Rejection`] is rendered as (RFC 9457).
pub(crate) const PROBLEM: &str = "application/problem+json";

/// A scope as a type, for `Scoped`.
pub trait RequiredScope {
    /// The scope that the token has to have.
    const SCOPE: &'static str;
}

/// A role as a type, for `InRole`.
pub trait RequiredRole {
    /// The role that the user has to have.
    const ROLE: &'static str;
}

/// What a middleware insists on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    Token,
    Scope(&'static str),
    Role(&'static str),
}

impl Need {
    pub(crate) fn check<X>(self, verified: &Verified<X>) -> Result<(), Rejection> {
        match self {
            Self::Token => Ok(()),
            Self::Scope(scope) => Ok(verified.require_scope(scope)?),
            Self::Role(role) => Ok(verified.require_role(role)?),
        }
    }
}

/// Why a guard lets nobody pass.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no bearer token.
    #[error("The request has no bearer token")]
    Missing,
    /// Nobody can tell which of two tokens is meant.
    #[error("The Authorization header is given twice")]
    Twice,
    /// The token is refused, or cannot be judged just now.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// The token is good, and not for this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The service has a guard and no verifier. Its own fault, and never a pass.
    #[error("The service is not set up to check tokens")]
    NotConfigured,
}

impl Rejection {
    /// The service's own faults are logged, since the caller is not told about them. In axum,
    /// such a service does not compile.
    #[cfg(feature = "actix")]
    pub(crate) fn not_configured(wanted: &str) -> Self {
        tracing::error!(
            wanted,
            "a guard finds nothing to check tokens with: refused"
        );
        Self::NotConfigured
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Missing => 401,
            Self::Twice => 400,
            Self::Token(error) => error.status(),
            Self::Forbidden(_) => 403,
            Self::NotConfigured => 500,
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3).
    pub fn www_authenticate(&self) -> Option<String> {
        match self {
            // Without an error: the caller may not have known that a token is wanted.
            Self::Missing => Some(format!("Bearer realm=\"{REALM}\"")),
            Self::Twice => Some(format!(
                "Bearer realm=\"{REALM}\", error=\"invalid_request\", error_description=\"{self}\""
            )),
            Self::Token(error) => error.www_authenticate(REALM),
            Self::Forbidden(error) => Some(error.www_authenticate(REALM)),
            Self::NotConfigured => None,
        }
    }

    /// The seconds for `Retry-After`.
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Token(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The body (RFC 9457).
    pub fn body(&self) -> String {
        let title = match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        json!({
            "type": "about:blank",
            "title": title,
            "status": self.status(),
            "detail": self.to_string(),
        })
        .to_string()
    }

    /// The headers beside the body's.
    pub(crate) fn headers(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        let mut headers = vec![
            ("content-type", PROBLEM.into()),
            ("cache-control", "no-store".into()),
        ];
        if let Some(challenge) = self.www_authenticate() {
            headers.push(("www-authenticate", challenge.into()));
        }
        if let Some(seconds) = self.retry_after() {
            headers.push(("retry-after", seconds.to_string().into()));
        }
        headers
    }
}

/// The token of the `Authorization` headers (RFC 6750 section 2.1), if they have one. Another
/// scheme is nothing of ours.
pub(crate) fn bearer<'a>(
    mut values: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<&'a str>, Rejection> {
    const SCHEME: &str = "bearer";
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Rejection::Twice);
    }
    let malformed = Rejection::Token(VerifyError::Malformed);
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) {
        return Ok(None);
    }
    match rest {
        [] => Err(malformed),
        [b' ', ..] => std::str::from_utf8(rest)
            .map(|token| Some(token.trim_matches(' ')))
            .map_err(|_| malformed),
        // A longer word than `Bearer`.
        _ => Ok(None),
    }
}

/// Whether an `If-None-Match` names this entity tag, weakly compared (RFC 9110 section 13.1.2).
pub(crate) fn none_match(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.strip_prefix('"').and_then(|t| t.strip_suffix('"')) == Some(etag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(values: &[&'a str]) -> Result<Option<&'a str>, Rejection> {
        bearer(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn a_bearer_token_is_found() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c "] {
            assert_eq!(read(&[value]), Ok(Some("a.b.c")), "{value}");
        }
    }

    #[test]
    fn no_header_and_another_scheme_are_no_token() {
        for values in [&[][..], &[""], &["Basic a"], &["Bear"], &["Bearers a"]] {
            assert_eq!(read(values), Ok(None), "{values:?}");
        }
    }

    #[test]
    fn an_empty_token_is_malformed_and_two_are_one_too_many() {
        assert_eq!(
            read(&["Bearer"]),
            Err(Rejection::Token(VerifyError::Malformed))
        );
        assert_eq!(read(&["Bearer "]), Ok(Some("")));
        assert_eq!(read(&["Bearer a", "Bearer a"]), Err(Rejection::Twice));
        assert_eq!(read(&["Basic a", "Bearer a"]), Err(Rejection::Twice));
    }

    #[test]
    fn entity_tags_are_compared_weakly() {
        for same in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(none_match(same, "a"), "{same}");
        }
        for other in ["\"b\"", "a", "", "\"\"", "W/a"] {
            assert!(!none_match(other, "a"), "{other}");
        }
    }
}
