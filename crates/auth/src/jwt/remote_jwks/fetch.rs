use std::error::Error;
use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use super::JwksError;
use crate::jwt::crypto::sha256;
use crate::jwt::{Algorithm, KeySet, Skipped};

/// What tells one answer from another.
#[derive(Clone)]
pub(super) struct Seen {
    etag: Option<HeaderValue>,
    digest: [u8; 32],
}

/// How often a redirect is followed, each time to the same host.
const MAX_REDIRECTS: usize = 3;

/// Within these bounds an issuer's `Cache-Control: max-age` says when to ask again.
const MIN_AGE: Duration = Duration::from_mins(1);
const MAX_AGE: Duration = Duration::from_hours(1);

/// What an answer brings.
pub(super) enum Fetched {
    Unchanged {
        fresh_for: Duration,
    },
    New {
        keys: KeySet,
        skipped: Vec<Skipped>,
        seen: Seen,
        fresh_for: Duration,
    },
}

pub(super) struct Fetcher {
    client: Client,
    url: Url,
    timeout: Duration,
    max_body: usize,
    algorithms: Vec<Algorithm>,
    refresh_every: Duration,
}

impl Fetcher {
    pub(super) fn new(
        url: &str,
        timeout: Duration,
        max_body: usize,
        algorithms: Vec<Algorithm>,
        refresh_every: Duration,
    ) -> Result<Self, JwksError> {
        let url = Url::parse(url).map_err(|error| JwksError::Url(error.to_string()))?;
        let loopback = is_loopback(&url);
        if !(url.scheme() == "https" || url.scheme() == "http" && loopback) {
            return Err(JwksError::Url("it is neither".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(JwksError::Url("it has a password in it".to_owned()));
        }
        let mut client = Client::builder()
            .redirect(same_host_only())
            .connect_timeout(timeout)
            .user_agent(concat!("passgate-auth/", env!("CARGO_PKG_VERSION")));
        if loopback {
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|error| JwksError::Client(chain(&error)))?;
        Ok(Self {
            client,
            url,
            timeout,
            max_body,
            algorithms,
            refresh_every,
        })
    }

    /// The wait until the next fetch after one with this answer.
    fn fresh_for(&self, headers: &HeaderMap) -> Duration {
        let Some(max_age) = max_age(headers) else {
            return self.refresh_every;
        };
        max_age.saturating_sub(age(headers)).clamp(MIN_AGE, MAX_AGE)
    }

    /// Asks once. All of it, to the last byte of the body, has to fit into the time.
    pub(super) async fn fetch(&self, known: Option<&Seen>) -> Result<Fetched, JwksError> {
        tokio::time::timeout(self.timeout, self.ask(known))
            .await
            .unwrap_or(Err(JwksError::Timeout(self.timeout)))
    }

    async fn ask(&self, known: Option<&Seen>) -> Result<Fetched, JwksError> {
        let mut request = self.client.get(self.url.clone());
        if let Some(etag) = known.and_then(|seen| seen.etag.as_ref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let fresh_for = self.fresh_for(response.headers());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if known.is_some() => {
                return Ok(Fetched::Unchanged { fresh_for });
            }
            other => return Err(JwksError::Status(other.as_u16())),
        }
        let etag = response.headers().get(ETAG).cloned();
        let body = self.read(response).await?;
        let digest = sha256(&body);
        // The same keys stay the same snapshot: a cache of tokens outlives this.
        if known.is_some_and(|seen| seen.digest == digest) {
            return Ok(Fetched::Unchanged { fresh_for });
        }
        let (keys, skipped) =
            KeySet::from_jwks(&body, &self.algorithms).map_err(|_| JwksError::NotJwks)?;
        if keys.is_empty() {
            return Err(JwksError::NoKeys(skipped));
        }
        Ok(Fetched::New {
            keys,
            skipped,
            seen: Seen { etag, digest },
            fresh_for,
        })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, JwksError> {
        let too_large = JwksError::TooLarge(self.max_body);
        let announced = response.content_length().map(usize::try_from);
        if announced.is_some_and(|length| length.is_ok_and(|length| length > self.max_body)) {
            return Err(too_large);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error))?
        {
            if body.len() + chunk.len() > self.max_body {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn failed(&self, error: &reqwest::Error) -> JwksError {
        if error.is_redirect() {
            JwksError::Redirect
        } else if error.is_timeout() {
            JwksError::Timeout(self.timeout)
        } else {
            JwksError::Transport(chain(error))
        }
    }
}

/// An error with its causes: the outermost of an HTTP client says next to nothing.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

fn same_host_only() -> Policy {
    Policy::custom(|attempt| {
        let first = attempt.previous().first();
        if attempt.previous().len() > MAX_REDIRECTS
            || first.map(Url::origin) != Some(attempt.url().origin())
        {
            return attempt.error("not followed");
        }
        attempt.follow()
    })
}

/// `no-store` and `no-cache` want to be asked each time, which the bounds make a minute of.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let text: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let mut directives = text.iter().flat_map(|text| text.split(',')).map(str::trim);
    let always = |directive: &str| {
        ["no-store", "no-cache"]
            .iter()
            .any(|name| directive.eq_ignore_ascii_case(name))
    };
    if directives.clone().any(always) {
        return Some(Duration::ZERO);
    }
    directives.find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("max-age");
        let seconds = seconds.trim().trim_matches('"').parse().ok()?;
        is_it.then_some(Duration::from_secs(seconds))
    })
}

/// How long a cache on the way kept the answer (RFC 9111 section 5.1).
fn age(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(AGE).and_then(|age| age.to_str().ok());
    let seconds = seconds.and_then(|age| age.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetcher(url: &str) -> Result<Fetcher, JwksError> {
        let second = Duration::from_secs(1);
        Fetcher::new(url, second, 9, Vec::new(), Duration::from_mins(10))
    }

    #[test]
    fn keys_come_by_https_or_from_this_machine() {
        for good in [
            "https://id.example/jwks",
            "http://127.0.0.1:8080/jwks",
            "http://[::1]/jwks",
            "http://localhost/jwks",
        ] {
            assert!(fetcher(good).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example/jwks",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://10.0.0.1/",
            "ftp://localhost/jwks",
            "file:///etc/jwks",
            "https://user:secret@id.example/jwks",
            "jwks.json",
            "",
        ] {
            let error = fetcher(bad).err();
            assert!(matches!(error, Some(JwksError::Url(_))), "{bad}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }

    #[test]
    fn the_issuers_cache_control_counts_within_bounds() {
        let fetcher = fetcher("https://id.example/jwks").unwrap();
        let minutes = |header: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static(header));
            }
            fetcher.fresh_for(&headers).as_secs() / 60
        };
        for (header, expected) in [
            (None, 10),
            (Some("public"), 10),
            (Some("public, max-age=300"), 5),
            (Some("Max-Age=\"300\""), 5),
            (Some("max-age=5"), 1),
            (Some("max-age=99999999"), 60),
            (Some("max-age=99999999999999999999999"), 10),
            (Some("no-store"), 1),
            (Some("no-cache, max-age=3000"), 1),
        ] {
            assert_eq!(minutes(header), expected, "{header:?}");
        }
    }

    #[test]
    fn what_a_cache_on_the_way_kept_is_fresh_for_less() {
        let fetcher = fetcher("https://id.example/jwks").unwrap();
        for (age, minutes) in [
            ("0", 30),
            ("600", 20),
            ("1800", 1),
            ("99999", 1),
            ("-1", 30),
            ("soon", 30),
        ] {
            let headers = [(CACHE_CONTROL, "max-age=1800"), (AGE, age)];
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            let fresh_for = fetcher.fresh_for(&HeaderMap::from_iter(headers));
            assert_eq!(fresh_for.as_secs() / 60, minutes, "{age}");
        }
    }
}
