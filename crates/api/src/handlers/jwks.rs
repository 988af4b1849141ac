//! `GET /.well-known/jwks.json`: RFC 7517 section 5.

use actix_web::http::header::{self, EntityTag, IfNoneMatch};
use actix_web::{HttpResponse, web};
use passgate_auth::jwt::JwksDocument;

use crate::state::AppState;

/// Shows the public keys.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "keys",
    summary = "The public keys that access tokens verify with (RFC 7517)",
    responses(
        (status = 200, description = "The keys", body = Object, content_type = "application/json"),
        (status = 304, description = "The keys are still those of the `ETag` given"),
    )
)]
pub async fn jwks(
    state: web::Data<AppState>,
    known: Option<web::Header<IfNoneMatch>>,
) -> HttpResponse {
    let keys = state.keys.as_ref();
    let jwks = keys.map_or_else(JwksDocument::empty, |keys| keys.ring().jwks());
    let etag = EntityTag::new_strong(jwks.etag().trim_matches('"').to_owned());
    let cache = (header::CACHE_CONTROL, jwks.cache_control());
    let unchanged = match known.map(web::Header::into_inner) {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&etag)),
        None => false,
    };
    if unchanged {
        return HttpResponse::NotModified()
            .insert_header(cache)
            .insert_header(header::ETag(etag))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header(cache)
        .insert_header(header::ETag(etag))
        .content_type("application/json")
        .body(jwks.body().to_owned())
}
