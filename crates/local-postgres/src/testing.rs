//! One server for all tests.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use secrecy::SecretString;

use crate::{Durability, LocalPostgres};

/// The variable that names a server of the user's choice instead.
pub const VARIABLE: &str = "PASSGATE_TEST_DATABASE_URL";

/// How to connect to the server of the tests, as somebody who may make databases.
///
/// It is started by the first test, shared by all test programs that run at a time, kept on disk
/// below the target directory for the next run, and stops with the last of them.
///
/// # Panics
/// If there is no server: no test that wants one can go on.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn admin_url() -> SecretString {
    if let Some(url) = chosen() {
        return url;
    }
    match server() {
        Ok(server) => server.url("postgres"),
        Err(error) => panic!("no PostgreSQL for the tests (or set {VARIABLE}): {error}"),
    }
}

/// Where the programs of its PostgreSQL are; nowhere that we know, if the user chose the server.
pub fn programs() -> Option<PathBuf> {
    if chosen().is_some() {
        return None;
    }
    let server = server().as_ref().ok()?;
    Some(server.programs().bin().to_owned())
}

fn server() -> &'static Result<LocalPostgres, String> {
    static SERVER: OnceLock<Result<LocalPostgres, String>> = OnceLock::new();
    SERVER.get_or_init(|| {
        LocalPostgres::builder(folder())
            .durability(Durability::Disposable)
            .start()
            .map_err(|error| error.to_string())
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of ours"
)]
fn chosen() -> Option<SecretString> {
    std::env::var(VARIABLE)
        .ok()
        .filter(|url| !url.is_empty())
        .map(SecretString::from)
}

/// Test programs are in `target/PROFILE/deps`, other programs in `target/PROFILE`.
fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let above = program.parent().unwrap_or(Path::new("."));
    let profile = if above.ends_with("deps") {
        above.parent().unwrap_or(above)
    } else {
        above
    };
    profile.join("passgate-tests")
}
