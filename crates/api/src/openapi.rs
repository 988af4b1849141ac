//! The OpenAPI description, from the handlers' own annotations.

use utoipa::openapi::security::{
    Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

use crate::handlers::{
    admin, health, introspect, jwks, me, metadata, metrics, revoke, sessions, token, users, verify,
    version,
};

/// Passgate's API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Passgate",
        description = "A self-hosted token service: log in with a password, get a JSON Web Token."
    ),
    paths(
        token::token,
        revoke::revoke,
        introspect::introspect,
        users::register,
        me::me,
        me::change_profile,
        me::delete,
        me::change_password,
        sessions::list,
        sessions::end_others,
        sessions::end,
        admin::users::list,
        admin::users::create,
        admin::users::show,
        admin::users::change,
        admin::users::delete,
        admin::users::reset_password,
        admin::users::sessions,
        admin::users::end_sessions,
        admin::clients::list,
        admin::clients::create,
        admin::clients::show,
        admin::clients::change,
        admin::clients::delete,
        admin::clients::add_secret,
        admin::clients::remove_secret,
        admin::audit::list,
        admin::keys::list,
        admin::keys::announce,
        admin::log::show,
        admin::log::change,
        admin::log::restore,
        jwks::jwks,
        metadata::metadata,
        health::live,
        health::ready,
        metrics::metrics,
        verify::verify,
        version::version,
    ),
    modifiers(&PasswordFlow, &ClientAuthentication),
)]
pub struct ApiDoc;

/// The description as a text.
///
/// # Errors
/// If it does not serialise, which is a fault of ours.
pub fn json() -> serde_json::Result<String> {
    ApiDoc::openapi().to_pretty_json()
}

/// Lets the *Authorize* button of `/docs` log in through `/token`.
struct PasswordFlow;

impl Modify for PasswordFlow {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scopes = Scopes::from_iter([
            ("profile", "read and change one's own account"),
            ("admin", "administer users, clients, keys and the log"),
            ("introspect", "ask what any token is worth"),
        ]);
        let flow = OAuth2::new([Flow::Password(Password::new("/token", scopes))]);
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("password", SecurityScheme::OAuth2(flow));
    }
}

/// How registered clients prove who they are. Named so that the page shows the form for people first.
struct ClientAuthentication;

impl Modify for ClientAuthentication {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The id and a secret of a registered client"))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("registered_client", SecurityScheme::Http(basic));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_every_description_routed() {
        let api = ApiDoc::openapi();
        let described: Vec<&str> = api.paths.paths.keys().map(String::as_str).collect();
        let mut routed = crate::routes::PATHS.to_vec();
        routed.sort_unstable();
        assert_eq!(described, routed);
    }

    /// The table is kept by hand, and so would be a way in that it lacks.
    #[test]
    fn the_table_has_every_route_that_the_source_makes() {
        let source = include_str!("routes.rs");
        for other in [
            "web::scope",
            ".route(\"",
            "web::redirect",
            "web::resource(\"",
        ] {
            assert!(!source.contains(other), "{other} is not looked for here");
        }
        let made = source.split("resource(").skip(1).filter_map(|rest| {
            let path = rest.trim_start().strip_prefix('"')?;
            path.split('"').next()
        });
        let mut made: Vec<&str> = made.filter(|path| *path != "/docs").collect();
        made.sort_unstable();
        let mut routed = crate::routes::PATHS.to_vec();
        routed.sort_unstable();
        assert_eq!(made, routed);
    }
}
