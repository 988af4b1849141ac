use time::OffsetDateTime;

use super::StoreError;
use crate::audit::{Act, Deed, Event, EventFilter};

/// Where it is written down what was done.
pub trait AuditStore: Send + Sync {
    /// Writes down a deed that changed nothing else.
    ///
    /// # Errors
    /// [`StoreError`].
    fn record(&self, deed: &Deed, act: &Act) -> Result<(), StoreError>;

    /// Reads the log, the newest events first, by the rule of [`EventFilter`]. MUST return at most
    /// `filter.limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, StoreError>;

    /// Removes at most `limit` events from before `before`, the oldest first, and returns how many. This is the only
    /// way out of the log. MUST do nothing, and return 0, while another caller is at it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_events(&self, before: OffsetDateTime, limit: u32) -> Result<usize, StoreError>;
}
