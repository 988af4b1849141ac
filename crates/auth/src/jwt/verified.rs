use std::collections::BTreeSet;

use passgate_domain::{Role, ScopeSet};
use serde::Deserialize;
use thiserror::Error;
use time::OffsetDateTime;

use super::{Kid, Subject};

/// No claims beyond those that every token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct NoExtra {}

/// What a good token says. Comes out of a [`Verifier`](super::Verifier) and from nowhere else.
#[derive(Debug, Clone)]
pub struct Verified<X = NoExtra> {
    pub(super) subject: Subject,
    pub(super) token_id: String,
    pub(super) client_id: Option<String>,
    pub(super) scopes: ScopeSet,
    pub(super) roles: BTreeSet<Role>,
    pub(super) issued_at: OffsetDateTime,
    pub(super) expires_at: OffsetDateTime,
    pub(super) kid: Kid,
    pub(super) extra: X,
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
            Self::Scope(scope) => format!(", scope=\"{scope}\""),
            Self::Role(_) => String::new(),
        };
        format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\"{scope}")
    }
}

impl<X> Verified<X> {
    /// Whom the token is about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The token's own name, `jti`.
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// The client that the token was given to.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// What the token may be used for.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// What its user is.
    pub fn roles(&self) -> &BTreeSet<Role> {
        &self.roles
    }

    /// When it was made.
    pub fn issued_at(&self) -> OffsetDateTime {
        self.issued_at
    }

    /// When it ends.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    /// The key that signed it.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The application's own claims.
    pub fn extra(&self) -> &X {
        &self.extra
    }

    /// Whether the token may be used for something.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
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
        if self.roles.iter().any(|held| held.as_str() == role) {
            Ok(())
        } else {
            Err(Forbidden::Role(role.to_owned()))
        }
    }
}
