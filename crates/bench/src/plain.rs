//! Servers to compare with: the log-in as everybody writes it, and no work at all.

use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, error, rt, web};
use argon2::{Argon2, PasswordHash, PasswordVerifier};
use passgate_auth::jwt::{
    Algorithm, Audience, Issuer, IssuerId, KeyRing, SigningKey, Subject, Ttl,
};
use passgate_auth::refresh::RefreshTokens;
use passgate_auth::seal::SealingKey;
use passgate_domain::audit::{Act, Actor};
use passgate_domain::ports::{SessionStore, UserStore};
use passgate_domain::session::{Device, Generation, NewSession, SessionId};
use passgate_domain::token::{FIRST_PARTY_CLIENT, UserClaims};
use passgate_domain::{Clock, SystemClock, User, Username};
use passgate_persistence::{PgStore, PoolSettings};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::Fallible;
use crate::limits;
use crate::seed::SECRET;

/// The variable with the naive server's database.
pub(crate) const DATABASE: &str = "BENCH_DATABASE_URL";

/// What r2d2 opens unless told otherwise.
const CONNECTIONS: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct NaiveArgs {
    #[arg(long, env = DATABASE, hide_env_values = true)]
    database_url: SecretString,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BareArgs {
    /// What every request is answered with.
    #[arg(long)]
    body: String,
}

struct Naive {
    store: PgStore,
    issuer: Issuer,
    audience: Audience,
    refresh: RefreshTokens,
}

#[derive(Deserialize)]
struct Form {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct Granted {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: String,
    scope: String,
}

/// The same log-in on the same tables by the same statements. Only the hash is as everybody writes
/// it: `argon2` takes new memory for each, on as many threads as requests come.
pub(crate) fn naive(args: &NaiveArgs) -> Fallible {
    let store = PgStore::open(&args.database_url, &PoolSettings::with_size(CONNECTIONS))?;
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?);
    let ttl = Ttl::try_new(Duration::from_mins(25))?;
    let issuer = Issuer::new(
        IssuerId::parse("https://naive.example.com")?,
        ring,
        ttl,
        Arc::new(SystemClock),
    );
    let state = web::Data::new(Naive {
        store,
        issuer,
        audience: Audience::parse("https://naive.example.com")?,
        refresh: RefreshTokens::new(&SealingKey::from_secret(&SecretString::from(SECRET))?)?,
    });
    let listener = announced("naive")?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .route("/token", web::post().to(token))
    });
    serve(server.workers(limits::cores()).listen(listener)?.run())
}

async fn token(state: web::Data<Naive>, form: web::Form<Form>) -> actix_web::Result<HttpResponse> {
    let granted = web::block(move || log_in(&state, &form)).await?;
    match granted.map_err(error::ErrorInternalServerError)? {
        Some(granted) => Ok(HttpResponse::Ok().json(granted)),
        None => Ok(HttpResponse::Unauthorized().finish()),
    }
}

fn log_in(state: &Naive, form: &Form) -> Fallible<Option<Granted>> {
    let username = Username::parse(&form.username)?;
    let Some(credentials) = state.store.find_credentials(&username)? else {
        return Ok(None);
    };
    let stored =
        PasswordHash::new(credentials.password_hash.expose()).map_err(|error| error.to_string())?;
    if Argon2::default()
        .verify_password(form.password.as_bytes(), &stored)
        .is_err()
    {
        return Ok(None);
    }
    let (now, scope) = (SystemClock.now(), User::default_scopes());
    let session = NewSession {
        id: SessionId::random(),
        user_id: credentials.user.id,
        client_id: FIRST_PARTY_CLIENT.to_owned(),
        scope: scope.clone(),
        device: Device::default(),
        of_client: false,
        idle_until: now + Duration::from_hours(24),
        expires_at: now + Duration::from_hours(24),
    };
    let act = Act::new(now, Actor::Anonymous);
    if !state
        .store
        .open_session(&session, &credentials.password_hash, &act)?
    {
        return Ok(None);
    }
    let subject = Subject::parse(credentials.user.username.as_str())?;
    let claims = UserClaims {
        user_id: credentials.user.id,
        sid: Some(session.id),
    };
    let minted = state
        .issuer
        .access(&subject, &state.audience)
        .scope(&scope)
        .roles(&credentials.user.roles)
        .client_id(FIRST_PARTY_CLIENT)
        .extra(&claims)
        .sign()?;
    Ok(Some(Granted {
        access_token: minted.as_str().to_owned(),
        token_type: "bearer",
        expires_in: minted.expires_in().as_secs(),
        refresh_token: state
            .refresh
            .make(session.id, Generation::FIRST)
            .expose()
            .to_owned(),
        scope: scope.to_string(),
    }))
}

/// Answers everything with the same text: the least that an HTTP server in actix can do.
pub(crate) fn bare(args: &BareArgs) -> Fallible {
    let body: &'static str = args.body.clone().leak();
    let listener = announced("bare")?;
    let server = HttpServer::new(move || {
        App::new().default_service(web::to(move || async move {
            HttpResponse::Ok()
                .content_type(ContentType::json())
                .body(body)
        }))
    });
    serve(server.workers(limits::cores()).listen(listener)?.run())
}

fn serve(server: actix_web::dev::Server) -> Fallible {
    Ok(rt::System::new().block_on(server)?)
}

fn announced(name: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut out = io::stdout();
    writeln!(out, "{name} listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    Ok(listener)
}
