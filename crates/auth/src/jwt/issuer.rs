use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_domain::{Clock, Role, ScopeSet};
use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use super::header::{ACCESS_TOKEN, NewHeader};
use super::verifier::MAX_TOKEN;
use super::{Audience, InvalidName, IssuerId, KeyRing, SigningKey, Subject, Ttl};

/// What signs: the active key of a ring, or a shared secret.
#[derive(Debug, Clone)]
pub struct Signer(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Ring(KeyRing),
    #[cfg(feature = "shared-secret")]
    Shared(super::SharedSecret),
}

impl From<KeyRing> for Signer {
    fn from(ring: KeyRing) -> Self {
        Self(Kind::Ring(ring))
    }
}

#[cfg(feature = "shared-secret")]
impl From<super::SharedSecret> for Signer {
    fn from(secret: super::SharedSecret) -> Self {
        Self(Kind::Shared(secret))
    }
}

/// Why no token was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The subject cannot be one.
    #[error("the subject of a token cannot be used: {0}")]
    Subject(#[from] InvalidName),
    /// The application's claims are no JSON object.
    #[error("the application's claims do not serialise to a JSON object")]
    NotAnObject,
    /// The application's claims have a name that the issuer sets itself.
    #[error("the application must not set the claim {0}")]
    Collision(String),
    /// The token would be longer than any that a verifier looks at.
    #[error("the token would have {0} bytes, and no verifier reads more than {MAX_TOKEN}")]
    TooLong(usize),
    /// There is no key to sign with just now.
    #[error(
        "there is no key to sign with: the keys were not read for too long, or cannot be opened"
    )]
    KeysUnavailable,
    /// The cryptographic library failed.
    #[error("the token could not be signed")]
    Sign,
}

/// Makes access tokens in the form of RFC 9068.
#[derive(Clone)]
pub struct Issuer {
    id: IssuerId,
    signer: Signer,
    ttl: Ttl,
    clock: Arc<dyn Clock>,
}

impl Issuer {
    /// An issuer whose tokens live for `ttl`.
    pub fn new(id: IssuerId, signer: impl Into<Signer>, ttl: Ttl, clock: Arc<dyn Clock>) -> Self {
        Self {
            id,
            signer: signer.into(),
            ttl,
            clock,
        }
    }

    /// Who this is.
    pub fn id(&self) -> &IssuerId {
        &self.id
    }

    /// Looks whether a token can be signed just now, before anything is changed for its sake.
    ///
    /// # Errors
    /// [`IssueError::KeysUnavailable`].
    pub fn ready(&self) -> Result<(), IssueError> {
        self.signer.hold(self.clock.now()).map(drop)
    }

    /// Begins a token about somebody, for somebody.
    pub fn access<'a>(&'a self, subject: &'a Subject, audience: &'a Audience) -> Mint<'a> {
        Mint {
            issuer: self,
            subject,
            audience,
            ttl: self.ttl,
            scope: None,
            roles: None,
            client_id: None,
            made_at: None,
            extra: Ok(Map::new()),
        }
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("id", &self.id)
            .field("signer", &self.signer)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// A token in the making.
#[must_use = "a token is made by `sign`"]
pub struct Mint<'a> {
    issuer: &'a Issuer,
    subject: &'a Subject,
    audience: &'a Audience,
    ttl: Ttl,
    scope: Option<&'a ScopeSet>,
    roles: Option<&'a BTreeSet<Role>>,
    client_id: Option<&'a str>,
    made_at: Option<OffsetDateTime>,
    extra: Result<Map<String, Value>, IssueError>,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a BTreeSet<Role>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// The claims that the issuer sets, whether it does in this token or not.
const OWN_CLAIMS: [&str; 10] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "client_id",
    "scope",
    "roles",
];

impl<'a> Mint<'a> {
    /// What the token may be used for.
    pub fn scope(mut self, scope: &'a ScopeSet) -> Self {
        self.scope = Some(scope);
        self
    }

    /// What its user is.
    pub fn roles(mut self, roles: &'a BTreeSet<Role>) -> Self {
        self.roles = Some(roles);
        self
    }

    /// The client that it is given to.
    pub fn client_id(mut self, client_id: &'a str) -> Self {
        self.client_id = Some(client_id);
        self
    }

