use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::{Algorithm, KeyError, Kid};

/// The shortest RSA modulus that verifies, in bytes (RFC 7518 section 3.3).
const RSA_MIN: usize = 2048 / 8;

/// The longest RSA modulus that verifies, in bytes: beyond it a check is an attack on the CPU.
const RSA_MAX: usize = 8192 / 8;

/// Members that only private and symmetric keys have (RFC 7518 section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The public half of a key, in the numbers of RFC 7518 section 6 and RFC 8037.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Ed25519 { x: Vec<u8> },
    P256 { x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::EdDsa,
            Self::P256 { .. } => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
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
            Self::P256 { x, y } => vec![
                ("crv", fixed("P-256")),
                ("kty", fixed("EC")),
                ("x", encode(x)),
                ("y", encode(y)),
            ],
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
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// The key as others read it.
    pub(super) fn to_jwk(&self, kid: &Kid) -> Value {
        let mut jwk = json!({
            "kid": kid.as_str(),
            "alg": self.algorithm().as_str(),
            "use": "sig",
        });
        for (name, value) in self.members() {
            jwk[name] = Value::String(value);
        }
        jwk
    }

    /// Reads a JWK and refuses what is private, for another use, or of the wrong size.
    pub(super) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyError> {
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
        let key = match (text(jwk, "kty")?, jwk.get("crv").and_then(Value::as_str)) {
            ("OKP", Some("Ed25519")) => Self::Ed25519 {
                x: sized(jwk, "x", 32)?,
            },
            ("EC", Some("P-256")) => Self::P256 {
                x: sized(jwk, "x", 32)?,
                y: sized(jwk, "y", 32)?,
            },
            ("RSA", _) => {
                let n = bytes(jwk, "n")?;
                if n.first() == Some(&0) || !(RSA_MIN..=RSA_MAX).contains(&n.len()) {
                    return Err(KeyError::Member("n"));
                }
                let e = bytes(jwk, "e")?;
                if e.is_empty() || e.len() > 8 {
                    return Err(KeyError::Member("e"));
                }
                Self::Rsa { n, e }
            }
            _ => return Err(KeyError::Unsupported),
        };
        match jwk.get("alg") {
            None => Ok(key),
            Some(Value::String(alg)) if alg.parse() == Ok(key.algorithm()) => Ok(key),
            Some(_) => Err(KeyError::Member("alg")),
        }
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

fn sized(jwk: &Map<String, Value>, name: &'static str, length: usize) -> Result<Vec<u8>, KeyError> {
    let bytes = bytes(jwk, name)?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(KeyError::Member(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(jwk: &Value) -> Result<PublicKey, KeyError> {
        PublicKey::from_jwk(jwk.as_object().unwrap())
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
    }

    #[test]
    fn a_short_rsa_key_is_refused() {
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let refused = parse(&json!({"kty": "RSA", "n": short, "e": "AQAB"}));
        assert_eq!(refused, Err(KeyError::Member("n")));
    }

    #[test]
    fn a_key_reads_back_from_its_jwk() {
        let key = PublicKey::P256 {
            x: vec![1; 32],
            y: vec![2; 32],
        };
        let kid = Kid::parse(&key.thumbprint()).unwrap();
        assert_eq!(parse(&key.to_jwk(&kid)), Ok(key));
    }
}
