use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, ResponseError};
use serde::de::DeserializeOwned;

use super::{Rejection, verify};
use crate::http::Need;

/// Lets pass who has a good token: `.wrap(require_token::<Claims>())`.
pub fn require_token<X>() -> Guard<X> {
    Guard::new(Need::Token)
}

/// Lets pass whose token has the scope: `.wrap(require_scope::<Claims>("orders:read"))`.
pub fn require_scope<X>(scope: &'static str) -> Guard<X> {
    Guard::new(Need::Scope(scope))
}

/// Lets pass who has the role: `.wrap(require_role::<Claims>("admin"))`.
pub fn require_role<X>(role: &'static str) -> Guard<X> {
    Guard::new(Need::Role(role))
}

/// A middleware that lets nobody pass without the right token.
pub struct Guard<X> {
    need: Need,
    extra: PhantomData<fn() -> X>,
}

impl<X> Guard<X> {
    const fn new(need: Need) -> Self {
        Self {
            need,
            extra: PhantomData,
        }
    }
}

impl<X> Clone for Guard<X> {
    fn clone(&self) -> Self {
        Self::new(self.need)
    }
}

impl<X> fmt::Debug for Guard<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.need).finish()
    }
}

impl<S, B, X> Transform<S, ServiceRequest> for Guard<X>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    X: DeserializeOwned + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Guarded<S, X>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Guarded {
            service: Rc::new(service),
            guard: self.clone(),
        }))
    }
}

/// What stands behind a [`Guard`].
pub struct Guarded<S, X> {
    service: Rc<S>,
    guard: Guard<X>,
}

impl<S, B, X> Service<ServiceRequest> for Guarded<S, X>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    X: DeserializeOwned + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let service = Rc::clone(&self.service);
        let need = self.guard.need;
        Box::pin(async move {
            let verified = match verify::<X>(request.request()).await {
                Ok(Some(verified)) => need.check(&verified),
                Ok(None) => Err(Rejection::Missing),
                Err(rejection) => Err(rejection),
            };
            // An answer and not an error: middleware further out still adds its headers.
            if let Err(rejection) = verified {
                let response = rejection.error_response().map_into_right_body();
                return Ok(request.into_response(response));
            }
            let response = service.call(request).await?;
            Ok(response.map_into_left_body())
        })
    }
}
