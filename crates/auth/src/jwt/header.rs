use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::VerifyError;
use super::text::Text;

/// A token's header, of which `jwk`, `jku` and `x5u` are never read: a token does not say which
/// key to trust. A member given twice is an error (RFC 7515 section 4).
#[derive(Debug, Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    pub(super) alg: Text<'a>,
    #[serde(borrow)]
    pub(super) kid: Option<Text<'a>>,
    #[serde(borrow)]
    typ: Option<Text<'a>>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// What a header of ours looks like.
#[derive(Debug, Serialize)]
pub(super) struct NewHeader<'a> {
    pub(super) alg: &'a str,
    pub(super) kid: &'a str,
    pub(super) typ: &'a str,
}

/// The type of an access token (RFC 9068 section 2.1).
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Header<'a> {
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, VerifyError> {
        let header: Self = serde_json::from_slice(json).map_err(|_| VerifyError::Malformed)?;
        if header.crit {
            return Err(VerifyError::CriticalHeader);
        }
        Ok(header)
    }

    /// Media types compare without regard to case and may leave out `application/` (RFC 7515
    /// section 4.1.9).
    pub(super) fn is_access_token(&self) -> bool {
        const PREFIX: &str = "application/";
        let Some(typ) = self.typ.as_deref() else {
            return false;
        };
        let name = match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
            _ => typ,
        };
        name.eq_ignore_ascii_case(ACCESS_TOKEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Header<'_>, VerifyError> {
        Header::parse(json.as_bytes())
    }

    #[test]
    fn critical_parameters_are_refused_whatever_they_are() {
        for crit in ["[\"b64\"]", "[]", "null", "7"] {
            let json = format!(r#"{{"alg":"EdDSA","crit":{crit}}}"#);
            assert_eq!(
                parse(&json).unwrap_err(),
                VerifyError::CriticalHeader,
                "{crit}"
            );
        }
    }

    #[test]
    fn a_member_given_twice_is_refused() {
        assert!(parse(r#"{"alg":"EdDSA","alg":"HS256"}"#).is_err());
        assert!(parse(r#"{"alg":"EdDSA","kid":"a","kid":"b"}"#).is_err());
    }

    #[test]
    fn the_type_is_a_media_type() {
        for (typ, is) in [
            ("at+jwt", true),
            ("AT+JWT", true),
            ("application/at+jwt", true),
            ("Application/AT+jwt", true),
            ("JWT", false),
            ("refresh+jwt", false),
            ("", false),
            ("text/at+jwt", false),
            ("applicationsat+jwt", false),
            ("text/x-tokenat+jwt", false),
        ] {
            let json = format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#);
            let header = parse(&json).unwrap();
            assert_eq!(header.is_access_token(), is, "{typ}");
        }
        assert!(!parse(r#"{"alg":"EdDSA"}"#).unwrap().is_access_token());
    }
}
