//! Tokio's clock, moved by hand only.

use std::time::{Duration, Instant};

/// Keeps the runtime from being idle, which would move a paused clock: waiting for a socket is
/// idleness to it.
pub(crate) struct Paused(tokio::task::JoinHandle<()>);

impl Paused {
    pub(crate) fn start() -> Self {
        Self(tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        }))
    }

    /// Moves the clock, and lets what is due by then begin and, as far as it can without the
    /// clock, end.
    pub(crate) async fn advance(&self, by: Duration) {
        self.jump(by).await;
        // Real time, for a socket on this machine.
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(30) {
            tokio::task::yield_now().await;
        }
    }

    /// Moves the clock.
    pub(crate) async fn jump(&self, by: Duration) {
        // A timer begins with the task's next turn.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(by).await;
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for something to become true, in real time.
pub(crate) async fn until(is_true: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < Duration::from_secs(10), "it never is");
        tokio::task::yield_now().await;
    }
}
