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
}

impl VerifyError {
    /// The HTTP status: 401, or 503 where the fault is on the verifying side.
    pub const fn status(self) -> u16 {
        match self {
            Self::KeysUnavailable => 503,
            _ => 401,
        }
    }

    /// The challenge of RFC 6750 section 3.
    pub fn www_authenticate(self, realm: &str) -> String {
        let realm: String = realm.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
        format!("Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_one_header_value() {
        let challenge = VerifyError::MissingClaim("aud").www_authenticate("pass\"gate\\");
        assert_eq!(
            challenge,
            "Bearer realm=\"passgate\", error=\"invalid_token\", \
             error_description=\"The token lacks the claim aud\""
        );
    }

    #[test]
    fn a_lack_of_keys_is_not_blamed_on_the_token() {
        assert_eq!(VerifyError::KeysUnavailable.status(), 503);
        assert_eq!(VerifyError::BadSignature.status(), 401);
    }
}
