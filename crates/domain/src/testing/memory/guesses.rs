use std::net::IpAddr;

use time::OffsetDateTime;

use super::MemoryStore;
use crate::audit::Act;
use crate::guess::{Charge, Counted, GuessKey, Tally, subscriber};
use crate::ports::{Guess, GuessStore, Opening, Prospect, SessionStore, StoreError, UserStore};
use crate::session::NewSession;
use crate::{PasswordHash, UserId};

impl MemoryStore {
    fn waiting(&self, charges: &[Charge], now: OffsetDateTime) -> Vec<(GuessKey, OffsetDateTime)> {
        let state = self.state();
        let waiting = charges.iter().filter_map(|charge| {
            let tally = state.guesses.get(&charge.key)?;
            tally.waits(&charge.budget, now)?;
            Some((charge.key, tally.not_before))
        });
        waiting.collect()
    }

    fn knows(&self, user: UserId, address: IpAddr) -> bool {
        let state = self.state();
        let mut sessions = state.sessions.values().map(|held| &held.session);
        sessions.any(|session| {
            let from = session.device.address.as_deref();
            let from = from.and_then(|from| from.parse().ok());
            session.user_id == user && from.map(subscriber) == Some(subscriber(address))
        })
    }
}

impl GuessStore for MemoryStore {
    fn look_at_guess(&self, guess: &Guess) -> Result<Prospect, StoreError> {
        let credentials = match guess.username {
            Some(username) => self.find_credentials(username)?,
            None => None,
        };
        let user = credentials.as_ref().map(|held| held.user.id);
        Ok(Prospect {
            is_from_known_address: user
                .zip(guess.address)
                .is_some_and(|(user, address)| self.knows(user, address)),
            credentials,
            waiting: self.waiting(guess.charges, guess.now),
        })
    }

    fn count_guess(
        &self,
        charges: &[Charge],
        now: OffsetDateTime,
    ) -> Result<Vec<Counted>, StoreError> {
        let mut state = self.state();
        let mut counted = Vec::new();
        for charge in charges {
            let known = state.guesses.get(&charge.key).copied();
            let waiting = known.filter(|known| known.waits(&charge.budget, now).is_some());
            let tally = waiting.unwrap_or_else(|| Tally::after(known, &charge.budget, now));
            state.guesses.insert(charge.key, tally);
            counted.push(Counted {
                key: charge.key,
                tally,
                within: waiting.is_none(),
            });
        }
        counted.sort_by_key(|counted| counted.key);
        Ok(counted)
    }

    fn open_session_within(
        &self,
        session: &NewSession,
        credential: &PasswordHash,
        charges: &[Charge],
        act: &Act,
    ) -> Result<Opening, StoreError> {
        let waiting = self.waiting(charges, act.at);
        if let Some((key, until)) = waiting.into_iter().max_by_key(|(_, until)| *until) {
            return Ok(Opening::Waiting(key, until));
        }
        Ok(if self.open_session(session, credential, act)? {
            Opening::Opened
        } else {
            Opening::Stale
        })
    }

    fn remove_forgiven_guesses(
        &self,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let mut state = self.state();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let over = |tally: &Tally| tally.arrival < before && tally.not_before < before;
        let forgiven = state.guesses.iter().filter(|(_, tally)| over(tally));
        let forgiven: Vec<GuessKey> = forgiven.map(|(key, _)| *key).take(limit).collect();
        for key in &forgiven {
            state.guesses.remove(key);
        }
        Ok(forgiven.len())
    }
}
