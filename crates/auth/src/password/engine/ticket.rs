use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use crate::password::PasswordError;
use crate::password::engine::Done;

type Outcome = Result<Done, PasswordError>;

/// The place where the outcome of a job is put, and waited for.
struct Slot {
    state: Mutex<State>,
    put: Condvar,
}

enum State {
    Empty(Option<Waker>),
    Put(Outcome),
    Taken,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing inside can be half changed by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who waits for an outcome, on a thread or in a future. Dropping it is going away.
pub(in crate::password) struct Ticket(Arc<Slot>);

/// Who brings the outcome; whoever waits learns of it even if it is lost.
pub(super) struct Errand(Weak<Slot>);

pub(super) fn pair() -> (Ticket, Errand) {
    let slot = Arc::new(Slot {
        state: Mutex::new(State::Empty(None)),
        put: Condvar::new(),
    });
    let errand = Errand(Arc::downgrade(&slot));
    (Ticket(slot), errand)
}

impl Ticket {
    /// Waits on this thread.
    pub(in crate::password) fn wait(self) -> Outcome {
        let mut state = self
            .0
            .put
            .wait_while(self.0.lock(), |state| matches!(state, State::Empty(_)))
            .unwrap_or_else(PoisonError::into_inner);
        take(&mut state)
    }
}

fn take(state: &mut State) -> Outcome {
    match std::mem::replace(state, State::Taken) {
        State::Put(outcome) => outcome,
        State::Empty(_) | State::Taken => Err(PasswordError::Internal),
    }
}

impl Future for Ticket {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self.0.lock();
        match &mut *state {
            State::Empty(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            State::Put(_) | State::Taken => Poll::Ready(take(&mut state)),
        }
    }
}

impl Errand {
    pub(super) fn is_waited_for(&self) -> bool {
        self.0.strong_count() > 0
    }

    pub(super) fn deliver(&self, outcome: Outcome) {
        let Some(slot) = self.0.upgrade() else { return };
        let mut state = slot.lock();
        if let State::Empty(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Put(outcome);
            drop(state);
            slot.put.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.deliver(Err(PasswordError::Internal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::thread;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    const DONE: Outcome = Ok(Done::Checked {
        as_normal: true,
        as_typed: false,
    });

    #[test]
    fn a_thread_waits_until_the_outcome_is_there() {
        let (ticket, errand) = pair();
        let waiting = thread::spawn(|| ticket.wait());
        errand.deliver(DONE);
        assert!(matches!(waiting.join().unwrap(), Ok(Done::Checked { .. })));
    }

    #[test]
    fn a_future_is_woken_once_by_the_waker_that_it_was_polled_with_last() {
        let (mut ticket, errand) = pair();
        let wakers = [Arc::new(Woken::default()), Arc::new(Woken::default())];
        for woken in &wakers {
            let waker = Waker::from(Arc::clone(woken));
            let poll = Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
        }
        errand.deliver(DONE);
        errand.deliver(Err(PasswordError::Internal));
        let counts = wakers.map(|woken| woken.0.load(Ordering::SeqCst));
        assert_eq!(counts, [0, 1]);
        let poll = Pin::new(&mut ticket).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Ready(Ok(Done::Checked { .. }))));
    }

    #[test]
    fn a_lost_errand_is_a_failure_and_no_endless_wait() {
        let (ticket, errand) = pair();
        drop(errand);
        assert!(matches!(ticket.wait(), Err(PasswordError::Internal)));
    }

    #[test]
    fn an_errand_knows_when_nobody_waits_any_more() {
        let (ticket, errand) = pair();
        assert!(errand.is_waited_for());
        drop(ticket);
        assert!(!errand.is_waited_for());
        errand.deliver(DONE);
    }
}
