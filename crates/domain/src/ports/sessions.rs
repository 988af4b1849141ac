use time::OffsetDateTime;

use super::StoreError;
use crate::audit::Act;
use crate::session::{
    EndReason, LiveSession, NewSession, Revocation, Rotate, Rotation, Session, SessionId,
};
use crate::{ClientId, PasswordHash, User, UserId};

/// Where sessions are kept.
pub trait SessionStore: Send + Sync {
    /// Opens a session, at the first generation: [`Action::LoggedIn`](crate::audit::Action::LoggedIn).
    ///
    /// MUST write nothing and return `false` unless the user is active and its stored hash is
    /// still `credential`, the one that the password was checked against: of a log-in and a
    /// change of the password at the same moment, no session survives the change.
    ///
    /// Of a user that has more than [`MAX_SESSIONS`](crate::session::MAX_SESSIONS) then, those that were
    /// not used for longest MUST end in the same change with [`EndReason::TooMany`]:
    /// [`Action::SessionsEnded`](crate::audit::Action::SessionsEnded). Those that are opened at the same
    /// moment may be beyond it until the next is, and where there are many more, a part of them ends.
    ///
    /// # Errors
    /// [`StoreError`].
    fn open_session(
        &self,
        session: &NewSession,
        credential: &PasswordHash,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Answers an authentic refresh token, in one atomic change.
    ///
    /// If the session does not live, or its user is not active, nothing MUST change. If the
    /// client is another or asks for more than the session has, nothing MUST change, either
    /// ([`Rotation::Mismatch`]). The session of a registered client is for this client alone, once
    /// it has proved itself ([`Presenter::Client`](crate::session::Presenter::Client)), and while it
    /// is enabled and the one that opened the session; one under a label that has become a registered
    /// client's name is for this client, too. Otherwise: the newest generation MUST be
    /// followed by the next; the one before it MUST change nothing but the time of use if the
    /// newest was made after `rotate.grace_since`; any other MUST end the session with
    /// [`EndReason::Reuse`], and only this is written down:
    /// [`Action::RefreshTokenReused`](crate::audit::Action::RefreshTokenReused). Of any number of concurrent calls with the newest generation,
    /// exactly one MUST make the next, and the others count as coming after it.
    /// [`Session::idle_until`] MUST NOT be moved past [`Session::expires_at`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn rotate_session(&self, rotate: &Rotate, act: &Act) -> Result<Rotation, StoreError>;

    /// Ends a session. `false`, and nothing changed, if it does not live:
    /// [`Action::SessionEnded`](crate::audit::Action::SessionEnded).
    ///
    /// # Errors
    /// [`StoreError`].
    fn end_session(&self, id: SessionId, reason: EndReason, act: &Act) -> Result<bool, StoreError>;

    /// Ends a session of this user. `false`, and nothing changed, if it does not live or is somebody
    /// else's: [`Action::SessionEnded`](crate::audit::Action::SessionEnded).
    ///
    /// # Errors
    /// [`StoreError`].
    fn end_session_of(
        &self,
        user: UserId,
        id: SessionId,
        reason: EndReason,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Ends the session of a token that a client wants revoked:
    /// [`Action::SessionEnded`](crate::audit::Action::SessionEnded) with [`EndReason::Revoked`].
    /// MUST change nothing, and return [`Revocation::OtherClient`], if the session lives and belongs
    /// to a registered client other than `client`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn revoke_session(
        &self,
        id: SessionId,
        client: Option<&ClientId>,
        act: &Act,
    ) -> Result<Revocation, StoreError>;

    /// Ends every session of a user that lives, but for `keep`, and returns how many:
    /// [`Action::SessionsEnded`](crate::audit::Action::SessionsEnded).
    ///
    /// # Errors
    /// [`StoreError`].
    fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        act: &Act,
    ) -> Result<usize, StoreError>;

    /// Removes at most `limit` sessions that ended, or whose time was over, before `before`, and
    /// returns how many. MUST do nothing, and return 0, while another caller is at it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_ended_sessions(
        &self,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<usize, StoreError>;

    /// The sessions of a user that live, the one used last first. MUST return at most
    /// [`MAX_SESSIONS`](crate::session::MAX_SESSIONS).
    ///
    /// # Errors
    /// [`StoreError`].
    fn sessions_of(&self, user: UserId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError>;

    /// The users of those of the sessions that live, if the user is active, and the client too if it
    /// is a registered one: what access tokens with this `sid` are still worth. In any order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_session_users(
        &self,
        ids: &[SessionId],
        now: OffsetDateTime,
    ) -> Result<Vec<(SessionId, User)>, StoreError>;

    /// The user of one session, by the same rule.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_session_user(
        &self,
        id: SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<User>, StoreError> {
        let found = self.find_session_users(&[id], now)?;
        Ok(found.into_iter().next().map(|(_, user)| user))
    }

    /// A session and its user, by the same rule as [`SessionStore::find_session_user`]: what a
    /// token of either kind is still worth.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_live_session(
        &self,
        id: SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<LiveSession>, StoreError>;

    /// Why a session ended, for the audit log; `None` if it was not ended.
    ///
    /// # Errors
    /// [`StoreError`].
    fn end_reason(&self, id: SessionId) -> Result<Option<EndReason>, StoreError>;
}
