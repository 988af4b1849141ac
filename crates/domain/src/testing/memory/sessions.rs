use time::OffsetDateTime;

use super::{MemoryStore, State};
use crate::audit::{Act, Action, Actor, Deed};
use crate::ports::{SessionStore, StoreError};
use crate::session::{
    EndReason, Generation, LiveSession, MAX_SESSIONS, NewSession, Presenter, Revocation, Rotate,
    Rotation, Session, SessionId,
};
use crate::{ClientId, PasswordHash, User, UserId};

#[derive(Debug)]
pub(super) struct HeldSession {
    pub(super) session: Session,
    rotated_at: OffsetDateTime,
    ended: Option<(EndReason, OffsetDateTime)>,
}

impl HeldSession {
    fn lives(&self, now: OffsetDateTime) -> bool {
        self.ended.is_none() && self.session.is_within_its_time(now)
    }
}

impl State {
    pub(super) fn end_sessions(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        now: OffsetDateTime,
    ) -> usize {
        let others = self
            .sessions
            .values_mut()
            .filter(|held| held.session.user_id == user && Some(held.session.id) != keep)
            .filter(|held| held.lives(now));
        others.map(|held| held.ended = Some((reason, now))).count()
    }

    /// Ends those of a user that are too many for one more, and returns how many.
    fn make_room(&mut self, user: UserId, now: OffsetDateTime) -> usize {
        let mut held: Vec<&mut HeldSession> = self
            .sessions
            .values_mut()
            .filter(|held| held.session.user_id == user && held.ended.is_none())
            .collect();
        held.sort_by_key(|held| std::cmp::Reverse(held.session.last_used_at));
        let spare = held.into_iter().skip(most() - 1).take(MOST_ENDED);
        spare
            .map(|held| held.ended = Some((EndReason::TooMany, now)))
            .count()
    }

    fn active_user(&self, id: UserId) -> Option<User> {
        let held = self.users.get(&id)?;
        held.user.status.is_active().then(|| held.user.clone())
    }
}

/// How many end at most for one that is opened.
const MOST_ENDED: usize = 100;

fn most() -> usize {
    usize::try_from(MAX_SESSIONS).unwrap_or(usize::MAX)
}

/// Whether a session is for whoever presents its token.
fn is_for(session: &Session, is_clients: bool, presenter: &Presenter) -> bool {
    let is_named = presenter
        .name()
        .is_none_or(|name| name == session.client_id);
    is_named && (!is_clients || presenter.client().is_some())
}

impl SessionStore for MemoryStore {
    fn open_session(
        &self,
        session: &NewSession,
        credential: &PasswordHash,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let now = act.at;
        let mut state = self.state();
        let is_right = state
            .users
            .get(&session.user_id)
            .is_some_and(|held| held.user.status.is_active() && held.password_hash == *credential);
        if is_right {
            let NewSession {
                id,
                user_id,
                client_id,
                of_client,
                scope,
                device,
                idle_until,
                expires_at,
            } = session.clone();
            let session = Session {
                id,
                user_id,
                client_id,
                of_client,
                scope,
                generation: Generation::FIRST,
                device,
                created_at: now,
                last_used_at: now,
                idle_until: idle_until.min(expires_at),
                expires_at,
            };
            let ended = state.make_room(user_id, now);
            if ended > 0 {
                let deed = Deed::new(Action::SessionsEnded).on(user_id);
                let deed = deed.detail(format!("{ended} {}", EndReason::TooMany));
                state.record(deed, &act.by(Actor::User(user_id)));
            }
            let deed = Deed::new(Action::LoggedIn).on(user_id).target(&id);
            let deed = deed.detail(session.client_id.clone());
            state.record(deed, &act.by(Actor::User(user_id)));
            state.sessions.insert(
                id,
                HeldSession {
                    session,
                    rotated_at: now,
                    ended: None,
                },
            );
        }
        Ok(is_right)
    }

