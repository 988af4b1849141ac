//! Guards for actix-web. The same names as in `passgate_auth::axum`.
//!
//! Put the [`Verifier`] into the app's data; a guard that finds none answers 500 and logs an
//! error. An extractor after a middleware of the same verifier does not check the token again.
//!
//! actix-web's own `Option<Bearer>` takes a *bad* token for none: use [`OptionalBearer`].

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, web};
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

async fn verify<X: DeserializeOwned + 'static>(
    request: &HttpRequest,
) -> Result<Option<Verified<X>>, Rejection> {
    let verifier = data::<Verifier<X>>(request)
        .ok_or_else(|| Rejection::not_configured("a Verifier in the app's data"))?;
    if let Some(seen) = request.extensions().get::<Seen<X>>()
        && seen.by.is(verifier)
    {
        return Ok(Some(seen.verified.clone()));
    }
    let values = request.headers().get_all(header::AUTHORIZATION);
    let Some(token) = crate::http::bearer(values.map(header::HeaderValue::as_bytes))? else {
        return Ok(None);
    };
    let good = verifier.verify(token).await?;
    request.extensions_mut().insert(Seen {
        by: verifier.clone(),
        verified: good.clone(),
    });
    Ok(Some(good))
}

/// Something in the app's data, as it is or behind `web::Data`.
fn data<T: 'static>(request: &HttpRequest) -> Option<&T> {
    let shared = || request.app_data::<web::Data<T>>().map(|data| &***data);
    request.app_data::<T>().or_else(shared)
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        for (name, value) in self.headers() {
            response.insert_header((name, &*value));
        }
        response.body(self.body())
    }
}

impl ResponseError for Forbidden {
    fn status_code(&self) -> StatusCode {
        StatusCode::FORBIDDEN
    }

    fn error_response(&self) -> HttpResponse {
        Rejection::from(self.clone()).error_response()
    }
}
