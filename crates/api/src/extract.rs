//! What handlers take: bodies that are read within limits, bearers of good tokens, and
//! where a request comes from.

mod bearer;
mod body;
mod form;
mod json;
mod origin;

pub use bearer::Bearer;
pub use form::Form;
pub use json::Json;
pub use origin::Origin;
