//! Wrong guesses, counted: how many are looked at, and who waits how long for the next.
//!
//! The rule is the generic cell rate algorithm (GCRA): each wrong guess moves a *theoretical
//! arrival time* by the time in which one guess is forgiven. Who is further ahead of the clock than
//! the guesses that are free waits. Nothing runs while nobody guesses, and a budget is two times.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

/// The wait after the first guess that is not free, where waits double.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest time in which one guess is forgiven. With the most free ones, still within what a
/// date can say.
const LONGEST: Duration = Duration::from_hours(24);

/// The most guesses that are free.
const MOST: u32 = 1_000_000;

/// How far the clocks of those who count together may be apart.
const APART: Duration = Duration::from_mins(1);

/// What guesses are counted under. Made of a name or an address by whoever has a secret: it tells
/// neither.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuessKey([u8; Self::BYTES]);

impl GuessKey {
    /// Enough that nobody finds two that are the same.
    pub const BYTES: usize = 16;

    /// Of a keyed hash.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for GuessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuessKey")
    }
}

/// Whose guesses a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guesser {
    /// Anybody's at one account, or at one name that nobody has.
    Account,
    /// Those from one IPv4 address, or from one IPv6 network of a subscriber (/64).
    Address,
    /// Those from one larger IPv6 network (/48).
    Network,
    /// Everybody's.
    Everybody,
    /// Those at one account by a device that is known to it.
    Device,
    /// Those at the secrets of clients, from one address.
    Client,
    /// Accounts made, or asked for, from one address.
    Registration,
    /// No guesses: what one user changes about the own account, and the tokens that one client gets for
    /// itself. Each leaves an event that is kept.
    Caller,
}

impl Guesser {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Account,
        Self::Address,
        Self::Network,
        Self::Everybody,
        Self::Device,
        Self::Client,
        Self::Registration,
        Self::Caller,
    ];

    /// The name for programs and for the log, which stays.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
            Self::Network => "network",
            Self::Everybody => "everybody",
            Self::Device => "device",
            Self::Client => "client",
            Self::Registration => "registration",
            Self::Caller => "caller",
        }
    }
}

impl fmt::Display for Guesser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many wrong guesses are free, and how fast they are forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    burst: u32,
    every: Duration,
    doubling: bool,
}

/// The figures make no budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a budget is 1 to {MOST} guesses at once and one more each millisecond to 24 hours")]
pub struct InvalidBudget;

impl Budget {
    /// `burst` guesses at once, and from then on one each time that one is forgiven.
    ///
    /// # Errors
    /// [`InvalidBudget`].
    pub fn try_new(burst: u32, every: Duration) -> Result<Self, InvalidBudget> {
        let is_possible =
            (1..=MOST).contains(&burst) && (Duration::from_millis(1)..=LONGEST).contains(&every);
        is_possible
            .then_some(Self {
                burst,
                every,
                doubling: false,
            })
            .ok_or(InvalidBudget)
    }

    /// The same where the wait after the free guesses begins at one second and doubles, up to the
    /// time in which one is forgiven: whoever mistypes once more hardly notices.
    #[must_use]
    pub const fn doubling(mut self) -> Self {
        self.doubling = true;
        self
    }

    /// The same with ten times as many guesses, ten times as fast.
    #[must_use]
    pub fn tenfold(self) -> Self {
        Self {
            burst: self.burst.saturating_mul(10).min(MOST),
            every: (self.every / 10).max(Duration::from_millis(1)),
            ..self
        }
    }

    /// How many guesses are free.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// The time in which one guess is forgiven.
    pub const fn every(&self) -> Duration {
        self.every
    }

    /// Whether waits double.
    pub const fn is_doubling(&self) -> bool {
        self.doubling
    }

    /// The time in which all that are free are forgiven.
    pub fn window(&self) -> Duration {
        self.every * self.burst
    }

