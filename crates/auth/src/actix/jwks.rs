use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::{Rejection, data};
use crate::http::none_match;
use crate::jwt::KeyRing;

/// Shows the public keys of the [`KeyRing`] in the app's data (RFC 7517 section 5), to be kept
/// for as long as the ring says, with an entity tag.
pub async fn jwks(request: HttpRequest) -> HttpResponse {
    let Some(ring) = data::<KeyRing>(&request) else {
        return Rejection::not_configured("a KeyRing in the app's data").error_response();
    };
    let document = ring.jwks();
    let known = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .any(|tags| none_match(tags, document.etag()));
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, format!("\"{}\"", document.etag())))
        .insert_header((header::CACHE_CONTROL, document.cache_control()));
    if known {
        return response.finish();
    }
    response
        .content_type("application/json")
        .body(document.body().to_owned())
}
