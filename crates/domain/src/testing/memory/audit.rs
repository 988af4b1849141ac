use time::OffsetDateTime;

use super::{MemoryStore, State};
use crate::audit::{Act, Deed, Event, EventFilter};
use crate::ports::{AuditStore, StoreError};

impl State {
    pub(super) fn record(&mut self, deed: Deed, act: &Act) {
        let id = self.events.last().map_or(1, |event| event.id + 1);
        let Deed {
            action,
            user,
            target,
            detail,
        } = deed;
        self.events.push(Event {
            id,
            at: act.at,
            action: action.as_str().to_owned(),
            actor: act.actor.to_string(),
            user,
            target,
            detail,
            address: act.address.clone(),
            request_id: act.request_id.clone(),
        });
    }
}

impl AuditStore for MemoryStore {
    fn record(&self, deed: &Deed, act: &Act) -> Result<(), StoreError> {
        self.state().record(deed.clone(), act);
        Ok(())
    }

    fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
        let state = self.state();
        let EventFilter {
            before,
            user,
            actor,
            action,
            since,
            until,
            limit,
        } = filter;
        let place = |event: &Event| (filter.is_by_time().then_some(event.at), event.id);
        let known = before.map(|before| {
            let known = state.events.iter().find(|event| event.id == before);
            let at = known.map(|event| event.at).filter(|_| filter.is_by_time());
            (at, before)
        });
        let mut newest: Vec<&Event> = state.events.iter().collect();
        newest.sort_by_key(|event| std::cmp::Reverse(place(event)));
        let wanted = newest.into_iter().filter(|event| {
            known.is_none_or(|known| place(event) < known)
                && user.is_none_or(|user| event.user == Some(user))
                && actor.as_ref().is_none_or(|actor| event.actor == *actor)
                && action.is_none_or(|action| event.action == action.as_str())
                && since.is_none_or(|since| event.at >= since)
                && until.is_none_or(|until| event.at < until)
        });
        let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
        Ok(wanted.take(limit).cloned().collect())
    }

    fn remove_events(&self, before: OffsetDateTime, limit: u32) -> Result<usize, StoreError> {
        let mut state = self.state();
        let over = state.events.iter().filter(|event| event.at < before);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut over: Vec<(OffsetDateTime, i64)> = over.map(|event| (event.at, event.id)).collect();
        over.sort_unstable();
        let over: Vec<i64> = over.into_iter().map(|(_, id)| id).take(limit).collect();
        state.events.retain(|event| !over.contains(&event.id));
        Ok(over.len())
    }
}