    /// How far ahead of the clock the arrival time may be before somebody waits.
    pub fn slack(&self) -> Duration {
        self.every * (self.burst - 1)
    }

    /// How far ahead of the clock a wait may end: nobody waits longer than one guess takes to be
    /// forgiven, and clocks differ a little. What ends later was counted before the clock was stepped
    /// back, or with another budget, and stands against nobody.
    pub fn horizon(&self) -> Duration {
        self.every + APART
    }
}

/// What is known of the guesses under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The theoretical arrival time: when everything is forgiven.
    pub arrival: OffsetDateTime,
    /// From when on the next guess is looked at.
    pub not_before: OffsetDateTime,
}

impl Tally {
    /// Counts one more wrong guess. Whether it is looked at is [`Tally::waits`]' business, before.
    #[must_use]
    pub fn after(known: Option<Self>, budget: &Budget, now: OffsetDateTime) -> Self {
        let known = known.filter(|known| known.not_before <= now + budget.horizon());
        let from = known.map_or(now, |known| known.arrival.max(now));
        let arrival = from + budget.every;
        let over = arrival - now - budget.slack();
        let wait = if budget.doubling && over.is_positive() {
            let (over, every) = (over.as_seconds_f64(), budget.every.as_secs_f64());
            // Far beyond the longest wait, and within what a float can say.
            let doublings = (over / every - 1.0).min(40.0);
            let wait = FIRST_WAIT.as_secs_f64() * doublings.exp2();
            time::Duration::seconds_f64(wait.min(every))
        } else {
            over
        };
        Self {
            arrival,
            not_before: now + wait,
        }
    }

    /// How long until the next guess is looked at, if not now. What ends beyond the budget's
    /// [`horizon`](Budget::horizon) is no wait.
    pub fn waits(&self, budget: &Budget, now: OffsetDateTime) -> Option<Duration> {
        let wait = Duration::try_from(self.not_before - now).ok()?;
        (!wait.is_zero() && wait <= budget.horizon()).then_some(wait)
    }
}

/// One of the budgets that a guess is counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Whose guesses.
    pub guesser: Guesser,
    /// Its key.
    pub key: GuessKey,
    /// How many.
    pub budget: Budget,
}

/// A guess that was counted, or not any more, under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The key.
    pub key: GuessKey,
    /// What is known of it now.
    pub tally: Tally,
    /// Whether the guess was within the budget. One that was not changed nothing.
    pub within: bool,
}

