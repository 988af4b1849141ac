use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::crypto::{RSA_MAX_BYTES, is_on_curve, sha256};
use super::{Algorithm, KeyError, Kid};

/// The shortest RSA modulus that verifies, in bytes (RFC 7518 section 3.3).
const RSA_MIN_BYTES: usize = 2048 / 8;

/// The longest RSA exponent, in bytes: no provider takes more than 33 bits.
const RSA_MAX_EXPONENT: usize = 5;

/// Members that only private and symmetric keys have (RFC 7518 section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The public half of a key, in the numbers of RFC 7518 section 6 and RFC 8037.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Ed25519 { x: Vec<u8> },
    P256 { x: Vec<u8>, y: Vec<u8> },
    P384 { x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// Whether the key can be for this algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::EdDsa => matches!(self, Self::Ed25519 { .. }),
            Algorithm::Es256 => matches!(self, Self::P256 { .. }),
            Algorithm::Es384 => matches!(self, Self::P384 { .. }),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => matches!(self, Self::Rsa { .. }),
        }
    }

    /// The algorithm of a key that names none: the only one it can be for. With RSA that takes
    /// an allow list which leaves one.
    fn only_algorithm(&self, allow: &[Algorithm]) -> Result<Algorithm, KeyError> {
        let mut candidates = Algorithm::ALL.into_iter().filter(|one| self.fits(*one));
        if matches!(self, Self::Rsa { .. }) {
            let mut allowed = candidates.filter(|one| allow.contains(one));
            return match (allowed.next(), allowed.next()) {
                (Some(one), None) => Ok(one),
                (None, _) => Err(KeyError::NotAllowed),
                (Some(_), Some(_)) => Err(KeyError::Ambiguous),
            };
        }
        candidates.next().ok_or(KeyError::Unsupported)
    }

    /// Refuses numbers of the wrong size, which one provider answers with a panic and another
    /// cuts to length, and points of no curve, which verify nothing.
    pub(super) fn check(self) -> Result<Self, KeyError> {
        let sized = |member, bytes: &[u8], length| {
            if bytes.len() == length {
                Ok(())
            } else {
                Err(KeyError::Member(member))
            }
        };
        match &self {
            Self::Ed25519 { x } => sized("x", x, 32)?,
            Self::P256 { x, y } => sized("x", x, 32).and(sized("y", y, 32))?,
            Self::P384 { x, y } => sized("x", x, 48).and(sized("y", y, 48))?,
            Self::Rsa { n, e } => {
                let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
                let minimal = |bytes: &[u8]| bytes.first().is_some_and(|first| *first > 0);
                if !(RSA_MIN_BYTES..=RSA_MAX_BYTES).contains(&n.len()) || !minimal(n) || !odd(n) {
                    return Err(KeyError::Member("n"));
                }
                if e.len() > RSA_MAX_EXPONENT || !minimal(e) || !odd(e) || e == &[1] {
                    return Err(KeyError::Member("e"));
                }
            }
        }
        if !is_on_curve(&self) {
            return Err(KeyError::Member("y"));
        }
        Ok(self)
    }

    /// The required members in the order of RFC 7638 section 3.2.
    fn members(&self) -> Vec<(&'static str, String)> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let fixed = |text: &str| text.to_owned();
        match self {
            Self::Ed25519 { x } => {
                vec![
                    ("crv", fixed("Ed25519")),
                    ("kty", fixed("OKP")),
                    ("x", encode(x)),
                ]
            }
            Self::P256 { x, y } | Self::P384 { x, y } => {
                let p256 = matches!(self, Self::P256 { .. });
                vec![
                    ("crv", fixed(if p256 { "P-256" } else { "P-384" })),
                    ("kty", fixed("EC")),
                    ("x", encode(x)),
                    ("y", encode(y)),
                ]
            }
            Self::Rsa { n, e } => vec![("e", encode(e)), ("kty", fixed("RSA")), ("n", encode(n))],
        }
    }

    /// The SHA-256 thumbprint of RFC 7638: the same key has the same name everywhere.
    pub(super) fn thumbprint(&self) -> String {
        let members: Vec<String> = self
            .members()
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        let canonical = format!("{{{}}}", members.join(","));
        URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))
    }

    /// The key as others read it.
    pub(super) fn to_jwk(&self, kid: &Kid, algorithm: Algorithm) -> Value {
        let mut jwk = json!({
            "kid": kid.as_str(),
            "alg": algorithm.as_str(),
            "use": "sig",
        });
        for (name, value) in self.members() {
            jwk[name] = Value::String(value);
        }
        jwk
    }

    /// Reads a JWK and refuses what is private, for another use, of the wrong size or for no
    /// algorithm of `allow`.
    pub(super) fn from_jwk(
        jwk: &Map<String, Value>,
        allow: &[Algorithm],
    ) -> Result<(Self, Algorithm), KeyError> {
        if PRIVATE_MEMBERS
            .iter()
            .any(|member| jwk.contains_key(*member))
        {
            return Err(KeyError::Private);
        }
        if jwk.get("use").is_some_and(|usage| usage != "sig") {
            return Err(KeyError::NotForSignatures);
        }
        if jwk.get("key_ops").is_some_and(|ops| !allows_verifying(ops)) {
            return Err(KeyError::NotForSignatures);
        }
        let number = |name| bytes(jwk, name);
        let key = match (text(jwk, "kty")?, jwk.get("crv").and_then(Value::as_str)) {
            ("OKP", Some("Ed25519")) => Self::Ed25519 { x: number("x")? },
            ("EC", Some("P-256")) => Self::P256 {
                x: number("x")?,
                y: number("y")?,
            },
            ("EC", Some("P-384")) => Self::P384 {
                x: number("x")?,
                y: number("y")?,
            },
            ("RSA", _) => Self::Rsa {
                n: number("n")?,
                e: number("e")?,
            },
            _ => return Err(KeyError::Unsupported),
        }
        .check()?;
        let algorithm = match jwk.get("alg") {
            None => key.only_algorithm(allow)?,
            Some(alg) => alg
                .as_str()
                .and_then(|alg| alg.parse().ok())
                .filter(|algorithm| key.fits(*algorithm))
                .ok_or(KeyError::Member("alg"))?,
        };
        if !allow.contains(&algorithm) {
            return Err(KeyError::NotAllowed);
        }
        Ok((key, algorithm))
    }
}

