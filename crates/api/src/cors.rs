//! Which pages of other origins may read our answers (the CORS protocol of the Fetch standard):
//! none, unless their origins are named.
//!
//! Of our own, since errors are rendered outside of all middleware: what stands inside loses its
//! header fields there, and what stands outside would answer without a request id.

use std::str::FromStr;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use thiserror::Error;

/// What a page may send besides what it always may.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, X-Request-Id");

/// What a page may read besides what it always may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
);

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// How long browsers remember the answer to a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

const TRUE: HeaderValue = HeaderValue::from_static("true");

/// An origin as browsers write it: scheme, host, and the port if it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin(HeaderValue);

/// The text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an origin is written as browsers do, such as https://app.example.com or \
     http://localhost:5173: without a path, without the scheme's own port, in small letters, \
     each by itself and no `*`"
)]
pub struct InvalidOrigin;

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = text.parse().map_err(|_| InvalidOrigin)?;
        let (scheme, host) = uri.scheme_str().zip(uri.host()).ok_or(InvalidOrigin)?;
        let own_port = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return Err(InvalidOrigin),
        };
        let port = uri.port_u16().filter(|port| *port != own_port);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let written = format!("{scheme}://{}{port}", host.to_ascii_lowercase());
        if written != text || host.contains('*') {
            return Err(InvalidOrigin);
        }
        HeaderValue::from_str(text)
            .map(Self)
            .map_err(|_| InvalidOrigin)
    }
}

/// The origin of a request, if its pages may read the answer.
fn allowed<'a>(origins: &'a [AllowedOrigin], request: &HeaderMap) -> Option<&'a HeaderValue> {
    let mut given = request.get_all(header::ORIGIN);
    let origin = given.next().filter(|_| given.next().is_none())?;
    let mut allowed = origins.iter().map(|AllowedOrigin(allowed)| allowed);
    allowed.find(|allowed| *allowed == origin)
}

/// Answers a browser that asks whether a page may send a request. Who is not allowed is answered as
/// if nobody had heard of the protocol.
pub(crate) fn preflight(
    origins: &[AllowedOrigin],
    method: &Method,
    request: &HeaderMap,
) -> Option<HttpResponse> {
    if method != Method::OPTIONS || !request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    allowed(origins, request)?;
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE));
    Some(response.finish())
}

/// Tells browsers who may read an answer. With credentials, which are the cookie of a known device:
/// no cookie logs anybody in.
pub(crate) fn mark(origins: &[AllowedOrigin], request: &HeaderMap, answer: &mut HeaderMap) {
    if origins.is_empty() {
        return;
    }
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = allowed(origins, request) else {
        return;
    };
    let fields: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS),
    ];
    for (name, value) in fields {
        answer.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for good in [
            "https://app.example.com",
            "http://localhost:5173",
            "https://app.example.com:8443",
            "http://[::1]:3000",
            "http://192.0.2.7",
        ] {
            assert!(good.parse::<AllowedOrigin>().is_ok(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://*.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com?x",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://App.example.com",
            "https://user@app.example.com",
            "ftp://app.example.com",
            "https://a.example.com,https://b.example.com",
            "https://a.example.com https://b.example.com",
        ] {
            assert_eq!(bad.parse::<AllowedOrigin>(), Err(InvalidOrigin), "{bad}");
        }
    }
}
