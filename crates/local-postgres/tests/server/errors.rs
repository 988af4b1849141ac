use std::fs;

use passgate_local_postgres::{LocalPostgres, LocalPostgresError, Places};

use crate::folder::Folder;

fn with_nothing_installed(folder: &Folder) -> LocalPostgresError {
    LocalPostgres::builder(&folder.data_dir)
        .places(Places::only([]))
        .fetch(false)
        .start()
        .expect_err("a server without programs")
}

#[test]
fn without_postgresql_the_error_says_what_to_install() {
    let folder = Folder::new();
    let error = with_nothing_installed(&folder);
    assert!(
        matches!(error, LocalPostgresError::NotFound { .. }),
        "{error:?}"
    );
    let said = error.to_string();
    assert!(
        said.starts_with("PostgreSQL was not found; install "),
        "{said}"
    );
    assert!(!said.contains('\n'), "{said}");
    // With one installed afterwards, nothing is in the way.
    folder.start().stop().unwrap();
}

#[test]
fn a_cluster_of_another_version_is_named_and_left_alone() {
    let folder = Folder::new();
    folder.start().stop().unwrap();
    let version = folder.cluster().join("PG_VERSION");
    let ours = fs::read_to_string(&version).unwrap();
    fs::write(&version, "9999\n").unwrap();
    let error = LocalPostgres::builder(&folder.data_dir)
        .fetch(false)
        .start()
        .expect_err("a start");
    assert!(
        matches!(error, LocalPostgresError::OtherVersion { wanted: 9999, .. }),
        "{error:?}"
    );
    fs::write(&version, ours).unwrap();
    folder.start().stop().unwrap();
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let folder = Folder::new();
    folder.start().stop().unwrap();
    let conf = folder.cluster().join("postgresql.conf");
    let mut broken = fs::read_to_string(&conf).unwrap();
    broken.push_str("no_such_setting = 1\n");
    fs::write(&conf, broken).unwrap();
    let said = folder.try_start().expect_err("a start").to_string();
    assert!(
        said.contains("pg_ctl failed") && said.contains("no_such_setting"),
        "{said}"
    );
}

#[test]
fn a_file_in_the_folders_place_is_named() {
    let folder = Folder::new();
    let file = folder.root().join("file");
    fs::write(&file, "").unwrap();
    let error = LocalPostgres::builder(&file)
        .start()
        .expect_err("a server in a file");
    assert!(error.to_string().contains("file cannot be made"), "{error}");
}