fn allows_verifying(ops: &Value) -> bool {
    ops.as_array()
        .is_some_and(|ops| ops.iter().any(|op| op == "verify"))
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, KeyError> {
    jwk.get(name)
        .and_then(Value::as_str)
        .ok_or(KeyError::Member(name))
}

fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD
        .decode(text(jwk, name)?)
        .map_err(|_| KeyError::Member(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::SigningKey;

    fn parse(jwk: &Value) -> Result<PublicKey, KeyError> {
        PublicKey::from_jwk(jwk.as_object().unwrap(), &Algorithm::ALL).map(|(key, _)| key)
    }

    const RFC8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037_a_3() {
        let key = parse(&json!({"kty": "OKP", "crv": "Ed25519", "x": RFC8037_X})).unwrap();
        assert_eq!(
            key.thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6t\
                 Soc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65Y\
                 GjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt\
                 -bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = parse(&json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256"})).unwrap();
        assert_eq!(
            key.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn what_is_not_a_public_signing_key_is_refused() {
        let good = json!({"kty": "OKP", "crv": "Ed25519", "x": RFC8037_X});
        for (member, value) in [
            ("d", json!("AAAA")),
            ("use", json!("enc")),
            ("use", json!(7)),
            ("key_ops", json!(["sign"])),
            ("key_ops", json!("verify")),
            ("alg", json!("ES256")),
            ("alg", json!(null)),
            ("x", json!("AAAA")),
            ("x", json!(7)),
            ("x", json!(format!("{RFC8037_X}="))),
            ("crv", json!("X25519")),
            ("kty", json!("oct")),
        ] {
            let mut bad = good.clone();
            bad[member] = value.clone();
            assert!(parse(&bad).is_err(), "{member}: {value}");
        }
        assert!(parse(&good).is_ok());
        for (member, value) in [
            ("use", json!("sig")),
            ("key_ops", json!(["verify"])),
            ("key_ops", json!(["sign", "verify"])),
        ] {
            let mut also = good.clone();
            also[member] = value.clone();
            assert!(parse(&also).is_ok(), "{member}: {value}");
        }
    }

    fn rsa(bytes: usize, e: &[u8]) -> Value {
        let n = URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        json!({"kty": "RSA", "n": n, "e": URL_SAFE_NO_PAD.encode(e), "alg": "RS256"})
    }

    #[test]
    fn rsa_numbers_out_of_bounds_are_refused() {
        let odd = [1, 0, 1];
        assert!(parse(&rsa(256, &odd)).is_ok());
        assert!(parse(&rsa(RSA_MAX_BYTES, &[1, 0, 0, 0, 1])).is_ok());
        for bad in [128, 255, RSA_MAX_BYTES + 1] {
            assert_eq!(parse(&rsa(bad, &odd)), Err(KeyError::Member("n")), "{bad}");
        }
        for (first, last) in [(0, 1), (1, 2)] {
            let mut jwk = rsa(256, &odd);
            let n = [&[first][..], &[7; 254], &[last]].concat();
            jwk["n"] = json!(URL_SAFE_NO_PAD.encode(n));
            assert_eq!(parse(&jwk), Err(KeyError::Member("n")), "{first} {last}");
        }
        for bad in [&[][..], &[1], &[2], &[0, 3], &[1; 6]] {
            assert_eq!(parse(&rsa(256, bad)), Err(KeyError::Member("e")), "{bad:?}");
        }
    }

    #[test]
    fn points_of_the_wrong_size_are_refused() {
        for (crv, right) in [("P-256", 32), ("P-384", 48)] {
            let point = |x: usize, y: usize| {
                let encode = |length| URL_SAFE_NO_PAD.encode(vec![7; length]);
                json!({"kty": "EC", "crv": crv, "x": encode(x), "y": encode(y)})
            };
            assert_eq!(parse(&point(right - 1, right)), Err(KeyError::Member("x")));
            assert_eq!(parse(&point(right, right + 1)), Err(KeyError::Member("y")));
        }
    }

    #[test]
    fn an_rsa_key_without_an_algorithm_wants_a_list_that_leaves_one() {
        let mut jwk = rsa(256, &[1, 0, 1]);
        jwk.as_object_mut().unwrap().remove("alg");
        let read = |allow: &[Algorithm]| {
            PublicKey::from_jwk(jwk.as_object().unwrap(), allow).map(|(_, algorithm)| algorithm)
        };
        assert_eq!(
            read(&[Algorithm::EdDsa, Algorithm::Ps384]),
            Ok(Algorithm::Ps384)
        );
        assert_eq!(
            read(&[Algorithm::Rs256, Algorithm::Ps256]),
            Err(KeyError::Ambiguous)
        );
        assert_eq!(read(&[Algorithm::EdDsa]), Err(KeyError::NotAllowed));
    }

    #[test]
    fn a_key_reads_back_from_its_jwk() {
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            let key = public(algorithm);
            let kid = Kid::parse(&key.thumbprint()).unwrap();
            assert_eq!(parse(&key.to_jwk(&kid, algorithm)), Ok(key));
        }
    }

    fn public(algorithm: Algorithm) -> PublicKey {
        let key = SigningKey::generate(algorithm).unwrap();
        parse(&serde_json::from_str(&key.public_jwk()).unwrap()).unwrap()
    }

    #[test]
    fn a_point_that_is_not_on_its_curve_is_refused() {
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            let mut key = public(algorithm);
            let kid = Kid::parse(&key.thumbprint()).unwrap();
            if let PublicKey::P256 { y, .. } | PublicKey::P384 { y, .. } = &mut key {
                y[20] ^= 1;
            }
            let jwk = key.to_jwk(&kid, algorithm);
            assert_eq!(parse(&jwk), Err(KeyError::Member("y")), "{algorithm}");
        }
    }
}
