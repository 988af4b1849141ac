//! Time as a parameter.

use time::OffsetDateTime;

/// Where the present comes from. Every rule about expiry takes its `now` from here, so that it
/// is tested by moving a clock and not by waiting.
pub trait Clock: Send + Sync {
    /// The present in UTC, in whole microseconds: what PostgreSQL's `timestamptz` keeps, so
    /// that a time read back equals the time written.
    fn now(&self) -> OffsetDateTime;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the time of the machine enters"
    )]
    fn now(&self) -> OffsetDateTime {
        truncate_to_micros(OffsetDateTime::now_utc())
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> OffsetDateTime {
        (**self).now()
    }
}

fn truncate_to_micros(time: OffsetDateTime) -> OffsetDateTime {
    let micros = time.microsecond();
    time.replace_microsecond(micros).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_carry_no_more_than_postgres_keeps() {
        let fine = datetime!(2026-11-01 12:00:00.123_456_789 UTC);
        assert_eq!(
            truncate_to_micros(fine),
            datetime!(2026-11-01 12:00:00.123_456 UTC)
        );
    }
}
