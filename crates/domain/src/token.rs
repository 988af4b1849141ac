//! The vocabulary of Passgate's access tokens, beyond the registered claims of RFC 7519.

use serde::{Deserialize, Serialize};

use crate::UserId;
use crate::session::SessionId;

/// What an access token says about the user that no registered claim says.
///
/// `sub` is the username and `scope`, `roles`, `client_id` are RFC 9068's; these two are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaims {
    /// The user's number: what other tables point to.
    pub user_id: UserId,
    /// The session that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
}

/// What any of Passgate's access tokens says: a user's has both, a client's own has neither.
///
/// Services that are for users only ask for [`UserClaims`], which no token of a client has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenClaims {
    /// The user's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The session that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
}

/// The `client_id` of a token when the request named no client: RFC 9068 requires the claim.
pub const FIRST_PARTY_CLIENT: &str = "passgate";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_a_session_has_no_sid_at_all() {
        let claims = UserClaims {
            user_id: UserId::try_new(1).unwrap(),
            sid: None,
        };
        assert_eq!(serde_json::to_string(&claims).unwrap(), r#"{"user_id":1}"#);
    }

    #[test]
    fn a_clients_token_is_no_users() {
        let claims = TokenClaims::default();
        let json = serde_json::to_string(&claims).unwrap();
        assert_eq!(json, "{}");
        assert!(serde_json::from_str::<UserClaims>(&json).is_err());
        assert_eq!(serde_json::from_str::<TokenClaims>(&json).unwrap(), claims);
    }
}
