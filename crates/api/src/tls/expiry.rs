//! When a certificate ends.

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// The `notAfter` of a certificate (RFC 5280 section 4.1.2.5); none if it cannot be read. Nothing else depends
/// on it: whether it can be served with, rustls says.
pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<OffsetDateTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.to_datetime())
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
