use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_domain::Clock;
use serde::de::DeserializeOwned;

#[cfg(feature = "token-cache")]
use super::cache::Cache;
use crate::jwt::claims::Claims;
use crate::jwt::header::Header;
use crate::jwt::verified::{Facts, Times};
use crate::jwt::{
    Audience, IssuerId, KeySet, KeySource, Kid, OnHookError, Revocation, Verified, VerifyError,
    VerifyingKey,
};

/// The longest token looked at, and made, in bytes.
pub(in crate::jwt) const MAX_TOKEN: usize = 8 * 1024;

/// What one issuer's tokens are held to.
pub(super) struct Rules<X> {
    pub(super) issuer: IssuerId,
    pub(super) audiences: Vec<Audience>,
    pub(super) keys: Box<dyn KeySource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) leeway: Duration,
    pub(super) max_life: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) hooks: Vec<(Box<dyn Revocation>, OnHookError)>,
    #[cfg(feature = "token-cache")]
    pub(super) cache: Option<Arc<dyn Cache<X>>>,
    pub(super) extra: PhantomData<fn() -> X>,
}

/// Why a token is refused, and the key that would have to be found for another answer.
pub(in crate::jwt) struct Refused {
    pub(in crate::jwt) error: VerifyError,
    pub(in crate::jwt) missing: Option<Kid>,
}

impl From<VerifyError> for Refused {
    fn from(error: VerifyError) -> Self {
        Self {
            error,
            missing: None,
        }
    }
}

impl<X: DeserializeOwned> Rules<X> {
    /// Everything but the hooks.
    pub(super) fn check(&self, token: &str) -> Result<Verified<X>, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(VerifyError::TooLong.into());
        }
        let keys = self.keys.snapshot();
        #[cfg(feature = "token-cache")]
        if let Some(cache) = &self.cache {
            let digest = crate::jwt::crypto::sha256(token.as_bytes());
            if let Some(verified) = cache.get(&digest, &keys) {
                self.check_times(verified.times())?;
                return Ok(verified);
            }
            let verified = self.check_afresh(token, &keys)?;
            cache.put(digest, keys, verified.clone());
            return Ok(verified);
        }
        self.check_afresh(token, &keys)
    }

    fn check_afresh(&self, token: &str, keys: &KeySet) -> Result<Verified<X>, Refused> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is that of one lifetime, and any header has to do"
        )]
        let Opened { key, decoded, at } = open(token, keys, |header| header.is_access_token())?;
        let (_, payload) = decoded.split_at(at);
        Ok(self.believe(payload, key.kid())?)
    }

    /// Checks the claims of a payload that is known to be the issuer's.
    fn believe(&self, payload: &[u8], kid: &Kid) -> Result<Verified<X>, VerifyError> {
        let claims = Claims::parse(payload)?;
        if claims.issuer()? != self.issuer.as_str() {
            return Err(VerifyError::WrongIssuer);
        }
        let ours = |aud: &str| self.audiences.iter().any(|own| own.as_str() == aud);
        if !claims.is_for(ours)? {
            return Err(VerifyError::WrongAudience);
        }
        let made = claims.issued_at()?;
        let times = Times {
            made,
            begins: claims.not_before()?.unwrap_or(made).max(made),
            ends: claims.expires_at()?,
        };
        self.check_times(times)?;
        Ok(Verified::new(Facts {
            subject: claims.subject()?,
            token_id: claims.token_id()?,
            session_id: claims.session_id(),
            client_id: claims.client_id()?,
            scopes: claims.scopes()?,
            roles: claims.roles()?,
            times,
            kid: kid.clone(),
            extra: serde_json::from_slice(payload).map_err(|_| VerifyError::BadExtra)?,
        }))
    }

    fn check_times(&self, times: Times) -> Result<(), VerifyError> {
        let now = self.clock.now();
        // Not added to the token's own time, which may be the calendar's last.
        if now - self.leeway >= times.ends {
            return Err(VerifyError::Expired);
        }
        if times.ends <= times.made {
            return Err(VerifyError::BadClaim("exp"));
        }
        if times.ends - times.made > self.max_life {
            return Err(VerifyError::LivesTooLong);
        }
        if times.begins - self.leeway > now {
            return Err(VerifyError::NotYetValid);
        }
        let age = now - times.made;
        let too_old = |oldest: Duration| age > oldest.saturating_add(self.leeway);
        if self.max_age.is_some_and(too_old) {
            return Err(VerifyError::TooOld);
        }
        Ok(())
    }

    pub(super) fn ask_hooks_now(&self, verified: &Verified<X>) -> Result<(), VerifyError> {
        for (hook, on_error) in &self.hooks {
            judge(hook.is_revoked_now(&verified.meta()).ok(), *on_error)?;
        }
        Ok(())
    }

    pub(super) async fn ask_hooks(&self, verified: &Verified<X>) -> Result<(), VerifyError> {
        for (hook, on_error) in &self.hooks {
            judge(hook.is_revoked(verified.meta()).await.ok(), *on_error)?;
        }
        Ok(())
    }
}

fn judge(revoked: Option<bool>, on_error: OnHookError) -> Result<(), VerifyError> {
    match (revoked, on_error) {
        (Some(true), _) => Err(VerifyError::Revoked),
        (None, OnHookError::Deny) => Err(VerifyError::RevocationUnavailable),
        (Some(false), _) | (None, OnHookError::Allow) => Ok(()),
    }
}

/// A token that one of the keys signed.
pub(in crate::jwt) struct Opened<'k> {
    pub(in crate::jwt) key: &'k VerifyingKey,
    /// Header and payload.
    pub(in crate::jwt) decoded: Vec<u8>,
    /// Where the payload begins.
    pub(in crate::jwt) at: usize,
}

/// Everything but the claims: form, header, key, algorithm, type and signature.
pub(in crate::jwt) fn open<'k>(
    token: &str,
    keys: &'k KeySet,
    is_right_type: impl FnOnce(&Header<'_>) -> bool,
) -> Result<Opened<'k>, Refused> {
    let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
    let mut decoded = Vec::with_capacity(signed.len());
    decode(header, &mut decoded)?;
    let at = decoded.len();
    decode(payload, &mut decoded)?;
    let header = Header::parse(decoded.split_at(at).0)?;
    let mut decoded_signature = Vec::with_capacity(signature.len());
    decode(signature, &mut decoded_signature)?;
    let Some(kid) = header.kid.as_deref() else {
        return Err(VerifyError::UnknownKey.into());
    };
    let Some(key) = keys.find(kid) else {
        let error = if keys.is_empty() {
            VerifyError::KeysUnavailable
        } else {
            VerifyError::UnknownKey
        };
        let missing = Kid::parse(kid).ok();
        return Err(Refused { error, missing });
    };
    if !key.is_for(&header.alg) {
        return Err(VerifyError::AlgorithmMismatch.into());
    }
    if !is_right_type(&header) {
        return Err(VerifyError::WrongType.into());
    }
    if !key.verifies(signed.as_bytes(), &decoded_signature) {
        return Err(VerifyError::BadSignature.into());
    }
    Ok(Opened { key, decoded, at })
}

/// Base64url without padding and without stray bits: one text for one signature.
fn decode(part: &str, into: &mut Vec<u8>) -> Result<(), VerifyError> {
    URL_SAFE_NO_PAD
        .decode_vec(part, into)
        .map_err(|_| VerifyError::Malformed)
}
