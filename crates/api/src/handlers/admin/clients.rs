//! `/admin/clients`: the registered clients and their secrets.

mod bodies;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use passgate_auth::flows;
use passgate_domain::ClientId;
use passgate_domain::ports::ClientStore;

use self::bodies::{ClientBody, ClientChangeBody, MadeClientBody, MadeSecretBody, NewClientBody};
use crate::blocking;
use crate::error::ApiError;
use crate::extract::{Bearer, Json, Origin, Query};
use crate::handlers::caller::Caller;
use crate::handlers::page::{Page, PageQuery};
use crate::handlers::refusals::{Guarded, JsonBody, OfClient, Queried};
use crate::request_log::Problem;
use crate::state::AppState;

/// What cursors of this list begin with.
const KIND: char = 'c';

/// Lists clients.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/clients",
    tag = "administration",
    summary = "List clients by their ids",
    security(("password" = ["admin"])),
    params(PageQuery),
    responses(
        (status = 200, description = "A part of the list", body = Page<ClientBody>),
        Guarded,
        Queried,
    )
)]
pub async fn list(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    Query(page): Query<PageQuery>,
) -> Result<web::Json<Page<ClientBody>>, ApiError> {
    let limit = page.limit()?;
    let after = page.after(KIND)?.map(|text| ClientId::parse(&text));
    let after = after.transpose().map_err(|_| {
        ApiError::Malformed("The value of after has to be the next of the same list".to_owned())
    })?;
    let page = blocking::run::<_, ApiError, _>(move || {
        Caller::administrator(&state, &token)?;
        let found = state.store.list_clients(after.as_ref(), limit + 1)?;
        Ok(Page::of(found, limit, KIND, |client| client.id.to_string()))
    })
    .await?;
    Ok(web::Json(page))
}

/// Registers a client.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/admin/clients",
    tag = "administration",
    summary = "Register a client; its secret is shown this once",
    security(("password" = ["admin"])),
    request_body = NewClientBody,
    responses(
        (status = 201, description = "Registered", body = MadeClientBody),
        (status = 409, description = "There is a client of this id", body = Problem, content_type = "application/problem+json"),
        Guarded,
        JsonBody,
    )
)]
pub async fn create(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    Json(body): Json<NewClientBody>,
) -> Result<HttpResponse, ApiError> {
    let command = body.check()?;
    let (client, secret) = blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        Ok(flows::register_client(&state.store, command, &act)?)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/admin/clients/{}", client.id)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MadeClientBody::of(client, &secret)))
}

/// Shows a client.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    get,
    path = "/admin/clients/{id}",
    tag = "administration",
    summary = "Show a client",
    security(("password" = ["admin"])),
    params(("id" = String, Path, description = "The client", example = "billing")),
    responses(
        (status = 200, description = "The client", body = ClientBody),
        Guarded,
        OfClient,
    )
)]
pub async fn show(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    id: web::Path<String>,
) -> Result<web::Json<ClientBody>, ApiError> {
    let id = named(&id)?;
    let client = blocking::run::<_, ApiError, _>(move || {
        Caller::administrator(&state, &token)?;
        state.store.find_client(&id)?.ok_or(ApiError::NoSuchClient)
    })
    .await?;
    Ok(web::Json(client.into()))
}

/// Changes a client.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    patch,
    path = "/admin/clients/{id}",
    tag = "administration",
    summary = "Change a client, what it may, or whether it may be used",
    security(("password" = ["admin"])),
    params(("id" = String, Path, description = "The client", example = "billing")),
    request_body = ClientChangeBody,
    responses(
        (status = 200, description = "The client as it is now", body = ClientBody),
        Guarded,
        JsonBody,
        OfClient,
    )
)]
pub async fn change(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
    Json(body): Json<ClientChangeBody>,
) -> Result<web::Json<ClientBody>, ApiError> {
    let id = named(&id)?;
    let change = body.check()?;
    let client = blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        let changed = state.store.update_client(&id, &change, &act)?;
        changed.ok_or(ApiError::NoSuchClient)
    })
    .await?;
    Ok(web::Json(client.into()))
}

/// Deletes a client.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/admin/clients/{id}",
    tag = "administration",
    summary = "Delete a client; tokens and sessions of it are good for nothing then",
    security(("password" = ["admin"])),
    params(("id" = String, Path, description = "The client", example = "billing")),
    responses(
        (status = 204, description = "Deleted"),
        Guarded,
        OfClient,
    )
)]
pub async fn delete(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = named(&id)?;
    blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        if state.store.delete_client(&id, &act)? {
            Ok(())
        } else {
            Err(ApiError::NoSuchClient)
        }
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives a client one more secret.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/admin/clients/{id}/secrets",
    tag = "administration",
    summary = "Give a client one more secret, shown this once",
    security(("password" = ["admin"])),
    params(("id" = String, Path, description = "The client", example = "billing")),
    responses(
        (status = 201, description = "Made; the client's other secret is good as before", body = MadeSecretBody),
        (status = 409, description = "The client has two", body = Problem, content_type = "application/problem+json"),
        Guarded,
        OfClient,
    )
)]
pub async fn add_secret(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = named(&id)?;
    let (kept, secret) = blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        Ok(flows::add_client_secret(&state.store, &id, &act)?)
    })
    .await?;
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MadeSecretBody::of(kept, &secret)))
}

/// Takes a secret from a client.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    delete,
    path = "/admin/clients/{id}/secrets/{slot}",
    tag = "administration",
    summary = "Take a secret from a client",
    security(("password" = ["admin"])),
    params(
        ("id" = String, Path, description = "The client", example = "billing"),
        ("slot" = u8, Path, description = "Where the secret is: 1 or 2", example = 1),
    ),
    responses(
        (status = 204, description = "Gone; without the other one the client proves nothing"),
        Guarded,
        OfClient,
    )
)]
pub async fn remove_secret(
    state: web::Data<AppState>,
    Bearer(token): Bearer,
    origin: Origin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (id, slot) = path.into_inner();
    let id = named(&id)?;
    let slot = slot.parse().map_err(|_| ApiError::NoSuchSecret)?;
    blocking::run::<_, ApiError, _>(move || {
        let act = Caller::administrator(&state, &token)?.act(&state, &origin);
        if state.store.remove_client_secret(&id, slot, &act)? {
            Ok(())
        } else {
            Err(ApiError::NoSuchSecret)
        }
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is no client's name is nobody's.
fn named(text: &str) -> Result<ClientId, ApiError> {
    ClientId::parse(text).map_err(|_| ApiError::NoSuchClient)
}
