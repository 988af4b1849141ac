use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use passgate_auth::axum::{
    Bearer, InRole, OptionalBearer, Scoped, jwks, require_role, require_scope, require_token,
};
use passgate_auth::jwt::{Forbidden, KeyRing, Verifier};

use crate::world::{Clerk, OrdersRead, Parts, Service, Tenant, greet};

#[derive(Clone)]
struct AppState {
    verifier: Verifier<Tenant>,
    ring: KeyRing,
}

impl FromRef<AppState> for Verifier<Tenant> {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}

impl FromRef<AppState> for KeyRing {
    fn from_ref(state: &AppState) -> Self {
        state.ring.clone()
    }
}

async fn bearer(who: Bearer<Tenant>) -> String {
    greet(&who)
}

async fn maybe(who: Option<Bearer<Tenant>>) -> String {
    who.map_or_else(|| "nobody".to_owned(), |who| greet(&who))
}

async fn maybe_extractor(OptionalBearer(who): OptionalBearer<Tenant>) -> String {
    who.map_or_else(|| "nobody".to_owned(), |who| greet(&who))
}

async fn scoped(who: Scoped<OrdersRead, Tenant>) -> String {
    greet(&who)
}

async fn in_role(who: InRole<Clerk, Tenant>) -> String {
    greet(&who)
}

async fn handler(who: Bearer<Tenant>) -> Result<String, Forbidden> {
    who.require_scope("orders:read")?;
    Ok(greet(&who))
}

/// A server in a thread of its own, until the test ends.
pub(crate) fn serve(parts: &Parts) -> Service {
    let state = AppState {
        verifier: parts.verifier.clone(),
        ring: parts.issuer.key_ring(),
    };
    let verifier = parts.verifier.clone();
    let other = Router::new()
        .route("/two", get(bearer))
        .layer(require_token(&verifier))
        .with_state(parts.other.clone());
    let app = Router::new()
        .route("/layer/token", get(bearer).layer(require_token(&verifier)))
        .route(
            "/layer/scope",
            get(bearer).layer(require_scope(&verifier, "orders:read")),
        )
        .route(
            "/layer/role",
            get(bearer).layer(require_role(&verifier, "clerk")),
        )
        .route("/bearer", get(bearer))
        .route("/maybe", get(maybe))
        .route("/maybe-extractor", get(maybe_extractor))
        .route("/scoped", get(scoped))
        .route("/in-role", get(in_role))
        .route("/handler", get(handler))
        .route("/jwks", get(jwks))
        .with_state(state)
        .merge(other);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
                .await
                .unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    Service {
        name: "axum",
        address: told.recv().unwrap(),
    }
}
