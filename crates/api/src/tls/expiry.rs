//! When a certificate ends: the one thing of it that we read ourselves.

use rustls::pki_types::CertificateDer;
use time::{Date, Month, OffsetDateTime, Time};

/// The tags of DER that are on the way (X.690 section 8, RFC 5280 section 4.1).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The `notAfter` of a certificate; none if it cannot be read. Nothing else depends on it: whether it can
/// be served with, the library says.
pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<OffsetDateTime> {
    let mut outer = Reader(certificate.as_ref());
    let mut whole = Reader(outer.content_of(SEQUENCE)?);
    let mut fields = Reader(whole.content_of(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    // The serial number, the algorithm of the signature, and who issued it.
    for _ in 0..3 {
        fields.next()?;
    }
    let mut validity = Reader(fields.content_of(SEQUENCE)?);
    validity.next()?;
    match validity.next()? {
        (UTC_TIME, text) => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            // RFC 5280 section 4.1.2.5.1.
            moment(year + if year < 50 { 2000 } else { 1900 }, rest)
        }
        (GENERALIZED_TIME, text) => {
            let (year, rest) = text.split_at_checked(4)?;
            moment(number(year)?, rest)
        }
        _ => None,
    }
}

/// `MMDDHHMMSSZ`, the one form that certificates have.
fn moment(year: u16, rest: &[u8]) -> Option<OffsetDateTime> {
    let digits = rest
        .strip_suffix(b"Z")
        .filter(|digits| digits.len() == 10)?;
    let two = |at: usize| u8::try_from(number(&digits[at..at + 2])?).ok();
    let month = Month::try_from(two(0)?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, two(2)?).ok()?;
    let time = Time::from_hms(two(4)?, two(6)?, two(8)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

fn number(digits: &[u8]) -> Option<u16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Values in DER, one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The tag of the next value and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            // Then it says how many bytes the length has.
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (bytes, after) = rest.split_at_checked(count)?;
            length = bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn content_of(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(tag, _)| *tag == wanted)
            .map(|(_, content)| content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn ending(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 2, 28);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_a_time() {
        for year in [1999, 2026, 2049, 2050, 4096] {
            let read = not_after(&ending(year));
            assert_eq!(read, Some(date_time_ymd(year, 2, 28)), "{year}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end_and_stops_nobody() {
        let good = ending(2030);
        for length in 0..good.len() {
            let cut = CertificateDer::from(good[..length].to_vec());
            assert_eq!(not_after(&cut), None, "{length}");
        }
        for at in 0..good.len() {
            let mut other = good.to_vec();
            other[at] ^= 0xff;
            not_after(&CertificateDer::from(other));
        }
    }
}
