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

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let head = match length {
            [0, low @ ..0x80] => vec![tag, low],
            [0, low] => vec![tag, 0x81, low],
            [high, low] => vec![tag, 0x82, high, low],
        };
        [head, content.to_vec()].concat()
    }

    #[test]
    fn a_key_is_written_into_the_room_that_was_made_for_it() {
        for length in [0, 1, 44, 48, 49, 91, 294, 1217] {
            let pem = encode(&vec![7; length], PRIVATE);
            let room = pem.len()..pem.len() + 80;
            assert!(room.contains(&pem.capacity()), "{length}");
        }
    }

    #[test]
    fn a_length_of_each_form_is_read_to_its_limits() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff] {
            let content = vec![7; length];
            let whole = der(INTEGER, &content);
            assert_eq!(element(INTEGER, &whole), Some((&*content, &[][..])));
            let more = [whole, vec![9]].concat();
            assert_eq!(element(INTEGER, &more), Some((&*content, &[9][..])));
        }
        for longer_than_needed in [[0x81, 0x7f].as_slice(), &[0x82, 0, 0xff]] {
            let whole = [&[INTEGER], longer_than_needed, &[7; 0xff]].concat();
            assert_eq!(element(INTEGER, &whole), None);
        }
        for form in [0x80, 0x83, 0xff] {
            assert_eq!(element(INTEGER, &[INTEGER, form, 0, 0, 1, 7]), None);
        }
    }

    #[test]
    fn a_public_key_is_the_whole_of_its_element() {
        let key = [7; 32];
        let bits = der(BIT_STRING, &[&[0], &key[..]].concat());
        let spki = |inside: &[&[u8]]| {
            let algorithm = der(SEQUENCE, ED25519);
            der(SEQUENCE, &[algorithm, inside.concat()].concat())
        };
        let x = key.to_vec();
        assert_eq!(public_key(&spki(&[&bits])), Some(PublicKey::Ed25519 { x }));
        assert_eq!(public_key(&spki(&[&bits, &[0]])), None);
        assert_eq!(public_key(&[spki(&[&bits]), vec![0]].concat()), None);
        // Seven bits would be no part of the key.
        let unused = der(BIT_STRING, &[&[7], &key[..]].concat());
        assert_eq!(public_key(&spki(&[&unused])), None);
    }

    #[test]
    fn the_numbers_of_an_rsa_key_are_positive_and_in_their_shortest_form() {
        let read = |n: &[u8], e: &[u8], inside: &[u8], after: &[u8]| {
            let numbers = [&der(INTEGER, n), &der(INTEGER, e), inside].concat();
            rsa(&[&der(SEQUENCE, &numbers), after].concat())
        };
        let number = |written: &[u8]| match read(written, &[3], &[], &[]) {
            Some(PublicKey::Rsa { n, e }) => {
                assert_eq!(e, [3]);
                Some(n)
            }
            _ => None,
        };
        assert_eq!(number(&[0, 0x80, 1]), Some(vec![0x80, 1]));
        assert_eq!(number(&[0x7f, 1]), Some(vec![0x7f, 1]));
        assert_eq!(number(&[1]), Some(vec![1]));
        for bad in [&[][..], &[0], &[0, 0x7f], &[0x80, 1], &[0, 0, 0x80]] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(read(&[5], &[0x80], &[], &[]), None);
        assert_eq!(read(&[5], &[3], &[0], &[]), None);
        assert_eq!(read(&[5], &[3], &[], &[0]), None);
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
