use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use super::{Rejection, verify};
use crate::http::Need;
use crate::jwt::Verifier;

/// Lets pass who has a good token: `.layer(require_token(&verifier))`.
pub fn require_token<X>(verifier: &Verifier<X>) -> Guard<X> {
    Guard::new(verifier, Need::Token)
}

/// Lets pass whose token has the scope: `.layer(require_scope(&verifier, "orders:read"))`.
pub fn require_scope<X>(verifier: &Verifier<X>, scope: &'static str) -> Guard<X> {
    Guard::new(verifier, Need::Scope(scope))
}

/// Lets pass who has the role: `.layer(require_role(&verifier, "admin"))`.
pub fn require_role<X>(verifier: &Verifier<X>, role: &'static str) -> Guard<X> {
    Guard::new(verifier, Need::Role(role))
}

/// A layer that lets nobody pass without the right token.
pub struct Guard<X> {
    verifier: Verifier<X>,
    need: Need,
}

impl<X> Guard<X> {
    fn new(verifier: &Verifier<X>, need: Need) -> Self {
        let verifier = verifier.clone();
        Self { verifier, need }
    }
}

impl<X> Clone for Guard<X> {
    fn clone(&self) -> Self {
        Self::new(&self.verifier, self.need)
    }
}

impl<X> fmt::Debug for Guard<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.need).finish()
    }
}

impl<S, X> Layer<S> for Guard<X> {
    type Service = Guarded<S, X>;

    fn layer(&self, service: S) -> Self::Service {
        Guarded {
            service,
            guard: self.clone(),
        }
    }
}

/// What stands behind a [`Guard`].
#[derive(Debug)]
pub struct Guarded<S, X> {
    service: S,
    guard: Guard<X>,
}

impl<S: Clone, X> Clone for Guarded<S, X> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            guard: self.guard.clone(),
        }
    }
}

impl<S, X> Service<Request<Body>> for Guarded<S, X>
where
    S: Service<Request<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
    X: DeserializeOwned + Send + Sync + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that is ready is used up; the clone may not be.
        let clone = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, clone);
        let Guard { verifier, need } = self.guard.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let verified = match verify(&mut parts, &verifier).await {
                Ok(Some(verified)) => need.check(&verified),
                Ok(None) => Err(Rejection::Missing),
                Err(rejection) => Err(rejection),
            };
            if let Err(rejection) = verified {
                return Ok(rejection.into_response());
            }
            let response = service.call(Request::from_parts(parts, body)).await?;
            Ok(response.into_response())
        })
    }
}
