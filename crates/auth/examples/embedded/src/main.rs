//! A service that is its own issuer: it keeps passwords, makes tokens and checks them, with no
//! Passgate server anywhere.
//!
//! The halves do not know each other: logging in needs `Passwords` and an `Issuer`, guarding a
//! `Verifier`, and each could stand in a service of its own. Others verify with the keys at
//! `/.well-known/jwks.json`.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use passgate_auth::axum::{Bearer, jwks};
use passgate_auth::domain::{Password, SystemClock, Username};
use passgate_auth::jwt::{Audience, Issuer, IssuerId, KeyRing, Minted, Subject, Ttl, Verifier};
use passgate_auth::password::{Caller, Check, PasswordError, Passwords, Policy};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::TcpListener;

mod files;

use files::{AddError, Users};

/// What somebody types, to sign up and to log in.
#[derive(Deserialize)]
struct Typed {
    username: String,
    password: Password,
}

/// Everything that logging in needs.
#[derive(Clone)]
struct Accounts {
    users: Users,
    passwords: Passwords,
    issuer: Issuer,
    audience: Audience,
}

impl Accounts {
    async fn sign_up(self, typed: Typed) -> Result<(), Failure> {
        let name = Username::parse(&typed.username).map_err(refused)?;
        let policy = Policy::default();
        policy
            .check(&typed.password, Some(&name))
            .map_err(refused)?;
        let hash = self.passwords.hash(&typed.password).await?;
        self.users.add(name, hash).await?;
        Ok(())
    }

    async fn log_in(self, typed: Typed) -> Result<Minted, Failure> {
        let name = Username::parse(&typed.username).map_err(|_| Failure::WrongPassword)?;
        let stored = self.users.find(&name);
        // Nobody costs the same time as somebody, and nobody keeps all others waiting.
        let passwords = self.passwords.for_caller(&Caller::new().account(&name));
        let check = passwords.check(&typed.password, stored.as_ref()).await?;
        let Check::Match { upgrade } = check else {
            return Err(Failure::WrongPassword);
        };
        let subject = Subject::parse(name.key()).map_err(internal)?;
        if upgrade {
            let stronger = passwords.hash(&typed.password).await?;
            self.users.replace(name, stronger).await.map_err(internal)?;
        }
        let token = self.issuer.access(&subject, &self.audience);
        token.sign().map_err(internal)
    }
}

async fn sign_up(
    State(accounts): State<Accounts>,
    Json(typed): Json<Typed>,
) -> Result<StatusCode, Failure> {
    accounts.sign_up(typed).await?;
    Ok(StatusCode::CREATED)
}

async fn log_in(
    State(accounts): State<Accounts>,
    Form(typed): Form<Typed>,
) -> Result<impl IntoResponse, Failure> {
    let token = accounts.log_in(typed).await?;
    let body = json!({
        "access_token": token.as_str(),
        "token_type": "bearer",
        "expires_in": token.expires_in().as_secs(),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
}

async fn me(user: Bearer) -> Json<Value> {
    Json(json!({ "username": user.subject().as_str() }))
}

/// Why there is no answer. What the guard refuses never gets here.
#[derive(Debug, Error)]
enum Failure {
    #[error("Incorrect username or password")]
    WrongPassword,
    #[error("{0}")]
    Refused(String),
    #[error("The username is taken")]
    Taken,
    #[error("Too many people are logging in just now")]
    Busy(Duration),
    #[error("Something is wrong here")]
    Internal(Box<dyn Error + Send + Sync>),
}

fn refused(why: impl ToString) -> Failure {
    Failure::Refused(why.to_string())
}

fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    Failure::Internal(error.into())
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy { retry_after } => Self::Busy(retry_after),
            other => internal(other),
        }
    }
}

impl From<AddError> for Failure {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Taken => Self::Taken,
            AddError::File(error) => internal(error),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Taken => StatusCode::CONFLICT,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(error) => {
                tracing::error!(%error, "a request failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let body = Json(json!({ "detail": self.to_string() }));
        match self {
            Self::Busy(wait) => {
                let seconds = wait.as_secs().max(1).to_string();
                (status, [(header::RETRY_AFTER, seconds)], body).into_response()
            }
            Self::WrongPassword => {
                (status, [(header::WWW_AUTHENTICATE, "Bearer")], body).into_response()
            }
            _ => (status, body).into_response(),
        }
    }
}

/// What handlers and guards find.
#[derive(Clone, FromRef)]
struct AppState {
    accounts: Accounts,
    keys: KeyRing,
    verifier: Verifier,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let listen = env::var("LISTEN").unwrap_or("127.0.0.1:8083".to_owned());
    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}", listener.local_addr()?);

    let folder = PathBuf::from(env::var("DATA_DIR").unwrap_or(".".to_owned()));
    let keys = KeyRing::new(files::signing_key(&folder.join("key.pem"))?);
    let id = IssuerId::parse(&env::var("ISSUER").unwrap_or(url.clone()))?;
    let audience = Audience::parse("embedded")?;
    let ttl = Ttl::try_new(Duration::from_mins(25))?;
    let accounts = Accounts {
        users: Users::in_file(folder.join("users.json"))?,
        passwords: Passwords::builder().build()?,
        issuer: Issuer::new(id.clone(), keys.clone(), ttl, Arc::new(SystemClock)),
        audience: audience.clone(),
    };
    let verifier = Verifier::new(id, audience, keys.clone());
    let app = Router::new()
        .route("/users", post(sign_up))
        .route("/token", post(log_in))
        .route("/me", get(me))
        .route("/.well-known/jwks.json", get(jwks))
        .with_state(AppState {
            accounts,
            keys,
            verifier,
        });
    println!("listening on {url}");
    Ok(axum::serve(listener, app).await?)
}
