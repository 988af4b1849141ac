//! The pieces that stored hashes are written in.

use password_hash::phc::Output;

use super::MIN_TAG;
use crate::password::PasswordError;

/// A whole number in decimal, without sign.
pub(super) fn number(text: &str) -> Option<u32> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// The values of `a=1,b=2`, if those are the names, each there once and in this order.
#[cfg(any(feature = "legacy-pbkdf2", feature = "legacy-scrypt"))]
pub(super) fn values<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut parts = text.split(',');
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
    }
    parts.next().is_none().then_some(values)
}

/// Standard base64 without padding, as in PHC strings.
#[cfg(any(feature = "legacy-pbkdf2", feature = "legacy-scrypt"))]
pub(super) fn unpadded(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    STANDARD_NO_PAD.decode(text).ok()
}

/// Standard base64 with padding, as in Django's strings.
#[cfg(any(feature = "legacy-django", feature = "legacy-firebase"))]
pub(super) fn padded(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).ok()
}

/// passlib's base64 of old: a full stop for the plus sign, no padding.
#[cfg(feature = "legacy-passlib")]
pub(super) fn adapted(text: &str) -> Option<Vec<u8>> {
    unpadded(&text.replace('.', "+"))
}

/// A tag long enough to be compared, and short enough to have been made.
pub(super) fn tag(bytes: Option<Vec<u8>>) -> Result<Output, PasswordError> {
    let bytes = bytes.ok_or(PasswordError::Corrupt("its tag is no base64"))?;
    if bytes.len() < MIN_TAG {
        return Err(PasswordError::Corrupt("its tag is shorter than 16 bytes"));
    }
    Output::new(&bytes).map_err(|_| PasswordError::Corrupt("its tag is longer than 64 bytes"))
}
