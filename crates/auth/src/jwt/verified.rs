use std::collections::BTreeSet;
use std::sync::Arc;

use passgate_domain::{Role, ScopeSet};
use serde::Deserialize;
use thiserror::Error;
use time::OffsetDateTime;

use super::verify_error::quoted;
use super::{Kid, Subject, TokenMeta};

/// No claims beyond those that every token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct NoExtra {}

/// What a good token says. Comes out of a [`Verifier`](super::Verifier) and from nowhere else.
/// Cheap to clone.
#[derive(Debug)]
pub struct Verified<X = NoExtra>(Arc<Facts<X>>);

#[derive(Debug)]
pub(super) struct Facts<X> {
    pub(super) subject: Subject,
    pub(super) token_id: Box<str>,
    pub(super) session_id: Option<Box<str>>,
    pub(super) client_id: Option<Box<str>>,
    pub(super) scopes: ScopeSet,
    pub(super) roles: BTreeSet<Role>,
    pub(super) times: Times,
    pub(super) kid: Kid,
    pub(super) extra: X,
}

/// When a token was made, begins and ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) made: OffsetDateTime,
    pub(super) begins: OffsetDateTime,
    pub(super) ends: OffsetDateTime,
}

impl<X> Clone for Verified<X> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The token is good, and not for this.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Forbidden {
    /// It lacks a scope.
    #[error("The token lacks the scope {0}")]
    Scope(String),
    /// Its user lacks a role.
    #[error("The user lacks the role {0}")]
    Role(String),
}

impl Forbidden {
    /// The challenge of RFC 6750 section 3.1.
    pub fn www_authenticate(&self, realm: &str) -> String {
        let scope = match self {
            Self::Scope(scope) => format!(", scope=\"{}\"", quoted(scope)),
            Self::Role(_) => String::new(),
        };
        let realm = quoted(realm);
        format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\"{scope}")
    }
}

impl<X> Verified<X> {
    pub(super) fn new(facts: Facts<X>) -> Self {
        Self(Arc::new(facts))
    }

    #[cfg(feature = "token-cache")]
    pub(super) fn times(&self) -> Times {
        self.0.times
    }

    pub(super) fn meta(&self) -> TokenMeta<'_> {
        TokenMeta {
            subject: self.subject().as_str(),
            token_id: self.token_id(),
            session_id: self.session_id(),
            client_id: self.client_id(),
            issued_at: self.issued_at(),
            expires_at: self.expires_at(),
        }
    }

    /// Whom the token is about.
    pub fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// The token's own name, `jti`.
    pub fn token_id(&self) -> &str {
        &self.0.token_id
    }

    /// The session that the token belongs to, `sid`, where the issuer says so.
    pub fn session_id(&self) -> Option<&str> {
        self.0.session_id.as_deref()
    }

    /// The client that the token was given to.
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// What the token may be used for.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }

    /// What its user is.
    pub fn roles(&self) -> &BTreeSet<Role> {
        &self.0.roles
    }

    /// When it was made.
    pub fn issued_at(&self) -> OffsetDateTime {
        self.0.times.made
    }

    /// When it ends.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.0.times.ends
    }

    /// The key that signed it.
    pub fn kid(&self) -> &Kid {
        &self.0.kid
    }

    /// The application's own claims.
    pub fn extra(&self) -> &X {
        &self.0.extra
    }

    /// Whether the token may be used for something.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0.scopes.contains(scope)
    }

    /// Insists on a scope.
    ///
    /// # Errors
    /// [`Forbidden::Scope`] if the token lacks it.
    pub fn require_scope(&self, scope: &str) -> Result<(), Forbidden> {
        if self.has_scope(scope) {
            Ok(())
        } else {
            Err(Forbidden::Scope(scope.to_owned()))
        }
    }

    /// Insists on a role.
    ///
    /// # Errors
    /// [`Forbidden::Role`] if the user lacks it.
    pub fn require_role(&self, role: &str) -> Result<(), Forbidden> {
        if self.0.roles.iter().any(|held| held.as_str() == role) {
            Ok(())
        } else {
            Err(Forbidden::Role(role.to_owned()))
        }
    }
}
