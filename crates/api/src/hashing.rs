//! On whose behalf a handler has passwords hashed.

use passgate_auth::password::{Caller, Passwords, Presence};
use passgate_domain::Username;

use crate::error::ApiError;
use crate::extract::Origin;
use crate::state::AppState;

/// Passwords on behalf of whoever sent the request, for as long as the [`Presence`] is held: a
/// handler's future is dropped with its connection, and what it holds with it. Asks at once
/// whether there is room, so that a refusal costs no query and no thread.
///
/// # Errors
/// [`ApiError::Unavailable`] if there is no room.
pub fn on_behalf_of(
    state: &AppState,
    origin: &Origin,
    username: Option<&Username>,
) -> Result<(Passwords, Presence), ApiError> {
    let mut caller = Caller::new();
    if let Some(Ok(address)) = origin.address().map(str::parse) {
        caller = caller.address(address);
    }
    if let Some(username) = username {
        caller = caller.account(username);
    }
    let passwords = state.passwords.for_caller(&caller);
    passwords.would_admit()?;
    Ok(passwords.while_present())
}
