use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::{Rejection, RequiredRole, RequiredScope, verify};
use crate::jwt::{NoExtra, Verified, Verifier};

/// Somebody with a good token. `Option<Bearer>` is somebody or nobody; a bad token is refused
/// all the same.
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

async fn optional<X, T>(parts: &mut Parts, state: &T) -> Result<Option<Verified<X>>, Rejection>
where
    X: DeserializeOwned + Send + Sync + 'static,
    Verifier<X>: FromRef<T>,
{
    verify(parts, &Verifier::from_ref(state)).await
}

async fn required<X, T>(parts: &mut Parts, state: &T) -> Result<Verified<X>, Rejection>
where
    X: DeserializeOwned + Send + Sync + 'static,
    Verifier<X>: FromRef<T>,
{
    optional(parts, state).await?.ok_or(Rejection::Missing)
}

impl<T, X> FromRequestParts<T> for Bearer<X>
where
    T: Send + Sync,
    X: DeserializeOwned + Send + Sync + 'static,
    Verifier<X>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        required(parts, state).await.map(Self)
    }
}

impl<T, X> OptionalFromRequestParts<T> for Bearer<X>
where
    T: Send + Sync,
    X: DeserializeOwned + Send + Sync + 'static,
    Verifier<X>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Option<Self>, Rejection> {
        Ok(optional(parts, state).await?.map(Self))
    }
}

impl<T, X> FromRequestParts<T> for OptionalBearer<X>
where
    T: Send + Sync,
    X: DeserializeOwned + Send + Sync + 'static,
    Verifier<X>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        optional(parts, state).await.map(Self)
    }
}

impl<T, S, X> FromRequestParts<T> for Scoped<S, X>
where
    T: Send + Sync,
    S: RequiredScope,
    X: DeserializeOwned + Send + Sync + 'static,
    Verifier<X>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        let verified = required::<X, T>(parts, state).await?;
        verified.require_scope(S::SCOPE)?;
        Ok(Self(verified, PhantomData))
    }
}

impl<T, R, X> FromRequestParts<T> for InRole<R, X>
where
    T: Send + Sync,
    R: RequiredRole,
    X: DeserializeOwned + Send + Sync + 'static,
    Verifier<X>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        let verified = required::<X, T>(parts, state).await?;
        verified.require_role(R::ROLE)?;
        Ok(Self(verified, PhantomData))
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
