use std::time::Instant;

use actix_web::web;
use passgate_auth::flows::Holder;
use passgate_auth::jwt::{Forbidden, Verified};
use passgate_domain::audit::{Act, Actor};
use passgate_domain::session::SessionId;
use passgate_domain::token::TokenClaims;
use passgate_domain::{Role, Scope, User};

use crate::blocking;
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
    pub(super) fn of(state: &AppState, token: &Verified<TokenClaims>) -> Result<Self, ApiError> {
        insist_on_account(token)?;
        Self::among(holder(state, token)?)
    }

    /// The same, where who was seen a moment ago need not be looked up again.
    pub(super) async fn of_late(
        state: &web::Data<AppState>,
        token: Verified<TokenClaims>,
    ) -> Result<Self, ApiError> {
        insist_on_account(&token)?;
        let (_, holder) = holder_of_late(state, token).await?;
        Self::among(holder)
    }

    fn among(holder: Holder) -> Result<Self, ApiError> {
        match holder {
            Holder::User { user, session } => Ok(Self { user, session }),
            Holder::Client(_) => Err(ApiError::NoAccount),
        }
    }

    /// Insists on the scope for administering, and on a user or client that may still ask for it.
    pub(super) fn administrator(
        state: &AppState,
        token: &Verified<TokenClaims>,
    ) -> Result<Administrator, ApiError> {
        token
            .require_scope(Scope::ADMIN)
            .map_err(ApiError::Forbidden)?;
        let holder = holder(state, token)?;
        if holder.may(&state.store, token, Scope::ADMIN)? {
            return Ok(Administrator(holder));
        }
        let lacks_role = match &holder {
            Holder::User { user, .. } => !user.allowed_scopes().contains(Scope::ADMIN),
            Holder::Client(_) => false,
        };
        Err(ApiError::Forbidden(if lacks_role {
            Forbidden::Role(Role::ADMIN.to_owned())
        } else {
            Forbidden::Scope(Scope::ADMIN.to_owned())
        }))
    }

    /// What the caller does, now.
    pub(super) fn act(&self, state: &AppState, origin: &Origin) -> Act {
        origin.act(state, Actor::User(self.user.id))
    }
}

fn insist_on_account(token: &Verified<TokenClaims>) -> Result<(), ApiError> {
    // A client that has the scope for its users has no account all the same.
    if token.extra().user_id.is_none() {
        return Err(ApiError::NoAccount);
    }
    token
        .require_scope(Scope::PROFILE)
        .map_err(ApiError::Forbidden)
}

/// Whoever administers: a user, or a client.
pub(super) struct Administrator(Holder);

impl Administrator {
    /// What the administrator does, now.
    pub(super) fn act(&self, state: &AppState, origin: &Origin) -> Act {
        origin.act(state, self.0.actor())
    }

    /// The session that asks, if there is one.
    pub(super) fn session(&self) -> Option<SessionId> {
        match &self.0 {
            Holder::User { session, .. } => Some(*session),
            Holder::Client(_) => None,
        }
    }
}

/// The same for the paths that are asked again and again with one token: a session that was seen
/// alive a moment ago is not looked up again, and the request stays on its thread.
pub(super) async fn holder_of_late(
    state: &web::Data<AppState>,
    token: Verified<TokenClaims>,
) -> Result<(Verified<TokenClaims>, Holder), ApiError> {
    let (withdrawals, at) = (state.store.withdrawals(), Instant::now());
    if let Some(session) = token.extra().sid
        && let Some(user) = state.live.get(session, withdrawals)
    {
        return Ok((token, Holder::User { user, session }));
    }
    let asked = state.clone();
    let (token, holder) = blocking::run::<_, ApiError, _>(move || {
        let holder = holder(&asked, &token)?;
        Ok((token, holder))
    })
    .await?;
    if let Holder::User { user, session } = &holder {
        state.live.keep(*session, user.clone(), withdrawals, at);
    }
    Ok((token, holder))
}

/// Looks whether the token is still somebody's: on our own paths it ends with its session or its
/// client, whatever its `exp` says.
pub(super) fn holder(state: &AppState, token: &Verified<TokenClaims>) -> Result<Holder, ApiError> {
    Holder::find(&state.store, token, state.clock.now())?.ok_or(ApiError::SessionEnded)
}