    /// Makes the token say that it was made at another time, a little later than now.
    #[cfg(feature = "flows")]
    pub(crate) fn made_at(mut self, made_at: OffsetDateTime) -> Self {
        self.made_at = Some(made_at);
        self
    }

    /// Makes the token live shorter than the issuer's others; a longer life changes nothing.
    pub fn shorten(mut self, ttl: Ttl) -> Self {
        self.ttl = self.ttl.min(ttl);
        self
    }

    /// The application's own claims, from anything that serialises to a JSON object.
    pub fn extra(mut self, claims: &impl Serialize) -> Self {
        self.extra = match serde_json::to_value(claims) {
            Ok(Value::Object(claims)) => Ok(claims),
            _ => Err(IssueError::NotAnObject),
        };
        self
    }

    /// Makes the token.
    ///
    /// # Errors
    /// [`IssueError`] if the application's claims cannot be taken, all claims together are more than
    /// a token may have, or the library fails.
    pub fn sign(self) -> Result<Minted, IssueError> {
        let extra = self.extra?;
        if let Some(name) = OWN_CLAIMS.iter().find(|name| extra.contains_key(**name)) {
            return Err(IssueError::Collision((*name).to_owned()));
        }
        let token_id = Uuid::new_v4().to_string();
        let now = self.issuer.clock.now();
        let held = self.issuer.signer.hold(now)?;
        let now = self.made_at.unwrap_or(now);
        let now = now.replace_nanosecond(0).map_err(|_| IssueError::Sign)?;
        let expires_at = now + self.ttl.get();
        let claims = NewClaims {
            iss: self.issuer.id.as_str(),
            sub: self.subject.as_str(),
            aud: self.audience.as_str(),
            exp: expires_at.unix_timestamp(),
            iat: now.unix_timestamp(),
            nbf: now.unix_timestamp(),
            jti: &token_id,
            client_id: self.client_id,
            scope: self.scope.map(ToString::to_string),
            roles: self.roles,
            extra,
        };
        let token = sign(&held, &claims)?;
        Ok(Minted {
            token,
            token_id,
            expires_at,
            expires_in: self.ttl.get(),
        })
    }
}

impl Signer {
    /// Takes the key for one token: the ring may exchange it meanwhile.
    fn hold(&self, now: OffsetDateTime) -> Result<Held, IssueError> {
        Ok(match &self.0 {
            Kind::Ring(ring) => Held::Key(ring.signer(now)?),
            #[cfg(feature = "shared-secret")]
            Kind::Shared(secret) => Held::Shared(secret.clone()),
        })
    }
}

/// One key, for header and signature of one token.
enum Held {
    Key(Arc<SigningKey>),
    #[cfg(feature = "shared-secret")]
    Shared(super::SharedSecret),
}

fn sign(held: &Held, claims: &NewClaims<'_>) -> Result<String, IssueError> {
    let (alg, kid) = match held {
        Held::Key(key) => (key.algorithm().as_str(), key.kid()),
        #[cfg(feature = "shared-secret")]
        Held::Shared(secret) => ("HS256", secret.kid()),
    };
    let header = NewHeader {
        alg,
        kid: kid.as_str(),
        typ: ACCESS_TOKEN,
    };
    let mut token = encode(&header)?;
    token.push('.');
    token.push_str(&encode(claims)?);
    let signature = match held {
        Held::Key(key) => key.sign(token.as_bytes()),
        #[cfg(feature = "shared-secret")]
        Held::Shared(secret) => secret.sign(token.as_bytes()),
    }
    .ok_or(IssueError::Sign)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    if token.len() > MAX_TOKEN {
        return Err(IssueError::TooLong(token.len()));
    }
    Ok(token)
}

fn encode(part: &impl Serialize) -> Result<String, IssueError> {
    let json = serde_json::to_vec(part).map_err(|_| IssueError::NotAnObject)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// A token that was made. Redacted in `Debug`.
pub struct Minted {
    token: String,
    token_id: String,
    expires_at: OffsetDateTime,
    expires_in: Duration,
}

impl Minted {
    /// The token, to be sent to its holder and kept nowhere.
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// The token's own name, `jti`.
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// When it ends.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    /// How long it lives.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted")
            .field("token_id", &self.token_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
