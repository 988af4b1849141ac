//! Todos of Passgate's users: a service that knows no password and asks nobody about a token.
//!
//! It fetches Passgate's public keys once, keeps them fresh, and from then on believes exactly
//! the tokens that Passgate made for it. Whose todos they are is the claim `user_id`.

use std::env;
use std::error::Error;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, ResponseError, delete, get, post, put};
use passgate_auth::actix::{Bearer, InRole, RequiredRole};
use passgate_auth::jwt::{Algorithm, Audience, IssuerId, RemoteJwks, Verifier};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

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

#[get("/todos")]
async fn list(user: User, todos: Data<Todos>) -> Result<Json<Vec<Todo>>, Failure> {
    Ok(Json(todos.list(user.extra().user_id).await?))
}

#[post("/todos")]
async fn add(user: User, todos: Data<Todos>, task: Json<Task>) -> Result<HttpResponse, Failure> {
    let todo = todos.add(user.extra().user_id, &task).await?;
    let place = ("Location", format!("/todos/{}", todo.id));
    Ok(HttpResponse::Created().insert_header(place).json(todo))
}

#[get("/todos/{id}")]
async fn show(user: User, todos: Data<Todos>, id: Path<i64>) -> Result<Json<Todo>, Failure> {
    let todo = todos.get(user.extra().user_id, *id).await?;
    todo.map(Json).ok_or(Failure::NotFound)
}

#[put("/todos/{id}")]
async fn change(
    user: User,
    todos: Data<Todos>,
    id: Path<i64>,
    task: Json<Task>,
) -> Result<Json<Todo>, Failure> {
    let todo = todos.change(user.extra().user_id, *id, &task).await?;
    todo.map(Json).ok_or(Failure::NotFound)
}

#[delete("/todos/{id}")]
async fn remove(user: User, todos: Data<Todos>, id: Path<i64>) -> Result<HttpResponse, Failure> {
    if todos.remove(user.extra().user_id, *id).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Failure::NotFound)
    }
}

#[get("/admin/todos")]
async fn list_all(_: Admin, todos: Data<Todos>) -> Result<Json<Vec<Todo>>, Failure> {
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

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Database(error) = self {
            tracing::error!(%error, "the database failed");
        }
        HttpResponse::build(self.status_code()).json(json!({ "detail": self.to_string() }))
    }
}

fn routes(config: &mut ServiceConfig) {
    config
        .service(list)
        .service(add)
        .service(show)
        .service(change)
        .service(remove)
        .service(list_all);
}

/// A setting of the environment.
fn setting(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name}"))
}

#[actix_web::main]
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
    let verifier: Verifier<Claims> = Verifier::new(IssuerId::parse(&passgate)?, audience, keys);

    let todos = Data::new(todos);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(verifier.clone())
            .app_data(todos.clone())
            .configure(routes)
    })
    .bind(env::var("LISTEN").unwrap_or("127.0.0.1:8081".to_owned()))?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    Ok(server.run().await?)
}

#[cfg(test)]
mod tests;
