//! How a server ends: first it says that nothing more should be sent, then it takes nothing more, then
//! it finishes what is under way.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use actix_web::rt::time::{Sleep, sleep};

use crate::state::AppState;

/// The signals by which an operator stops us.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Signals that come from now on are ours.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.terminate.poll_recv(context).is_ready() {
            return Poll::Ready(());
        }
        self.interrupt.poll_recv(context).map(drop)
    }
}

enum Phase {
    Serving,
    /// Everything is served, and whoever asks is told to send no more.
    Draining(Pin<Box<Sleep>>),
    Finishing,
}

/// Serves until the first signal, goes on for `delay` while `/health/ready` says no, then finishes
/// what is under way. Waits for neither any more after the second signal.
pub(crate) async fn until_stopped(
    server: Server,
    mut signals: Signals,
    state: &AppState,
    delay: Duration,
) -> io::Result<()> {
    let handle = server.handle();
    let mut server = pin!(server);
    let mut phase = Phase::Serving;
    poll_fn(|context| {
        loop {
            if let Poll::Ready(outcome) = server.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            if let Phase::Draining(over) = &mut phase
                && over.as_mut().poll(context).is_ready()
            {
                tracing::info!("stopping");
                phase = Phase::Finishing;
                // The command is sent at once; what it returns only waits.
                drop(handle.stop(true));
                continue;
            }
            ready!(signals.poll(context));
            if !matches!(phase, Phase::Serving) {
                tracing::warn!("stopped without waiting for what was under way");
                return Poll::Ready(Ok(()));
            }
            state.draining.store(true, Ordering::Relaxed);
            if !delay.is_zero() {
                tracing::info!(?delay, "draining");
            }
            phase = Phase::Draining(Box::pin(sleep(delay)));
        }
    })
    .await
}
