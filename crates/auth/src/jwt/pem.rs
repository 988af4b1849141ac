//! PEM (RFC 7468) and the public keys inside it (RFC 5280 `SubjectPublicKeyInfo`), as much of
//! both as keys of ours need.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::jwk::PublicKey;

/// The label of a private key in PKCS#8.
pub(super) const PRIVATE: &str = "PRIVATE KEY";

/// The label of a public key.
pub(super) const PUBLIC: &str = "PUBLIC KEY";

/// The one block of `text`, if it has this label. Text around it is none of ours to interpret,
/// so there must be none.
pub(super) fn decode(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = text
        .trim()
        .strip_prefix("-----BEGIN ")?
        .strip_prefix(label)?
        .strip_prefix("-----")?
        .strip_suffix("-----")?
        .strip_suffix(label)?
        .strip_suffix("-----END ")?;
    let base64: Zeroizing<Vec<u8>> =
        Zeroizing::new(body.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
    STANDARD.decode(&*base64).ok().map(Zeroizing::new)
}

pub(super) fn encode(der: &[u8], label: &str) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // Room for all of it: a string that grows leaves copies behind.
    let mut pem = Zeroizing::new(String::with_capacity(base64.len() + base64.len() / 64 + 80));
    for part in ["-----BEGIN ", label, "-----\n"] {
        pem.push_str(part);
    }
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = next;
    }
    for part in ["-----END ", label, "-----\n"] {
        pem.push_str(part);
    }
    pem
}

/// The algorithm identifiers, as DER says them.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const EC_P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07,
];
const EC_P384: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
];
const RSA: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The key of a `SubjectPublicKeyInfo`.
pub(super) fn public_key(spki: &[u8]) -> Option<PublicKey> {
    let (info, rest) = element(SEQUENCE, spki)?;
    let (algorithm, info) = element(SEQUENCE, info)?;
    let (bits, trailing) = element(BIT_STRING, info)?;
    if !rest.is_empty() || !trailing.is_empty() {
        return None;
    }
    // The first byte counts unused bits: of whole bytes, none.
    let key = bits.strip_prefix(&[0])?;
    match algorithm {
        ED25519 => Some(PublicKey::Ed25519 { x: key.to_vec() }),
        EC_P256 => point(key).map(|(x, y)| PublicKey::P256 { x, y }),
        EC_P384 => point(key).map(|(x, y)| PublicKey::P384 { x, y }),
        RSA => rsa(key),
        _ => None,
    }
}

/// An uncompressed point (RFC 5480 section 2.2).
fn point(key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let coordinates = key.strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Some((x.to_vec(), y.to_vec()))
}

/// An `RSAPublicKey` (RFC 8017 appendix A.1.1).
fn rsa(key: &[u8]) -> Option<PublicKey> {
    let (numbers, rest) = element(SEQUENCE, key)?;
    let (n, numbers) = element(INTEGER, numbers)?;
    let (e, trailing) = element(INTEGER, numbers)?;
    if !rest.is_empty() || !trailing.is_empty() {
        return None;
    }
    // A zero before a high bit keeps the number positive, and is no part of it.
    let positive = |number: &[u8]| match number {
        [0, high, ..] if *high >= 0x80 => Some(number.get(1..)?.to_vec()),
        [first, ..] if *first > 0 && *first < 0x80 => Some(number.to_vec()),
        _ => None,
    };
    Some(PublicKey::Rsa {
        n: positive(n)?,
        e: positive(e)?,
    })
}

/// Takes one element with a length in its shortest form off the front: its content, and what
/// comes after it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, shortest, rest) = match first {
        0..=0x7f => (usize::from(first), 0, rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), 0x80, rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), 0x100, rest)
        }
        _ => return None,
    };
    if length < shortest {
        return None;
    }
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_reads_back() {
        let der: Vec<u8> = (0..200).collect();
        let pem = encode(&der, PRIVATE);
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\nAAEC"));
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert_eq!(decode(&pem, PRIVATE).unwrap().as_slice(), der);
        assert!(decode(&pem.replace('\n', "\r\n"), PRIVATE).is_some());
    }

    #[test]
    fn what_is_no_such_block_is_refused() {
        let pem = encode(&[1, 2, 3], PUBLIC);
        for bad in [
            "",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
            &format!("{}{}", *pem, *pem),
            &format!("text\n{}", *pem),
            &pem.replace("END PUBLIC", "END PRIVATE"),
        ] {
            assert!(decode(bad, PUBLIC).is_none(), "{bad}");
        }
        assert!(decode(&pem, PRIVATE).is_none());
    }

    #[test]
    fn a_length_in_a_longer_form_than_needed_is_refused() {
        assert!(element(INTEGER, &[2, 1, 7]).is_some());
        assert!(element(INTEGER, &[2, 0x81, 1, 7]).is_none());
        assert!(element(INTEGER, &[2, 0x82, 0, 1, 7]).is_none());
        assert!(element(INTEGER, &[2, 5, 7]).is_none());
        assert!(element(INTEGER, &[]).is_none());
    }
}
