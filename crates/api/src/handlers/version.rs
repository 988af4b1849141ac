//! `GET /version`.

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// What is running here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    #[schema(example = "passgate")]
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Tells what is running here.
#[utoipa::path(
    get,
    path = "/version",
    tag = "operations",
    summary = "What is running here",
    responses((status = 200, description = "Name and version", body = Version))
)]
pub async fn version() -> web::Json<Version> {
    web::Json(Version {
        name: "passgate",
        version: env!("CARGO_PKG_VERSION"),
    })
}