    fn rotate_session(&self, rotate: &Rotate, act: &Act) -> Result<Rotation, StoreError> {
        let now = act.at;
        let state = &mut *self.state();
        let user = state
            .sessions
            .get(&rotate.id)
            .filter(|held| held.lives(now))
            .and_then(|held| state.active_user(held.session.user_id));
        let named = state.sessions.get(&rotate.id);
        let client_allows = named.is_some_and(|held| state.client_allows(held));
        let is_clients = named.is_some_and(|held| state.is_clients(held));
        let (Some(user), Some(held)) = (user, state.sessions.get_mut(&rotate.id)) else {
            return Ok(Rotation::Ended);
        };
        let session = &mut held.session;
        if !client_allows || !is_for(session, is_clients, &rotate.presenter) {
            return Ok(Rotation::Mismatch { allowed: None });
        }
        if !rotate.scope.is_subset(&session.scope) {
            return Ok(Rotation::Mismatch {
                allowed: Some(session.scope.clone()),
            });
        }
        let is_newest = rotate.generation == session.generation;
        let is_before = rotate.generation.next() == Some(session.generation);
        let next = if is_newest {
            session.generation.next()
        } else if is_before && held.rotated_at > rotate.grace_since {
            Some(session.generation)
        } else {
            None
        };
        let Some(next) = next else {
            held.ended = Some((EndReason::Reuse, now));
            let deed = Deed::new(Action::RefreshTokenReused).on(user.id);
            state.record(deed.target(&rotate.id), act);
            return Ok(Rotation::Reused { user_id: user.id });
        };
        if is_newest {
            held.rotated_at = now;
        }
        session.generation = next;
        session.last_used_at = now;
        session.idle_until = rotate.idle_until.min(session.expires_at);
        session.device = rotate.device.clone();
        Ok(Rotation::Rotated {
            session: Box::new(session.clone()),
            user,
        })
    }

    fn end_session(&self, id: SessionId, reason: EndReason, act: &Act) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(held) = state
            .sessions
            .get_mut(&id)
            .filter(|held| held.lives(act.at))
        else {
            return Ok(false);
        };
        held.ended = Some((reason, act.at));
        let deed = Deed::new(Action::SessionEnded).on(held.session.user_id);
        state.record(deed.target(&id).detail(reason.as_str()), act);
        Ok(true)
    }

    fn end_session_of(
        &self,
        user: UserId,
        id: SessionId,
        reason: EndReason,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let is_theirs = self
            .state()
            .sessions
            .get(&id)
            .is_some_and(|held| held.session.user_id == user);
        Ok(is_theirs && self.end_session(id, reason, act)?)
    }

    fn revoke_session(
        &self,
        id: SessionId,
        client: Option<&ClientId>,
        act: &Act,
    ) -> Result<Revocation, StoreError> {
        let living = self
            .state()
            .sessions
            .get(&id)
            .and_then(|held| held.lives(act.at).then(|| held.session.clone()));
        let is_anothers = |session: &Session| {
            session.of_client && client.map(ClientId::as_str) != Some(&session.client_id)
        };
        if living.as_ref().is_some_and(is_anothers) {
            return Ok(Revocation::OtherClient);
        }
        Ok(if self.end_session(id, EndReason::Revoked, act)? {
            Revocation::Ended
        } else {
            Revocation::NotAlive
        })
    }

    fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        act: &Act,
    ) -> Result<usize, StoreError> {
        let mut state = self.state();
        let ended = state.end_sessions(user, keep, reason, act.at);
        if ended > 0 {
            let deed = Deed::new(Action::SessionsEnded).on(user);
            state.record(deed.detail(format!("{ended} {reason}")), act);
        }
        Ok(ended)
    }

    fn remove_ended_sessions(
        &self,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let mut state = self.state();
        let over = state.sessions.values().filter(|held| {
            !held.session.is_within_its_time(before)
                || held.ended.is_some_and(|(_, at)| at < before)
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let over: Vec<SessionId> = over.map(|held| held.session.id).take(limit).collect();
        state.sessions.retain(|id, _| !over.contains(id));
        Ok(over.len())
    }

    fn sessions_of(&self, user: UserId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let state = self.state();
        let living = state.sessions.values().filter(|held| held.lives(now));
        let mut sessions: Vec<Session> = living
            .map(|held| held.session.clone())
            .filter(|session| session.user_id == user)
            .collect();
        sessions.sort_by_key(|session| (std::cmp::Reverse(session.last_used_at), session.id));
        sessions.truncate(most());
        Ok(sessions)
    }

    fn find_session_users(
        &self,
        ids: &[SessionId],
        now: OffsetDateTime,
    ) -> Result<Vec<(SessionId, User)>, StoreError> {
        let found = ids
            .iter()
            .map(|id| Ok((*id, self.find_live_session(*id, now)?)));
        let living = found.filter_map(|found| match found {
            Ok((id, live)) => Some(Ok((id, live?.user))),
            Err(error) => Some(Err(error)),
        });
        living.collect()
    }

    fn find_live_session(
        &self,
        id: SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<LiveSession>, StoreError> {
        let state = self.state();
        let held = state
            .sessions
            .get(&id)
            .filter(|held| held.lives(now) && state.client_allows(held));
        Ok(held.and_then(|held| {
            Some(LiveSession {
                session: held.session.clone(),
                rotated_at: held.rotated_at,
                user: state.active_user(held.session.user_id)?,
            })
        }))
    }

    fn end_reason(&self, id: SessionId) -> Result<Option<EndReason>, StoreError> {
        Ok(self
            .state()
            .sessions
            .get(&id)
            .and_then(|held| held.ended)
            .map(|(reason, _)| reason))
    }
}
