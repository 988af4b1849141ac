//! `/admin`: for holders of the scope `admin`.

pub mod audit;
pub mod clients;
pub mod keys;
pub mod log;
pub mod users;
