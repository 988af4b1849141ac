use passgate_auth::jwt::{Forbidden, Verified};
use passgate_domain::audit::{Act, Actor};
use passgate_domain::ports::SessionStore;
use passgate_domain::session::SessionId;
use passgate_domain::token::UserClaims;
use passgate_domain::{Role, Scope, User};

use crate::error::ApiError;
use crate::extract::Origin;
use crate::state::AppState;

/// The user of a token whose session lives.
pub(super) struct Caller {
    pub(super) user: User,
    pub(super) session: SessionId,
}

impl Caller {
    /// Insists on the scope for one's own account, too.
    pub(super) fn of(state: &AppState, token: &Verified<UserClaims>) -> Result<Self, ApiError> {
        token
            .require_scope(Scope::PROFILE)
            .map_err(ApiError::Forbidden)?;
        Self::of_session(state, token)
    }

    /// Insists on the scope for administering, and on a user who may still ask for it.
    pub(super) fn administrator(
        state: &AppState,
        token: &Verified<UserClaims>,
    ) -> Result<Self, ApiError> {
        token
            .require_scope(Scope::ADMIN)
            .map_err(ApiError::Forbidden)?;
        let caller = Self::of_session(state, token)?;
        if caller.user.allowed_scopes().contains(Scope::ADMIN) {
            Ok(caller)
        } else {
            Err(ApiError::Forbidden(Forbidden::Role(Role::ADMIN.to_owned())))
        }
    }

    /// What the caller does, now.
    pub(super) fn act(&self, state: &AppState, origin: &Origin) -> Act {
        origin.act(state, Actor::User(self.user.id))
    }

    /// Looks whether the token's session still lives: on our own paths a token ends with it,
    /// whatever its `exp` says.
    pub(super) fn of_session(
        state: &AppState,
        token: &Verified<UserClaims>,
    ) -> Result<Self, ApiError> {
        let session = token.extra().sid.ok_or(ApiError::SessionEnded)?;
        let user = state.store.find_session_user(session, state.clock.now())?;
        user.map(|user| Self { user, session })
            .ok_or(ApiError::SessionEnded)
    }
}
