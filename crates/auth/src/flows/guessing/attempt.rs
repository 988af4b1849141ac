use std::net::IpAddr;

use passgate_domain::Username;
use passgate_domain::guess::{Budget, Charge, GuessKey, Guesser};
use passgate_domain::session::SessionId;
use time::OffsetDateTime;

use super::device::Device;
use super::{GuessLimits, Guessing};

/// Whoever wants a guess looked at.
pub(in crate::flows) struct Attempt {
    /// Budgets of which none may be used up.
    pub(super) general: Vec<Charge>,
    /// The budgets of a device that proves it is known, and of one at an address that may be.
    pub(super) proved: Option<Charge>,
    pub(super) at_address: Option<Charge>,
    pub(super) address: Option<IpAddr>,
    device: Option<Device>,
}

impl Attempt {
    pub(super) fn charges(&self) -> impl Iterator<Item = &Charge> {
        let of_device = self.proved.iter().chain(&self.at_address);
        self.general.iter().chain(of_device)
    }

    /// The device that proved it is known, or a new one.
    pub(in crate::flows) fn device(&self) -> Option<Device> {
        self.device
    }
}

impl Guessing {
    /// A log-in, by a device that may prove that it is known to the account.
    pub(in crate::flows) fn log_in(
        &self,
        username: Option<&Username>,
        address: Option<IpAddr>,
        device: Option<&str>,
        now: OffsetDateTime,
    ) -> Attempt {
        let account = username.map(Username::key);
        let charge = |guesser, budget: Option<_>, key: Option<GuessKey>| {
            let (budget, key) = budget.zip(key)?;
            Some(Charge {
                guesser,
                key,
                budget,
            })
        };
        let keys = &self.keys;
        let GuessLimits {
            account: of_account,
            address: of_address,
            everybody,
            ..
        } = self.limits;
        let of_network = of_address.map(Budget::tenfold);
        let general = [
            charge(
                Guesser::Account,
                of_account,
                account.map(|account| keys.of_account(account)),
            ),
            charge(
                Guesser::Address,
                of_address,
                address.map(|address| keys.of_address(address)),
            ),
            charge(
                Guesser::Network,
                of_network,
                address.and_then(|address| keys.of_network(address)),
            ),
            charge(Guesser::Everybody, everybody, Some(keys.of_everybody())),
        ];
        let general: Vec<Charge> = general.into_iter().flatten().collect();
        let known = device
            .zip(account)
            .and_then(|(token, account)| keys.read_device(token, account, now));
        // As large as the account's; not wanted where nothing is ever used up.
        let of_device = of_account.or(GuessLimits::default().account);
        let of_device = of_device.filter(|_| !general.is_empty());
        let proved = account.zip(known);
        let here = account.zip(address);
        Attempt {
            proved: charge(
                Guesser::Device,
                of_device,
                proved.map(|(account, device)| keys.of_device(account, device)),
            ),
            at_address: charge(
                Guesser::Device,
                of_device,
                here.map(|(account, address)| keys.of_device_at(account, address)),
            ),
            general,
            device: known,
            address,
        }
    }

    /// A user's own wish within a session, which nobody else can use up.
    pub(in crate::flows) fn within_session(&self, session: SessionId) -> Attempt {
        let charge = self.limits.account.map(|budget| Charge {
            guesser: Guesser::Device,
            key: self.keys.of_session(session),
            budget,
        });
        Attempt {
            general: charge.into_iter().collect(),
            proved: None,
            at_address: None,
            device: None,
            address: None,
        }
    }
}
