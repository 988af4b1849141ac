use std::error::Error;

use time::OffsetDateTime;

use super::BoxFuture;

mod deny_list;
mod not_before;

pub use deny_list::{DenyList, Full};
pub use not_before::NotBefore;

/// What a hook is told of a token that is good otherwise.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TokenMeta<'a> {
    /// Whom it is about: `sub`.
    pub subject: &'a str,
    /// Its own name: `jti`.
    pub token_id: &'a str,
    /// The session it belongs to, where the issuer says so: `sid`.
    pub session_id: Option<&'a str>,
    /// The client it was given to: `client_id`.
    pub client_id: Option<&'a str>,
    /// When it was made: `iat`.
    pub issued_at: OffsetDateTime,
    /// When it ends: `exp`.
    pub expires_at: OffsetDateTime,
}

/// Why a hook could not tell.
pub type HookError = Box<dyn Error + Send + Sync>;

/// Says which tokens were revoked before their time. Asked about every token that is good
/// otherwise, also about one out of the cache.
pub trait Revocation: Send + Sync + 'static {
    /// Whether the token is revoked, from memory. MUST neither block nor do I/O: a hook that
    /// can only ask somebody else answers with an error here.
    ///
    /// # Errors
    /// [`HookError`] if it cannot tell; [`OnHookError`] decides what that means.
    fn is_revoked_now(&self, token: &TokenMeta<'_>) -> Result<bool, HookError>;

    /// Whether the token is revoked; may ask somebody else. MUST bound how long that takes.
    fn is_revoked<'a>(&'a self, token: TokenMeta<'a>) -> BoxFuture<'a, Result<bool, HookError>> {
        Box::pin(std::future::ready(self.is_revoked_now(&token)))
    }
}

impl<R: Revocation + ?Sized> Revocation for std::sync::Arc<R> {
    fn is_revoked_now(&self, token: &TokenMeta<'_>) -> Result<bool, HookError> {
        (**self).is_revoked_now(token)
    }

    fn is_revoked<'a>(&'a self, token: TokenMeta<'a>) -> BoxFuture<'a, Result<bool, HookError>> {
        (**self).is_revoked(token)
    }
}

/// What a hook's failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHookError {
    /// The token is refused with a 503: safe, and down when the hook is.
    Deny,
    /// The token is accepted, revoked or not: as available as without a hook.
    Allow,
}
