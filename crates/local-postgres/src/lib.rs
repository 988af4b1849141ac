//! A private PostgreSQL server in a folder, so that a first run needs no set-up.
//!
//! [`LocalPostgres`] finds the programs of an installed PostgreSQL (or fetches them), makes a
//! cluster in a folder, and starts it on a Unix socket that only its owner can open, with a
//! password. Started again it uses the same cluster; several processes share one server; when the
//! last of them ends, by whatever death, the server stops.
//!
//! ```no_run
//! use passgate_local_postgres::LocalPostgres;
//!
//! let server = LocalPostgres::builder(".passgate").progress(|event| eprintln!("{event}")).start()?;
//! let url = server.url("passgate");
//! // ... connect to `url` ...
//! server.stop()?;
//! # Ok::<(), passgate_local_postgres::LocalPostgresError>(())
//! ```
//!
//! # How the server outlives nobody
//!
//! Every process that uses the server holds a shared lock on the file `lease`, and has started
//! `flock lease pg_ctl stop`, which waits until nobody holds the lock any more; the operating system
//! drops it with the last process, also after SIGKILL. Where there is neither
//! `flock` nor `lockf`, a server left behind is found and used by the next start.
//!
//! Unix only.

mod account;
mod cluster;
mod error;
mod event;
#[cfg(feature = "fetch")]
mod fetch;
mod home;
mod lease;
mod program;
mod programs;
mod server;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::LocalPostgresError;
pub use event::Event;
pub use programs::{Places, Programs};
pub use server::{Durability, LocalPostgres, LocalPostgresBuilder};
