use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev};
use serde::de::DeserializeOwned;

use super::{Rejection, RequiredRole, RequiredScope, verify};
use crate::jwt::{NoExtra, Verified};

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>>>>;

/// Somebody with a good token.
#[derive(Debug, Clone)]
pub struct Bearer<X = NoExtra>(pub Verified<X>);

/// Somebody with a good token, or nobody: a bad token is refused all the same.
#[derive(Debug, Clone)]
pub struct OptionalBearer<X = NoExtra>(pub Option<Verified<X>>);

/// Somebody with a good token that has the scope `S`.
#[derive(Debug)]
pub struct Scoped<S, X = NoExtra>(Verified<X>, PhantomData<fn() -> S>);

/// Somebody with a good token who has the role `R`.
#[derive(Debug)]
pub struct InRole<R, X = NoExtra>(Verified<X>, PhantomData<fn() -> R>);

impl<X: DeserializeOwned + 'static> FromRequest for Bearer<X> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let verified = verify(&request).await?;
            verified.map(Self).ok_or(Rejection::Missing)
        })
    }
}

impl<X: DeserializeOwned + 'static> FromRequest for OptionalBearer<X> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { verify(&request).await.map(Self) })
    }
}

impl<S: RequiredScope + 'static, X: DeserializeOwned + 'static> FromRequest for Scoped<S, X> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let verified = verify::<X>(&request).await?.ok_or(Rejection::Missing)?;
            verified.require_scope(S::SCOPE)?;
            Ok(Self(verified, PhantomData))
        })
    }
}

impl<R: RequiredRole + 'static, X: DeserializeOwned + 'static> FromRequest for InRole<R, X> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let verified = verify::<X>(&request).await?.ok_or(Rejection::Missing)?;
            verified.require_role(R::ROLE)?;
            Ok(Self(verified, PhantomData))
        })
    }
}

impl<X> Deref for Bearer<X> {
    type Target = Verified<X>;

    fn deref(&self) -> &Verified<X> {
        &self.0
    }
}

impl<S, X> Deref for Scoped<S, X> {
    type Target = Verified<X>;

    fn deref(&self) -> &Verified<X> {
        &self.0
    }
}

impl<R, X> Deref for InRole<R, X> {
    type Target = Verified<X>;

    fn deref(&self) -> &Verified<X> {
        &self.0
    }
}
