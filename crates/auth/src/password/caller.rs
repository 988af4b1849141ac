use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use passgate_domain::Username;

/// On whose behalf a password is hashed, so that nobody takes more than a share of the queue: an
/// account, an address, or both. Who says neither waits behind nobody.
///
/// ```
/// use passgate_auth::password::Caller;
///
/// let caller = Caller::new().address("192.0.2.7".parse()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Caller {
    account: Option<String>,
    address: Option<IpAddr>,
}

impl Caller {
    /// Nobody in particular.
    pub fn new() -> Self {
        Self::default()
    }

    /// The account whose password it is, whether there is such an account or not.
    #[must_use]
    pub fn account(mut self, username: &Username) -> Self {
        self.account = Some(username.key().to_owned());
        self
    }

    /// The address that asks. Of IPv6, which is given to people by networks, the /64.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = Some(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        });
        self
    }
}

/// A [`Caller`] as the queue knows it: two numbers that tell nothing, and that nobody outside can
/// make collide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Keys {
    account: Option<u64>,
    address: Option<u64>,
}

impl Keys {
    pub(super) fn of(caller: &Caller, hashes: &RandomState) -> Self {
        Self {
            account: caller.account.as_ref().map(|key| hashes.hash_one(key)),
            address: caller.address.as_ref().map(|key| hashes.hash_one(key)),
        }
    }

    /// Whether the two are of one account or of one address.
    pub(super) fn meet(&self, other: &Self) -> bool {
        let same = |a: Option<u64>, b: Option<u64>| a.is_some() && a == b;
        same(self.account, other.account) || same(self.address, other.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(address: &str, account: &str, hashes: &RandomState) -> Keys {
        let username = Username::parse(account).unwrap();
        let caller = Caller::new()
            .address(address.parse().unwrap())
            .account(&username);
        Keys::of(&caller, hashes)
    }

    #[test]
    fn callers_meet_in_the_account_or_in_the_address() {
        let hashes = RandomState::new();
        let matt = keys("192.0.2.7", "matt", &hashes);
        assert!(matt.meet(&keys("192.0.2.7", "ada", &hashes)));
        assert!(matt.meet(&keys("192.0.2.8", "MATT", &hashes)));
        assert!(!matt.meet(&keys("192.0.2.8", "ada", &hashes)));
        assert!(!Keys::default().meet(&Keys::default()));
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_ipv4_is_itself() {
        let hashes = RandomState::new();
        let key = |address| keys(address, "matt", &hashes).address;
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1:2:3"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    }
}
