use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::none_match;
use crate::jwt::KeyRing;

/// Shows the public keys of the [`KeyRing`] in the state (RFC 7517 section 5), to be kept for
/// as long as the ring says, with an entity tag.
pub async fn jwks(State(ring): State<KeyRing>, headers: HeaderMap) -> Response {
    let document = ring.jwks();
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|tags| none_match(tags, document.etag()));
    let about = [
        (header::ETAG, format!("\"{}\"", document.etag())),
        (header::CACHE_CONTROL, document.cache_control()),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    (about, json, document.body().to_owned()).into_response()
}
