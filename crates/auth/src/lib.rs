#![doc = include_str!("../README.md")]

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "flows")]
pub mod client_secret;
#[cfg(feature = "flows")]
pub mod flows;
#[cfg(any(feature = "actix", feature = "axum"))]
mod http;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "utoipa")]
pub mod openapi;
#[cfg(feature = "password")]
pub mod password;
#[cfg(feature = "flows")]
pub mod refresh;
#[cfg(feature = "seal")]
pub mod seal;

pub use passgate_domain as domain;

/// Tokens, good and bad, for tests of services that check them.
#[cfg(feature = "test-util")]
pub mod test_util {
    pub use crate::jwt::test_util::{FixedClock, TestIssuer, TestToken};
}
