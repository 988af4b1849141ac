use std::future::{Ready, ready};

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, dev, web};
use passgate_auth::jwt::{Verified, VerifyError};
use passgate_domain::token::TokenClaims;

use crate::error::ApiError;
use crate::state::AppState;

/// Somebody with a good access token (RFC 6750 section 2.1).
pub struct Bearer(pub Verified<TokenClaims>);

impl Bearer {
    /// Whether the request comes with a token, whatever it is worth.
    pub fn is_given(request: &HttpRequest) -> bool {
        let value = request.headers().get(header::AUTHORIZATION);
        let scheme = value.and_then(|value| value.as_bytes().get(..7));
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
    }

    /// Reads the token of a request.
    ///
    /// # Errors
    /// [`ApiError`] if there is none, or none that is good.
    pub fn read(request: &HttpRequest) -> Result<Self, ApiError> {
        verify(request).map(Self)
    }
}

impl FromRequest for Bearer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Self::read(request))
    }
}

fn verify(request: &HttpRequest) -> Result<Verified<TokenClaims>, ApiError> {
    let state = request
        .app_data::<web::Data<AppState>>()
        .ok_or_else(|| ApiError::Internal("the app has no state".into()))?;
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = headers.next() else {
        return Err(ApiError::NotAuthenticated);
    };
    if headers.next().is_some() {
        return Err(ApiError::Malformed(
            "The Authorization header is given twice".to_owned(),
        ));
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::NotAuthenticated);
    }
    let token = token.trim_start_matches(' ');
    if token.is_empty() {
        return Err(ApiError::Token(VerifyError::Malformed));
    }
    state.verifier.verify_now(token).map_err(ApiError::Token)
}
