use std::collections::BTreeSet;

use passgate_domain::{Role, ScopeSet};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{Subject, VerifyError};

/// The claims that every access token has, before any is believed. A claim given twice is an
/// error (RFC 7519 section 4).
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: Option<Value>,
    sub: Option<Value>,
    aud: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    iat: Option<Value>,
    jti: Option<Value>,
    client_id: Option<Value>,
    scope: Option<Value>,
    roles: Option<Value>,
}

/// The last second of the year 9999, where RFC 3339 ends.
const LAST_SECOND: f64 = 253_402_300_799.0;

impl Claims {
    pub(super) fn parse(json: &[u8]) -> Result<Self, VerifyError> {
        serde_json::from_slice(json).map_err(|_| VerifyError::Malformed)
    }

    /// The issuer: one string. An array would mean "any of", which is no issuer.
    pub(super) fn issuer(&self) -> Result<&str, VerifyError> {
        text(self.iss.as_ref(), "iss")
    }

    /// Whether the token is for `wanted`: a string, or an array of nothing but strings.
    pub(super) fn is_for(&self, wanted: &str) -> Result<bool, VerifyError> {
        match self.aud.as_ref().ok_or(VerifyError::MissingClaim("aud"))? {
            Value::String(one) => Ok(one == wanted),
            Value::Array(many) if many.iter().all(Value::is_string) => {
                Ok(many.iter().any(|one| one == wanted))
            }
            _ => Err(VerifyError::BadClaim("aud")),
        }
    }

    pub(super) fn expires_at(&self) -> Result<OffsetDateTime, VerifyError> {
        time(self.exp.as_ref(), "exp")
    }

    pub(super) fn issued_at(&self) -> Result<OffsetDateTime, VerifyError> {
        time(self.iat.as_ref(), "iat")
    }

    /// `nbf` may be left out.
    pub(super) fn not_before(&self) -> Result<Option<OffsetDateTime>, VerifyError> {
        self.nbf
            .as_ref()
            .map(|nbf| time(Some(nbf), "nbf"))
            .transpose()
    }

    pub(super) fn subject(&self) -> Result<Subject, VerifyError> {
        let sub = text(self.sub.as_ref(), "sub")?;
        Subject::parse(sub).map_err(|_| VerifyError::BadClaim("sub"))
    }

    pub(super) fn token_id(&self) -> Result<String, VerifyError> {
        match text(self.jti.as_ref(), "jti")? {
            "" => Err(VerifyError::BadClaim("jti")),
            jti => Ok(jti.to_owned()),
        }
    }

    pub(super) fn client_id(&self) -> Result<Option<String>, VerifyError> {
        let Some(client_id) = &self.client_id else {
            return Ok(None);
        };
        text(Some(client_id), "client_id").map(|text| Some(text.to_owned()))
    }

    pub(super) fn scopes(&self) -> Result<ScopeSet, VerifyError> {
        let Some(scope) = &self.scope else {
            return Ok(ScopeSet::default());
        };
        ScopeSet::parse(text(Some(scope), "scope")?).map_err(|_| VerifyError::BadClaim("scope"))
    }

    pub(super) fn roles(&self) -> Result<BTreeSet<Role>, VerifyError> {
        let bad = VerifyError::BadClaim("roles");
        match &self.roles {
            None => Ok(BTreeSet::new()),
            Some(Value::Array(roles)) => roles
                .iter()
                .map(|role| Role::parse(role.as_str().ok_or(bad)?).map_err(|_| bad))
                .collect(),
            Some(_) => Err(bad),
        }
    }
}

fn text<'a>(claim: Option<&'a Value>, name: &'static str) -> Result<&'a str, VerifyError> {
    let claim = claim.ok_or(VerifyError::MissingClaim(name))?;
    claim.as_str().ok_or(VerifyError::BadClaim(name))
}

/// A `NumericDate` (RFC 7519 section 2): seconds since 1970, fractions allowed, and within the
/// years that have a calendar.
fn time(claim: Option<&Value>, name: &'static str) -> Result<OffsetDateTime, VerifyError> {
    let claim = claim.ok_or(VerifyError::MissingClaim(name))?;
    let seconds = claim.as_f64().ok_or(VerifyError::BadClaim(name))?;
    if !(0.0..=LAST_SECOND).contains(&seconds) {
        return Err(VerifyError::BadClaim(name));
    }
    Ok(OffsetDateTime::UNIX_EPOCH + time::Duration::seconds_f64(seconds))
}
