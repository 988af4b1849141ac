//! A data directory that goes away with everything that runs in it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::{Connection, QueryableByName, RunQueryDsl, sql_query};
use passgate_local_postgres::{Durability, LocalPostgres, LocalPostgresError};
use secrecy::ExposeSecret;
use tempfile::TempDir;

pub(crate) struct Folder {
    root: TempDir,
    pub(crate) data_dir: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self::named("data dir")
    }

    pub(crate) fn named(name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        // Made for its owner alone, where the server's user has to get through.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data_dir = root.path().join(name);
        fs::create_dir_all(&data_dir).unwrap();
        Self { root, data_dir }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn try_start(&self) -> Result<LocalPostgres, LocalPostgresError> {
        LocalPostgres::builder(&self.data_dir)
            .durability(Durability::Disposable)
            .start()
    }

    pub(crate) fn start(&self) -> LocalPostgres {
        self.try_start().expect("a server")
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.data_dir.join("postgres/data")
    }

    pub(crate) fn pid(&self) -> i32 {
        let file = fs::read_to_string(self.cluster().join("postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.cluster().join("postmaster.pid").exists()
    }

    /// The user that the cluster belongs to.
    pub(crate) fn owner(&self) -> (u32, u32) {
        let meta = fs::metadata(self.cluster()).unwrap();
        (meta.uid(), meta.gid())
    }
}

/// Why a connection fails.
pub(crate) fn refusal(url: &str) -> String {
    PgConnection::establish(url)
        .map(drop)
        .expect_err("a refusal")
        .to_string()
}

/// Runs a statement in the database `passgate` and returns the one text that it selects.
pub(crate) fn query(server: &LocalPostgres, statement: &str) -> String {
    let mut connection =
        PgConnection::establish(server.url("passgate").expose_secret()).expect("a connection");
    let row: Row = sql_query(statement)
        .get_result(&mut connection)
        .expect("a row");
    row.value
}

/// Runs statements in the database `passgate`.
pub(crate) fn execute(server: &LocalPostgres, statements: &str) {
    let mut connection =
        PgConnection::establish(server.url("passgate").expose_secret()).expect("a connection");
    connection.batch_execute(statements).expect("statements");
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{what}: not so after 30 s"
        );
        thread::yield_now();
    }
}