/// The network that one subscriber has: of IPv6 the /64, of IPv4 the address.
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The network that one customer may have who wants many: of IPv6 the /48; of IPv4 there is none.
pub fn customer(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80))),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);

    fn account() -> Budget {
        let budget = Budget::try_new(10, Duration::from_mins(15)).unwrap();
        budget.doubling()
    }

    /// Guesses as soon as it may for a while, and says how many guesses are looked at.
    fn looked_at(budget: &Budget, within: Duration) -> usize {
        let (mut now, mut known, mut count) = (NOW, None, 0);
        while now <= NOW + within {
            let tally = Tally::after(known, budget, now);
            count += 1;
            now = tally.not_before.max(now);
            known = Some(tally);
        }
        count
    }

    #[test]
    fn the_free_guesses_are_free_and_the_next_wait_longer_and_longer() {
        let (mut now, mut known) = (NOW, None);
        let mut waits = Vec::new();
        for _ in 0..24 {
            let tally = Tally::after(known, &account(), now);
            let wait = tally.waits(&account(), now).unwrap_or_default();
            waits.push(wait.as_secs_f64().round());
            now += wait;
            known = Some(tally);
        }
        assert_eq!(waits[..9], [0.0; 9]);
        assert_eq!(waits[9..15], [1.0, 2.0, 4.0, 8.0, 16.0, 31.0]);
        assert!(waits.is_sorted(), "{waits:?}");
        assert!((880.0..=900.0).contains(waits.last().unwrap()), "{waits:?}");
    }

    /// The figure that docs/security-model.md states.
    #[test]
    fn an_account_has_twenty_guesses_in_a_quarter_of_an_hour_and_then_four_an_hour() {
        assert!(looked_at(&account(), Duration::from_mins(15)) <= 20);
        assert!(looked_at(&account(), Duration::from_hours(24)) <= 20 + 4 * 24);
    }

    #[test]
    fn a_steady_budget_is_its_burst_and_its_rate() {
        let budget = Budget::try_new(100, Duration::from_secs(10)).unwrap();
        assert_eq!(looked_at(&budget, Duration::from_secs(1)), 100);
        assert_eq!(looked_at(&budget, Duration::from_secs(100)), 110);
        let one = Budget::try_new(1, Duration::from_secs(10)).unwrap();
        assert_eq!(looked_at(&one, Duration::from_secs(9)), 1);
        assert_eq!(looked_at(&one, Duration::from_secs(10)), 2);
    }

    #[test]
    fn what_is_forgiven_is_forgotten() {
        let mut known = None;
        for _ in 0..10 {
            known = Some(Tally::after(known, &account(), NOW));
        }
        let known = known.unwrap();
        assert_eq!(known.arrival, NOW + account().window());
        let later = known.arrival;
        let again = Tally::after(Some(known), &account(), later);
        assert_eq!(again, Tally::after(None, &account(), later));
    }

    /// Whoever makes a budget smaller meets what was counted by the larger one.
    #[test]
    fn an_arrival_far_ahead_waits_the_longest_and_no_longer() {
        let known = Tally {
            arrival: NOW + Duration::from_hours(1000),
            not_before: NOW,
        };
        let budget = Budget::try_new(2, Duration::from_secs(1)).unwrap();
        let budget = budget.doubling();
        let tally = Tally::after(Some(known), &budget, NOW);
        assert_eq!(tally.waits(&budget, NOW), Some(Duration::from_secs(1)));
    }

    /// Or else the step would lock out whoever mistyped once before it.
    #[test]
    fn what_was_counted_before_the_clock_was_stepped_back_stands_against_nobody() {
        let steady = Budget::try_new(5, Duration::from_millis(50)).unwrap();
        for budget in [account(), steady] {
            let before = Tally::after(None, &budget, NOW + Duration::from_hours(24));
            assert_eq!(before.waits(&budget, NOW), None);
            let after = Tally::after(Some(before), &budget, NOW);
            assert_eq!(after, Tally::after(None, &budget, NOW));
        }
    }

    #[test]
    fn the_longest_wait_is_one_by_another_clock_that_is_a_little_behind() {
        let one = Budget::try_new(1, Duration::from_millis(50)).unwrap();
        let tally = Tally::after(None, &one, NOW);
        let behind = NOW - Duration::from_secs(59);
        assert_eq!(
            tally.waits(&one, behind),
            Some(Duration::from_millis(59_050))
        );
    }

    #[test]
    fn a_budget_is_within_its_limits() {
        let second = Duration::from_secs(1);
        for (burst, every) in [
            (0, second),
            (1, Duration::ZERO),
            (1, 2 * LONGEST),
            (MOST + 1, second),
        ] {
            assert_eq!(Budget::try_new(burst, every), Err(InvalidBudget));
        }
        let tenfold = Budget::try_new(100, 10 * second).unwrap().tenfold();
        assert_eq!((tenfold.burst(), tenfold.every()), (1000, second));
    }

    #[test]
    fn networks_are_what_one_subscriber_and_one_customer_have() {
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert_eq!(subscriber(ip("2001:db8:1:2:3::4")), ip("2001:db8:1:2::"));
        assert_eq!(subscriber(ip("::ffff:192.0.2.7")), ip("192.0.2.7"));
        assert_eq!(customer(ip("2001:db8:1:2:3::4")), Some(ip("2001:db8:1::")));
        assert_eq!(customer(ip("192.0.2.7")), None);
    }
}
