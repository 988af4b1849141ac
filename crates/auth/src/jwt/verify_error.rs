use thiserror::Error;

/// Why a token is refused. Never repeats anything of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// It is no JWS in compact form, or a part is not what it has to be.
    #[error("The token is malformed")]
    Malformed,
    /// It is longer than any token of ours.
    #[error("The token is too long")]
    TooLong,
    /// No key has the name in the header.
    #[error("The token is signed with an unknown key")]
    UnknownKey,
    /// The key is for another algorithm than the header says.
    #[error("The token's algorithm is not the key's")]
    AlgorithmMismatch,
    /// The header asks for an extension to be understood, and none is (RFC 7515 section 4.1.11).
    #[error("The token has critical header parameters, and none is understood")]
    CriticalHeader,
    /// It is a token of another kind (RFC 9068 section 4).
    #[error("The token is not an access token")]
    WrongType,
    /// The signature does not fit.
    #[error("The token's signature is wrong")]
    BadSignature,
    /// Its time is over.
    #[error("The token has expired")]
    Expired,
    /// Its time has not come.
    #[error("The token is not valid yet")]
    NotYetValid,
    /// Somebody else made it.
    #[error("The token has another issuer")]
    WrongIssuer,
    /// It is for somebody else.
    #[error("The token is for another audience")]
    WrongAudience,
    /// It lives longer than any token of ours.
    #[error("The token's life is longer than allowed")]
    LivesTooLong,
    /// It was made longer ago than is allowed here.
    #[error("The token is too old")]
    TooOld,
    /// It was revoked before its time.
    #[error("The token was revoked")]
    Revoked,
    /// A claim that has to be there is not.
    #[error("The token lacks the claim {0}")]
    MissingClaim(&'static str),
    /// A claim is of the wrong type or out of its range.
    #[error("The token's claim {0} is malformed")]
    BadClaim(&'static str),
    /// The claims of the application are not what it expects.
    #[error("The token's own claims are malformed")]
    BadExtra,
    /// There are no keys to verify with just now. Not the token's fault: a 503, never a 401.
    #[error("There are no keys to verify tokens with")]
    KeysUnavailable,
    /// Whether the token was revoked cannot be told just now. A 503, never a 401.
    #[error("Whether the token was revoked cannot be told")]
    RevocationUnavailable,
}

/// How long to wait before asking again, in seconds, where the fault is on the verifying side:
/// the first attempts to mend it come within this time.
const RETRY_AFTER: u32 = 5;

impl VerifyError {
    /// The HTTP status: 401, or 503 where the fault is on the verifying side.
    pub const fn status(self) -> u16 {
        match self {
            Self::KeysUnavailable | Self::RevocationUnavailable => 503,
            _ => 401,
        }
    }

    /// The seconds for `Retry-After`, with a 503.
    pub const fn retry_after(self) -> Option<u32> {
        match self.status() {
            503 => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// The challenge of RFC 6750 section 3, with a 401. A token that cannot be judged is no invalid
    /// one.
    pub fn www_authenticate(self, realm: &str) -> Option<String> {
        let realm = quoted(realm);
        (self.status() == 401).then(|| {
            format!(
                "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{self}\""
            )
        })
    }
}

/// What of a text may stand in a quoted string of a header.
pub(super) fn quoted(text: &str) -> String {
    let fits = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    text.chars().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_one_header_value() {
        let challenge = VerifyError::MissingClaim("aud").www_authenticate("pass\"ga\r\nte\\é");
        assert_eq!(
            challenge.as_deref(),
            Some(
                "Bearer realm=\"passgate\", error=\"invalid_token\", \
                 error_description=\"The token lacks the claim aud\""
            )
        );
    }

    #[test]
    fn a_lack_of_keys_is_not_blamed_on_the_token() {
        for ours in [
            VerifyError::KeysUnavailable,
            VerifyError::RevocationUnavailable,
        ] {
            assert_eq!((ours.status(), ours.retry_after()), (503, Some(5)));
            assert_eq!(ours.www_authenticate("api"), None);
        }
        assert_eq!(VerifyError::BadSignature.retry_after(), None);
        assert_eq!(VerifyError::BadSignature.status(), 401);
    }
}
