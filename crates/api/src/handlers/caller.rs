use passgate_auth::jwt::Verified;
use passgate_domain::ports::SessionStore;
use passgate_domain::session::SessionId;
use passgate_domain::token::UserClaims;
use passgate_domain::{Scope, User};

use crate::error::ApiError;
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
