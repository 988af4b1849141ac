use std::collections::BTreeSet;

use passgate_domain::{Role, ScopeSet};
use serde::Deserialize;
use time::OffsetDateTime;

use super::claim::{Audiences, Claim, Number, RoleNames};
use super::text::Text;
use super::{Subject, VerifyError};

/// The claims that every access token has, before any is believed, borrowed from the token. A
/// claim given twice is an error (RFC 7519 section 4), and so is one entry of `roles` that is no role:
/// without it, the user might be allowed what the issuer did not mean.
#[derive(Debug, Deserialize)]
pub(super) struct Claims<'a> {
    #[serde(borrow, default)]
    iss: Claim<Text<'a>>,
    #[serde(borrow, default)]
    sub: Claim<Text<'a>>,
    #[serde(borrow, default)]
    aud: Claim<Audiences<'a>>,
    #[serde(default)]
    exp: Claim<Number>,
    #[serde(default)]
    nbf: Claim<Number>,
    #[serde(default)]
    iat: Claim<Number>,
    #[serde(borrow, default)]
    jti: Claim<Text<'a>>,
    #[serde(borrow, default)]
    client_id: Claim<Text<'a>>,
    #[serde(borrow, default)]
    sid: Claim<Text<'a>>,
    #[serde(borrow, default)]
    scope: Claim<Text<'a>>,
    #[serde(borrow, default)]
    roles: Claim<RoleNames<'a>>,
}

/// The last second of the year 9999, where RFC 3339 ends.
const LAST_SECOND: f64 = 253_402_300_799.0;

impl<'a> Claims<'a> {
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, VerifyError> {
        serde_json::from_slice(json).map_err(|_| VerifyError::Malformed)
    }

    /// The issuer: one string. An array would mean "any of", which is no issuer.
    pub(super) fn issuer(&self) -> Result<&str, VerifyError> {
        self.iss.required("iss").map(|iss| &**iss)
    }

    /// Whether the token is for somebody of `wanted`: a string, or an array of nothing but
    /// strings.
    pub(super) fn is_for(&self, wanted: impl Fn(&str) -> bool) -> Result<bool, VerifyError> {
        Ok(match self.aud.required("aud")? {
            Audiences::One(one) => wanted(one),
            Audiences::Many(many) => many.iter().any(|one| wanted(one)),
        })
    }

    pub(super) fn expires_at(&self) -> Result<OffsetDateTime, VerifyError> {
        time(*self.exp.required("exp")?, "exp")
    }

    pub(super) fn issued_at(&self) -> Result<OffsetDateTime, VerifyError> {
        time(*self.iat.required("iat")?, "iat")
    }

    /// `nbf` may be left out.
    pub(super) fn not_before(&self) -> Result<Option<OffsetDateTime>, VerifyError> {
        self.nbf
            .optional("nbf")?
            .map(|nbf| time(*nbf, "nbf"))
            .transpose()
    }

    pub(super) fn subject(&self) -> Result<Subject, VerifyError> {
        let sub = self.sub.required("sub")?;
        Subject::parse(sub).map_err(|_| VerifyError::BadClaim("sub"))
    }

    pub(super) fn token_id(&self) -> Result<Box<str>, VerifyError> {
        match &**self.jti.required("jti")? {
            "" => Err(VerifyError::BadClaim("jti")),
            jti => Ok(jti.into()),
        }
    }

    pub(super) fn client_id(&self) -> Result<Option<Box<str>>, VerifyError> {
        let client_id = self.client_id.optional("client_id")?;
        Ok(client_id.map(|text| (**text).into()))
    }

    /// The session of OpenID Connect, whose issuers all write a string. Another type is none of
    /// ours to judge.
    pub(super) fn session_id(&self) -> Option<Box<str>> {
        let sid = self.sid.optional("sid").ok().flatten();
        sid.map(|text| (**text).into())
    }

    pub(super) fn scopes(&self) -> Result<ScopeSet, VerifyError> {
        let Some(scope) = self.scope.optional("scope")? else {
            return Ok(ScopeSet::default());
        };
        ScopeSet::parse(scope).map_err(|_| VerifyError::BadClaim("scope"))
    }

    pub(super) fn roles(&self) -> Result<BTreeSet<Role>, VerifyError> {
        let bad = VerifyError::BadClaim("roles");
        let Some(RoleNames(names)) = self.roles.optional("roles")? else {
            return Ok(BTreeSet::new());
        };
        names
            .iter()
            .map(|name| Role::parse(name).map_err(|_| bad))
            .collect()
    }
}

/// Only the issuer, before anything is believed: to find whose rules apply.
pub(super) fn issuer_of(json: &[u8]) -> Result<String, VerifyError> {
    #[derive(Deserialize)]
    struct Issuer<'a> {
        #[serde(borrow, default)]
        iss: Claim<Text<'a>>,
    }
    let claims: Issuer<'_> = serde_json::from_slice(json).map_err(|_| VerifyError::Malformed)?;
    claims.iss.required("iss").map(|iss| (**iss).to_owned())
}

/// A `NumericDate` (RFC 7519 section 2): seconds since 1970, fractions allowed, and within the
/// years that have a calendar.
fn time(Number(seconds): Number, name: &'static str) -> Result<OffsetDateTime, VerifyError> {
    if !(0.0..=LAST_SECOND).contains(&seconds) {
        return Err(VerifyError::BadClaim(name));
    }
    Ok(OffsetDateTime::UNIX_EPOCH + time::Duration::seconds_f64(seconds))
}
