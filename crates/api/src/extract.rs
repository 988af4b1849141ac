//! What handlers take: bodies that are read within limits, and bearers of good tokens.

mod bearer;
mod body;
mod form;
mod json;

pub use bearer::Bearer;
pub use form::Form;
pub use json::Json;
