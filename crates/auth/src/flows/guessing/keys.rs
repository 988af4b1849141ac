use std::net::IpAddr;

use aws_lc_rs::hmac;
use passgate_domain::guess::{GuessKey, customer, subscriber};
use passgate_domain::session::SessionId;
use passgate_domain::{ClientId, UserId};
use time::OffsetDateTime;

use super::device::{Device, DeviceToken};
use crate::seal::{SealError, SealingKey};

/// Makes the keys that guesses are counted under, and proves devices.
pub(super) struct Keys {
    counting: hmac::Key,
    proving: hmac::Key,
    /// Of other secrets, which prove devices, too.
    accepted: Vec<hmac::Key>,
    everybody: GuessKey,
}

fn derive(secret: &SealingKey, label: &[u8]) -> Result<hmac::Key, SealError> {
    let key = secret.derive(label)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key[..]))
}

fn proving(secret: &SealingKey) -> Result<hmac::Key, SealError> {
    derive(secret, b"known device hmac-sha256 v1")
}

impl Keys {
    pub(super) fn new(secret: &SealingKey) -> Result<Self, SealError> {
        let counting = derive(secret, b"guesses hmac-sha256 v1")?;
        Ok(Self {
            everybody: key(&counting, "everybody", &[]),
            counting,
            proving: proving(secret)?,
            accepted: Vec::new(),
        })
    }

    pub(super) fn accept(&mut self, other: &SealingKey) -> Result<(), SealError> {
        self.accepted.push(proving(other)?);
        Ok(())
    }

    pub(super) fn of_account(&self, account: &str) -> GuessKey {
        self.key("account", &[account.as_bytes()])
    }

    pub(super) fn of_address(&self, address: IpAddr) -> GuessKey {
        self.key("address", &[&octets(subscriber(address))])
    }

    pub(super) fn of_network(&self, address: IpAddr) -> Option<GuessKey> {
        let network = customer(address)?;
        Some(self.key("network", &[&octets(network)]))
    }

    pub(super) fn of_everybody(&self) -> GuessKey {
        self.everybody
    }

    pub(super) fn of_device(&self, account: &str, device: Device) -> GuessKey {
        self.key("device", &[device.as_bytes(), account.as_bytes()])
    }

    pub(super) fn of_device_at(&self, account: &str, address: IpAddr) -> GuessKey {
        let octets = octets(subscriber(address));
        self.key("device at", &[&octets, account.as_bytes()])
    }

    pub(super) fn of_session(&self, session: SessionId) -> GuessKey {
        self.key("session", &[session.as_uuid().as_bytes()])
    }

    pub(super) fn of_client_at(&self, address: IpAddr) -> GuessKey {
        self.key("client", &[&octets(subscriber(address))])
    }

    pub(super) fn of_client_in(&self, address: IpAddr) -> Option<GuessKey> {
        let network = customer(address)?;
        Some(self.key("client network", &[&octets(network)]))
    }

    pub(super) fn of_email_by(&self, user: UserId) -> GuessKey {
        self.key("email", &[&user.get().to_be_bytes()])
    }

    pub(super) fn of_user(&self, user: UserId) -> GuessKey {
        self.key("user", &[&user.get().to_be_bytes()])
    }

    pub(super) fn of_client(&self, client: &ClientId) -> GuessKey {
        self.key("client itself", &[client.as_str().as_bytes()])
    }

    pub(super) fn of_registration_at(&self, address: IpAddr) -> GuessKey {
        self.key("registration", &[&octets(subscriber(address))])
    }

    pub(super) fn of_registration_in(&self, address: IpAddr) -> Option<GuessKey> {
        let network = customer(address)?;
        Some(self.key("registration network", &[&octets(network)]))
    }

    pub(super) fn make_device(
        &self,
        device: Device,
        account: &str,
        now: OffsetDateTime,
    ) -> DeviceToken {
        DeviceToken::make(&self.proving, device, account, now)
    }

    /// The device of a token that we made for this account; none if it is none, or too old.
    pub(super) fn read_device(
        &self,
        token: &str,
        account: &str,
        now: OffsetDateTime,
    ) -> Option<Device> {
        let mut keys = std::iter::once(&self.proving).chain(&self.accepted);
        keys.find_map(|key| DeviceToken::read(key, token, account, now))
    }

    fn key(&self, kind: &str, parts: &[&[u8]]) -> GuessKey {
        key(&self.counting, kind, parts)
    }
}

/// No kind is the beginning of another with a NUL behind it, and each has one part at most whose
/// length is not always the same, the last: no two things have one text.
fn key(counting: &hmac::Key, kind: &str, parts: &[&[u8]]) -> GuessKey {
    let mut context = hmac::Context::with_key(counting);
    context.update(kind.as_bytes());
    context.update(&[0]);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; GuessKey::BYTES];
    bytes.copy_from_slice(&context.sign().as_ref()[..GuessKey::BYTES]);
    GuessKey::new(bytes)
}

/// As an IPv6 address, so that all have one length.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}
