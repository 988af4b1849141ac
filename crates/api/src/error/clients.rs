//! What goes wrong with clients.

use passgate_auth::flows::{
    AddSecretError, ClientError, ClientTokenError, IntrospectError, RegisterClientError,
    RevokeError,
};

use super::ApiError;
use super::from::capitalised;

/// Whichever it is: the same bytes.
const REFUSED: &str = "The client is unknown or disabled, or its secret is not the right one";

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused => Self::InvalidClient(REFUSED),
            ClientError::Grant(grant) => Self::UnauthorizedClient(grant),
            ClientError::TooMany(error) => error.into(),
            ClientError::Store(error) => error.into(),
        }
    }
}

impl From<ClientTokenError> for ApiError {
    fn from(error: ClientTokenError) -> Self {
        match error {
            ClientTokenError::Client(error) => error.into(),
            ClientTokenError::Scope { .. } => Self::InvalidScope(capitalised(&error.to_string())),
            ClientTokenError::Issue(error) => error.into(),
        }
    }
}

impl From<RevokeError> for ApiError {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Client(error) => error.into(),
            RevokeError::OtherClient => Self::OtherClientsToken,
            RevokeError::ClientToken => Self::UnsupportedTokenType,
            RevokeError::Store(error) => error.into(),
        }
    }
}

impl From<IntrospectError> for ApiError {
    fn from(error: IntrospectError) -> Self {
        match error {
            IntrospectError::Client(error) => error.into(),
            IntrospectError::Forbidden(error) => Self::Forbidden(error),
            IntrospectError::Ended => Self::SessionEnded,
            IntrospectError::Store(error) => error.into(),
        }
    }
}

impl From<RegisterClientError> for ApiError {
    fn from(error: RegisterClientError) -> Self {
        match error {
            RegisterClientError::Taken => Self::ClientTaken,
            RegisterClientError::NoRandomness(error) => Self::Internal(error.into()),
            RegisterClientError::Store(error) => error.into(),
        }
    }
}

impl From<AddSecretError> for ApiError {
    fn from(error: AddSecretError) -> Self {
        match error {
            AddSecretError::NoClient => Self::NoSuchClient,
            AddSecretError::Full => Self::TwoSecrets,
            AddSecretError::NoRandomness(error) => Self::Internal(error.into()),
            AddSecretError::Store(error) => error.into(),
        }
    }
}
