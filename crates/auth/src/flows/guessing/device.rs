use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::Uuid;

/// How long a device is known after a log-in: as long as a session lives at most.
pub const DEVICE_LIFE: Duration = Duration::from_hours(90 * 24);

/// The first byte: how to read the rest.
const FORMAT: u8 = 1;

/// Format, seconds since 1970, device.
const SIGNED: usize = 1 + 8 + 16;

/// All of it and the proof.
const LENGTH: usize = SIGNED + 32;

/// A device that somebody logged in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flows) struct Device(Uuid);

impl Device {
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// Proves that somebody logged in to an account with this device before, and nothing more: whoever
/// has it may go on guessing while others have used up the account's budget, as often as its own budget
/// says. Kept by the device alone.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken(String);

impl DeviceToken {
    pub(super) fn make(
        key: &hmac::Key,
        device: Device,
        account: &str,
        now: OffsetDateTime,
    ) -> Self {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&now.unix_timestamp().to_be_bytes());
        bytes.extend_from_slice(device.as_bytes());
        let proof = prove(key, &bytes, account);
        bytes.extend_from_slice(proof.as_ref());
        Self(URL_SAFE_NO_PAD.encode(&bytes))
    }

    pub(super) fn read(
        key: &hmac::Key,
        text: &str,
        account: &str,
        now: OffsetDateTime,
    ) -> Option<Device> {
        let mut bytes = [0; LENGTH + 3];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (signed, proof) = bytes.get(..length)?.split_at_checked(SIGNED)?;
        let mut data = signed.to_vec();
        data.extend_from_slice(account.as_bytes());
        hmac::verify(key, &data, proof).ok()?;
        let (format, rest) = signed.split_first()?;
        let (seconds, device) = rest.split_at_checked(8)?;
        let made = i64::from_be_bytes(seconds.try_into().ok()?);
        let made = OffsetDateTime::from_unix_timestamp(made).ok()?;
        let is_good = *format == FORMAT && now < made + DEVICE_LIFE;
        is_good.then_some(Device(Uuid::from_slice(device).ok()?))
    }

    /// The token itself, for a cookie: letters, digits, `-` and `_`.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What is signed has one length, so that the account begins at one place.
fn prove(key: &hmac::Key, signed: &[u8], account: &str) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(signed);
    context.update(account.as_bytes());
    context.sign()
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);

    fn key(byte: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32])
    }

    #[test]
    fn a_token_is_for_its_account_and_its_time() {
        let device = Device::random();
        let token = DeviceToken::make(&key(1), device, "matt", NOW);
        let read =
            |key: &hmac::Key, account, now| DeviceToken::read(key, token.expose(), account, now);
        assert_eq!(read(&key(1), "matt", NOW + DEVICE_LIFE / 2), Some(device));
        assert_eq!(read(&key(1), "matt", NOW + DEVICE_LIFE), None);
        assert_eq!(read(&key(1), "ada", NOW), None);
        assert_eq!(read(&key(2), "matt", NOW), None);
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn what_we_did_not_make_is_no_token() {
        let token = DeviceToken::make(&key(1), Device::random(), "matt", NOW);
        let text = token.expose();
        let read = |text: &str| DeviceToken::read(&key(1), text, "matt", NOW);
        for place in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                read(std::str::from_utf8(&changed).unwrap()),
                None,
                "at {place}"
            );
            assert_eq!(read(&text[..place]), None, "until {place}");
        }
        assert_eq!(read(&format!("{text}AAAAAAAA")), None);
    }
}
