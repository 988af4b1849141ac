//! What handlers take: bodies and queries that are read strictly, bearers of good tokens, and
//! where a request comes from.

mod address;
mod bearer;
mod body;
mod client;
mod device;
mod form;
mod json;
mod origin;
mod query;

pub(crate) use address::{is_in, is_of_trusted, is_private, of as address_of};
pub use bearer::Bearer;
pub(crate) use body::arrive;
pub use client::credentials;
pub use device::{DeviceCookie, keep_device};
pub use form::Form;
pub use json::Json;
pub use origin::Origin;
pub use query::Query;
