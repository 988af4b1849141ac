//! Guards for axum. The same names as in `passgate_auth::actix`.
//!
//! Extractors take the [`Verifier`] out of the router's state through `FromRef`: a router
//! without one does not compile. Middleware is given its verifier. An extractor after a
//! middleware of the same verifier does not check the token again.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

mod extract;
mod jwks;
mod middleware;

pub use extract::{Bearer, InRole, OptionalBearer, Scoped};
pub use jwks::jwks;
pub use middleware::{Guard, Guarded, require_role, require_scope, require_token};

pub use crate::http::{Rejection, RequiredRole, RequiredScope};
use crate::jwt::{Forbidden, Verified, Verifier};

/// A token that a guard has checked, and which verifier did: another one has other rules.
struct Seen<X> {
    by: Verifier<X>,
    verified: Verified<X>,
}

impl<X> Clone for Seen<X> {
    fn clone(&self) -> Self {
        Self {
            by: self.by.clone(),
            verified: self.verified.clone(),
        }
    }
}

async fn verify<X: DeserializeOwned + Send + Sync + 'static>(
    parts: &mut Parts,
    verifier: &Verifier<X>,
) -> Result<Option<Verified<X>>, Rejection> {
    if let Some(seen) = parts.extensions.get::<Seen<X>>()
        && seen.by.is(verifier)
    {
        return Ok(Some(seen.verified.clone()));
    }
    let values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let Some(token) = crate::http::bearer(values.map(HeaderValue::as_bytes))? else {
        return Ok(None);
    };
    let good = verifier.verify(token).await?;
    parts.extensions.insert(Seen {
        by: verifier.clone(),
        verified: good.clone(),
    });
    Ok(Some(good))
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() =
            StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl IntoResponse for Forbidden {
    fn into_response(self) -> Response {
        Rejection::from(self).into_response()
    }
}
