//! Todos of Passgate's users: a service that knows no password and asks nobody about a token.
//!
//! It fetches Passgate's public keys once, keeps them fresh, and from then on believes exactly
//! the tokens that Passgate made for it. Whose todos they are is the claim `user_id`.

use std::env;
use std::error::Error;

use axum::extract::{FromRef, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use passgate_auth::axum::{Bearer, InRole, RequiredRole};
use passgate_auth::jwt::{Algorithm, Audience, IssuerId, RemoteJwks, Verifier};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::net::TcpListener;

mod todos;

use todos::{Task, Todo, Todos};

/// What Passgate says about its users beyond the registered claims.
#[derive(Debug, Deserialize)]
struct Claims {
    user_id: i64,
}

/// Somebody with a good token: a handler that takes one is guarded.
type User = Bearer<Claims>;

/// Somebody with a good token and the role.
type Admin = InRole<IsAdmin, Claims>;

struct IsAdmin;

impl RequiredRole for IsAdmin {
    const ROLE: &'static str = "admin";
}

/// What handlers and guards find: a router whose state has no verifier does not compile.
#[derive(Clone, FromRef)]
struct AppState {
    verifier: Verifier<Claims>,
    todos: Todos,
}

async fn list(user: User, State(todos): State<Todos>) -> Result<Json<Vec<Todo>>, Failure> {
    Ok(Json(todos.list(user.extra().user_id).await?))
}

async fn add(
    user: User,
    State(todos): State<Todos>,
    Json(task): Json<Task>,
) -> Result<impl IntoResponse, Failure> {
    let todo = todos.add(user.extra().user_id, &task).await?;
    let place = [(header::LOCATION, format!("/todos/{}", todo.id))];
    Ok((StatusCode::CREATED, place, Json(todo)))
}

async fn show(
    user: User,
    State(todos): State<Todos>,
    Path(id): Path<i64>,
) -> Result<Json<Todo>, Failure> {
    let todo = todos.get(user.extra().user_id, id).await?;
    todo.map(Json).ok_or(Failure::NotFound)
}

async fn change(
    user: User,
    State(todos): State<Todos>,
    Path(id): Path<i64>,
    Json(task): Json<Task>,
) -> Result<Json<Todo>, Failure> {
    let todo = todos.change(user.extra().user_id, id, &task).await?;
    todo.map(Json).ok_or(Failure::NotFound)
}

async fn remove(
    user: User,
    State(todos): State<Todos>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Failure> {
    if todos.remove(user.extra().user_id, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Failure::NotFound)
    }
}

async fn list_all(_: Admin, State(todos): State<Todos>) -> Result<Json<Vec<Todo>>, Failure> {
    Ok(Json(todos.list_all().await?))
}

/// Why there is no answer. What the guards refuse never gets here.
#[derive(Debug, Error)]
enum Failure {
    /// Nobody's, or somebody else's: nobody can tell.
    #[error("There is no such todo")]
    NotFound,
    #[error("The todos cannot be reached just now")]
    Database(#[from] deadpool_postgres::PoolError),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Database(error) => {
                tracing::error!(%error, "the database failed");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        (status, Json(json!({ "detail": self.to_string() }))).into_response()
    }
}

fn app(state: AppState) -> Router {
    Router::new()
        .route("/todos", get(list).post(add))
        .route("/todos/{id}", get(show).put(change).delete(remove))
        .route("/admin/todos", get(list_all))
        .with_state(state)
}

/// A setting of the environment.
fn setting(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name}"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let todos = Todos::of(&setting("DATABASE_URL")?)?;
    todos.create_table().await?;

    let passgate = setting("PASSGATE_URL")?;
    let keys = RemoteJwks::builder(&format!("{passgate}/.well-known/jwks.json"))
        .algorithms(&[Algorithm::EdDsa])
        .start()
        .await?;
    let audience = Audience::parse("todos")?;
    let verifier = Verifier::new(IssuerId::parse(&passgate)?, audience, keys);

    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:8081".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(AppState { verifier, todos })).await?)
}

#[cfg(test)]
mod tests;
