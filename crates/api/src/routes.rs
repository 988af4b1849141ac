//! The table of paths.

use actix_web::guard::{self, Guard};
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route};
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::error::ApiError;
use crate::handlers::{
    admin, health, introspect, jwks, me, metadata, metrics, revoke, sessions, token, users, verify,
    version,
};
use crate::openapi::ApiDoc;

/// Every path that the OpenAPI description has.
pub const PATHS: [&str; 26] = [
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/admin/audit",
    "/admin/clients",
    "/admin/clients/{id}",
    "/admin/clients/{id}/secrets",
    "/admin/clients/{id}/secrets/{slot}",
    "/admin/keys",
    "/admin/log",
    "/admin/users",
    "/admin/users/{id}",
    "/admin/users/{id}/password",
    "/admin/users/{id}/sessions",
    "/health/live",
    "/health/ready",
    "/introspect",
    "/metrics",
    "/revoke",
    "/token",
    "/users",
    "/users/me",
    "/users/me/password",
    "/users/me/sessions",
    "/users/me/sessions/{id}",
    "/verify",
    "/version",
];

/// Puts every handler at its path.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/token", "POST").route(web::post().to(token::token)))
        .service(resource("/revoke", "POST").route(web::post().to(revoke::revoke)))
        .service(resource("/introspect", "POST").route(web::post().to(introspect::introspect)))
        .service(resource("/users", "POST").route(web::post().to(users::register)))
        .service(
            resource("/users/me", "GET, HEAD, PATCH, DELETE")
                .route(get().to(me::me))
                .route(web::delete().to(me::delete))
                .route(web::patch().to(me::change_profile)),
        )
        .service(resource("/users/me/password", "PUT").route(web::put().to(me::change_password)))
        .service(
            resource("/users/me/sessions", "GET, HEAD, DELETE")
                .route(get().to(sessions::list))
                .route(web::delete().to(sessions::end_others)),
        )
        .service(
            resource("/users/me/sessions/{id}", "DELETE").route(web::delete().to(sessions::end)),
        )
        .configure(administration)
        .configure(administration_of_clients)
        .service(resource("/.well-known/jwks.json", "GET, HEAD").route(get().to(jwks::jwks)))
        .service(
            resource("/.well-known/oauth-authorization-server", "GET, HEAD")
                .route(get().to(metadata::metadata)),
        )
        .service(resource("/health/live", "GET, HEAD").route(get().to(health::live)))
        .service(resource("/health/ready", "GET, HEAD").route(get().to(health::ready)))
        .service(resource("/metrics", "GET, HEAD").route(get().to(metrics::metrics)))
        .service(resource("/verify", "GET, HEAD").route(get().to(verify::verify)))
        .service(resource("/version", "GET, HEAD").route(get().to(version::version)))
        .service(resource("/docs", "GET, HEAD").route(get().to(to_docs)))
        .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", ApiDoc::openapi()))
        .default_service(web::to(not_found));
}

fn administration(config: &mut ServiceConfig) {
    use admin::{audit, keys, log, users};
    config
        .service(
            resource("/admin/users", "GET, HEAD, POST")
                .route(get().to(users::list))
                .route(web::post().to(users::create)),
        )
        .service(
            resource("/admin/users/{id}", "GET, HEAD, PATCH, DELETE")
                .route(get().to(users::show))
                .route(web::patch().to(users::change))
                .route(web::delete().to(users::delete)),
        )
        .service(
            resource("/admin/users/{id}/password", "PUT")
                .route(web::put().to(users::reset_password)),
        )
        .service(
            resource("/admin/users/{id}/sessions", "GET, HEAD, DELETE")
                .route(get().to(users::sessions))
                .route(web::delete().to(users::end_sessions)),
        )
        .service(resource("/admin/audit", "GET, HEAD").route(get().to(audit::list)))
        .service(
            resource("/admin/keys", "GET, HEAD, POST")
                .route(get().to(keys::list))
                .route(web::post().to(keys::announce)),
        )
        .service(
            resource("/admin/log", "GET, HEAD, PUT, DELETE")
                .route(get().to(log::show))
                .route(web::put().to(log::change))
                .route(web::delete().to(log::restore)),
        );
}

fn administration_of_clients(config: &mut ServiceConfig) {
    use admin::clients;
    config
        .service(
            resource("/admin/clients", "GET, HEAD, POST")
                .route(get().to(clients::list))
                .route(web::post().to(clients::create)),
        )
        .service(
            resource("/admin/clients/{id}", "GET, HEAD, PATCH, DELETE")
                .route(get().to(clients::show))
                .route(web::patch().to(clients::change))
                .route(web::delete().to(clients::delete)),
        )
        .service(
            resource("/admin/clients/{id}/secrets", "POST")
                .route(web::post().to(clients::add_secret)),
        )
        .service(
            resource("/admin/clients/{id}/secrets/{slot}", "DELETE")
                .route(web::delete().to(clients::remove_secret)),
        );
}

/// A path that answers other methods than its own with the list of those it has.
fn resource(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move {
        Err::<HttpResponse, _>(ApiError::MethodNotAllowed { allow })
    }))
}

/// `GET`, and `HEAD` for those who only look whether it is there (RFC 9110 section 9.3.2).
fn get() -> Route {
    web::route().guard(get_or_head())
}

fn get_or_head() -> impl Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound)
}
