//! What the guards ask for and answer, for an OpenAPI description by `utoipa`.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify};

/// Adds the scheme `bearerAuth`, which a path names in `security(("bearerAuth" = []))`.
#[derive(Debug, Clone, Copy)]
pub struct BearerAuth;

impl BearerAuth {
    /// The scheme's name.
    pub const NAME: &'static str = "bearerAuth";
}

impl Modify for BearerAuth {
    fn modify(&self, openapi: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token (RFC 6750, RFC 9068)"))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme(Self::NAME, SecurityScheme::Http(bearer));
    }
}

/// What guards answer to those whom they let not pass, for the `responses(...)` of a path.
#[derive(Debug, Clone, Copy)]
pub struct Refusals;

/// The statuses, what they mean, and the header that goes with each.
const REFUSALS: [(&str, &str, &str); 4] = [
    (
        "400",
        "The Authorization header is given twice",
        "WWW-Authenticate",
    ),
    ("401", "No token, or none that is good", "WWW-Authenticate"),
    (
        "403",
        "The token lacks the scope, or its user the role",
        "WWW-Authenticate",
    ),
    (
        "503",
        "Tokens cannot be checked just now: try again after the seconds in Retry-After",
        "Retry-After",
    ),
];

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = |(status, description, header): (&str, &str, &str)| {
            let problem = ContentBuilder::new().schema(Some(problem())).build();
            let text = HeaderBuilder::new().schema(Some(text())).build();
            let response = ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", problem)
                .header(header, text)
                .build();
            (status.to_owned(), response.into())
        };
        REFUSALS.into_iter().map(response).collect()
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// The body (RFC 9457).
fn problem() -> Schema {
    let reference = SchemaFormat::Custom("uri-reference".to_owned());
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    ObjectBuilder::new()
        .property("type", text().format(Some(reference)))
        .property("title", text())
        .property("status", number)
        .property("detail", text())
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn described() -> Value {
        serde_json::to_value(Refusals::responses()).unwrap()
    }

    #[test]
    fn the_scheme_is_a_bearer_token_beside_those_that_are_there() {
        let mut api = OpenApi::default();
        let other = HttpBuilder::new().scheme(HttpAuthScheme::Basic).build();
        api.components
            .get_or_insert_default()
            .add_security_scheme("other", SecurityScheme::Http(other));
        BearerAuth.modify(&mut api);
        let schemes = &serde_json::to_value(&api).unwrap()["components"]["securitySchemes"];
        assert_eq!(schemes["other"]["scheme"], "basic");
        let bearer = &schemes[BearerAuth::NAME];
        assert_eq!(
            (&bearer["type"], &bearer["scheme"], &bearer["bearerFormat"]),
            (&json!("http"), &json!("bearer"), &json!("JWT"))
        );
    }

    #[cfg(any(feature = "actix", feature = "axum"))]
    #[test]
    fn every_refusal_of_a_guard_is_described_with_its_body_and_headers() {
        use crate::http::Rejection;
        use crate::jwt::{Forbidden, VerifyError};

        let described = described();
        for rejection in [
            Rejection::Missing,
            Rejection::Twice,
            Rejection::Token(VerifyError::Expired),
            Rejection::Token(VerifyError::KeysUnavailable),
            Rejection::Forbidden(Forbidden::Scope("todos".to_owned())),
            Rejection::Forbidden(Forbidden::Role("admin".to_owned())),
        ] {
            let response = &described[rejection.status().to_string()];
            let content = &response["content"][crate::http::PROBLEM];
            let body: Value = serde_json::from_str(&rejection.body()).unwrap();
            let members = |value: &Value| {
                let object = value.as_object().unwrap();
                object.keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(
                members(&body),
                members(&content["schema"]["properties"]),
                "{rejection}"
            );
            for (name, is_sent) in [
                ("WWW-Authenticate", rejection.www_authenticate().is_some()),
                ("Retry-After", rejection.retry_after().is_some()),
            ] {
                let is_described = response["headers"].get(name).is_some();
                assert_eq!(is_described, is_sent, "{rejection}: {name}");
            }
        }
    }

    #[test]
    fn each_refusal_says_what_it_means() {
        for (status, response) in described().as_object().unwrap() {
            assert!(response["description"].is_string(), "{status}");
        }
    }
}
