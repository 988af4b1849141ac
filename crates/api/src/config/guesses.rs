use std::str::FromStr;

use clap::Args;
use passgate_auth::flows::GuessLimits;
use passgate_domain::guess::{Budget, InvalidBudget};
use thiserror::Error;

/// How many wrong guesses are looked at.
#[derive(Debug, Clone, Args)]
pub struct GuessArgs {
    /// Wrong passwords at one account that are free, and the time in which one is forgiven, or
    /// `off`. The next ones wait 1 s, 2 s, 4 s, ... up to that time. A device that is known to the
    /// account has as many for itself.
    #[arg(
        long,
        env = "PASSGATE_GUESSES_PER_ACCOUNT",
        default_value = "10/15m",
        value_name = "N/TIME"
    )]
    pub guesses_per_account: GuessBudget,

    /// Wrong passwords from one address (of IPv6: /64) that are free, and the time in which one is
    /// forgiven, or `off`. From one IPv6 /48, ten times as many, ten times as fast. Secrets of clients are
    /// counted by themselves.
    #[arg(
        long,
        env = "PASSGATE_GUESSES_PER_ADDRESS",
        default_value = "100/10s",
        value_name = "N/TIME"
    )]
    pub guesses_per_address: GuessBudget,

    /// Wrong passwords of everybody together that are free, and the time in which one is forgiven,
    /// or `off`. Beyond them only known devices log in.
    #[arg(
        long,
        env = "PASSGATE_GUESSES_IN_ALL",
        default_value = "5000/50ms",
        value_name = "N/TIME"
    )]
    pub guesses_in_all: GuessBudget,

    /// Accounts made or asked for from one address that are free, and the time in which one is
    /// forgiven, or `off`. From one IPv6 /48, ten times as many, ten times as fast. An email address that
    /// a user wants counts as much, and once more for the user.
    #[arg(
        long,
        env = "PASSGATE_REGISTRATIONS_PER_ADDRESS",
        default_value = "100/36s",
        value_name = "N/TIME"
    )]
    pub registrations_per_address: GuessBudget,
}

impl GuessArgs {
    /// What the flows are told.
    pub fn limits(&self) -> GuessLimits {
        GuessLimits {
            account: self.guesses_per_account.0.map(Budget::doubling),
            address: self.guesses_per_address.0,
            everybody: self.guesses_in_all.0,
            registration: self.registrations_per_address.0,
        }
    }
}

/// A budget as text: so many at once, and one more each time; or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessBudget(pub Option<Budget>);

/// The text is no budget.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedBudget {
    /// It has another form.
    #[error("a budget looks like 10/15m: so many at once, and one more each time; or it is `off`")]
    Form,
    /// The figures are out of range.
    #[error(transparent)]
    Figures(#[from] InvalidBudget),
}

impl FromStr for GuessBudget {
    type Err = MalformedBudget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        let (burst, every) = text.split_once('/').ok_or(MalformedBudget::Form)?;
        let burst = burst.trim().parse().map_err(|_| MalformedBudget::Form)?;
        let every = humantime::parse_duration(every.trim()).map_err(|_| MalformedBudget::Form)?;
        Ok(Self(Some(Budget::try_new(burst, every)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        guesses: GuessArgs,
    }

    #[test]
    fn the_defaults_are_those_of_the_flows() {
        let flags = Flags::try_parse_from(["passgate"]).unwrap();
        assert_eq!(flags.guesses.limits(), GuessLimits::default());
    }

    #[test]
    fn a_budget_is_two_figures_or_off() {
        assert_eq!("off".parse(), Ok(GuessBudget(None)));
        let GuessBudget(budget) = "3/1m 30s".parse().unwrap();
        let budget = budget.unwrap();
        assert_eq!((budget.burst(), budget.every().as_secs()), (3, 90));
        for bad in ["", "10", "10/", "/15m", "ten/15m", "10/15", "-1/15m"] {
            assert_eq!(
                bad.parse::<GuessBudget>(),
                Err(MalformedBudget::Form),
                "{bad}"
            );
        }
        for bad in ["0/15m", "10/2d", "10/0s"] {
            let error = bad.parse::<GuessBudget>().unwrap_err();
            assert_eq!(error, MalformedBudget::Figures(InvalidBudget), "{bad}");
        }
    }
}
