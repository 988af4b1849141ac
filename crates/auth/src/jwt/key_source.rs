use std::pin::Pin;

use super::{KeySet, Kid};

/// A future behind a pointer, so that a trait with it can be used as an object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a verifier finds keys.
pub trait KeySource: Send + Sync + 'static {
    /// The keys at this moment. MUST neither block nor do I/O.
    fn snapshot(&self) -> KeySet;

    /// Whether the snapshot is as good as it gets, so that a key which is not in it is unknown: an
    /// error of the token's. Where nobody knows whether there is such a key, because the latest
    /// attempt to look failed, it is the source's. MUST neither block nor do I/O.
    fn is_current(&self) -> bool {
        true
    }

    /// Called when a token names a key that is not in the snapshot, by
    /// [`Verifier::verify`](super::Verifier::verify) only. May look for newer keys once; MUST
    /// bound how often that happens, whatever names it is asked for.
    fn refresh_for<'a>(&'a self, _kid: &'a Kid) -> BoxFuture<'a, Refresh> {
        Box::pin(std::future::ready(Refresh::Unchanged))
    }
}

/// What came of looking for newer keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The snapshot is as good as it gets: a key that is not in it is unknown.
    Unchanged,
    /// The snapshot is another than it was, and worth a second look.
    Changed,
    /// It could not be done: nobody knows whether there is such a key.
    Failed,
}

impl KeySource for KeySet {
    fn snapshot(&self) -> KeySet {
        self.clone()
    }
}

impl<S: KeySource + ?Sized> KeySource for std::sync::Arc<S> {
    fn snapshot(&self) -> KeySet {
        (**self).snapshot()
    }

    fn is_current(&self) -> bool {
        (**self).is_current()
    }

    fn refresh_for<'a>(&'a self, kid: &'a Kid) -> BoxFuture<'a, Refresh> {
        (**self).refresh_for(kid)
    }
}
