#![doc = include_str!("../README.md")]

#[cfg(feature = "flows")]
pub mod flows;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "password")]
pub mod password;
#[cfg(feature = "flows")]
pub mod refresh;
#[cfg(feature = "seal")]
pub mod seal;

pub use passgate_domain as domain;
