use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_domain::{Clock, SystemClock};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::claims::Claims;
use super::header::Header;
use super::{Audience, IssuerId, KeySource, Kid, NoExtra, Ttl, Verified, VerifyError};

/// The longest token looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// How far the clocks of issuer and verifier may differ unless set otherwise.
const LEEWAY: Duration = Duration::from_secs(30);

/// How far they may be set to differ: beyond it, mend the clocks.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// Checks access tokens. Cheap to clone.
///
/// In this order: length, form, header, key by `kid`, the key's algorithm against the header's,
/// token type, signature, and only then the claims, every one of them by type and range.
#[derive(Clone)]
pub struct Verifier<X = NoExtra> {
    rules: Arc<Rules>,
    extra: PhantomData<fn() -> X>,
}

struct Rules {
    issuer: IssuerId,
    audience: Audience,
    keys: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    max_life: Duration,
}

impl<X: DeserializeOwned> Verifier<X> {
    /// A verifier of tokens that `issuer` made for `audience`, with 30 s of leeway for clocks
    /// and a life of at most 24 h.
    pub fn new(issuer: IssuerId, audience: Audience, keys: impl KeySource) -> Self {
        Self::builder(issuer, audience, keys).build()
    }

    /// A verifier whose rules are to be narrowed.
    pub fn builder(
        issuer: IssuerId,
        audience: Audience,
        keys: impl KeySource,
    ) -> VerifierBuilder<X> {
        VerifierBuilder {
            rules: Rules {
                issuer,
                audience,
                keys: Box::new(keys),
                clock: Arc::new(SystemClock),
                leeway: LEEWAY,
                max_life: Ttl::MAX,
            },
            extra: PhantomData,
        }
    }

    /// Checks a token, without I/O and without waiting.
    ///
    /// # Errors
    /// [`VerifyError`], the first rule that the token breaks.
    pub fn verify_now(&self, token: &str) -> Result<Verified<X>, VerifyError> {
        if token.len() > MAX_TOKEN {
            return Err(VerifyError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
        let header = Header::parse(&decode(header)?)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?;
        let keys = self.rules.keys.snapshot();
        if keys.is_empty() {
            return Err(VerifyError::KeysUnavailable);
        }
        let kid = header.kid.as_deref().ok_or(VerifyError::UnknownKey)?;
        let key = keys.find(kid).ok_or(VerifyError::UnknownKey)?;
        if !key.is_for(&header.alg) {
            return Err(VerifyError::AlgorithmMismatch);
        }
        if !header.is_access_token() {
            return Err(VerifyError::WrongType);
        }
        if !key.verifies(signed.as_bytes(), &signature) {
            return Err(VerifyError::BadSignature);
        }
        self.believe(&payload, key.kid())
    }

    /// Checks the claims of a payload that is known to be the issuer's.
    fn believe(&self, payload: &[u8], kid: &Kid) -> Result<Verified<X>, VerifyError> {
        let rules = &*self.rules;
        let claims = Claims::parse(payload)?;
        if claims.issuer()? != rules.issuer.as_str() {
            return Err(VerifyError::WrongIssuer);
        }
        if !claims.is_for(rules.audience.as_str())? {
            return Err(VerifyError::WrongAudience);
        }
        let (issued_at, expires_at) = rules.check_times(&claims)?;
        Ok(Verified {
            subject: claims.subject()?,
            token_id: claims.token_id()?,
            client_id: claims.client_id()?,
            scopes: claims.scopes()?,
            roles: claims.roles()?,
            issued_at,
            expires_at,
            kid: kid.clone(),
            extra: serde_json::from_slice(payload).map_err(|_| VerifyError::BadExtra)?,
        })
    }
}

impl Rules {
    fn check_times(
        &self,
        claims: &Claims,
    ) -> Result<(OffsetDateTime, OffsetDateTime), VerifyError> {
        let now = self.clock.now();
        let (issued_at, expires_at) = (claims.issued_at()?, claims.expires_at()?);
        // Not added to the token's own time, which may be the calendar's last.
        if now - self.leeway >= expires_at {
            return Err(VerifyError::Expired);
        }
        if expires_at <= issued_at {
            return Err(VerifyError::BadClaim("exp"));
        }
        if expires_at - issued_at > self.max_life {
            return Err(VerifyError::LivesTooLong);
        }
        let begins_at = claims.not_before()?.unwrap_or(issued_at).max(issued_at);
        if begins_at - self.leeway > now {
            return Err(VerifyError::NotYetValid);
        }
        Ok((issued_at, expires_at))
    }
}

/// Base64url without padding and without stray bits: one text for one signature.
fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| VerifyError::Malformed)
}

impl<X> fmt::Debug for Verifier<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.rules.issuer)
            .field("audience", &self.rules.audience)
            .finish_non_exhaustive()
    }
}

/// Rules that can only become narrower.
#[must_use = "a verifier is made by `build`"]
pub struct VerifierBuilder<X> {
    rules: Rules,
    extra: PhantomData<fn() -> X>,
}

impl<X: DeserializeOwned> VerifierBuilder<X> {
    /// How far the clocks of issuer and verifier may differ; at most five minutes.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// The longest life that a token may have; at most a day.
    pub fn max_life(mut self, life: Ttl) -> Self {
        self.rules.max_life = self.rules.max_life.min(life.get());
        self
    }

    /// Another clock than the operating system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.rules.clock = clock;
        self
    }

    /// Makes the verifier.
    pub fn build(self) -> Verifier<X> {
        Verifier {
            rules: Arc::new(self.rules),
            extra: PhantomData,
        }
    }
}
