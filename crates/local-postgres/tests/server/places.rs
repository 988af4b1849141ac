use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::folder::{Folder, execute, query};

#[test]
fn a_folder_may_have_any_name() {
    let folder = Folder::named(r#"it's a "test" $HOME \ 100% – ß"#);
    let server = folder.start();
    assert_eq!(query(&server, "SELECT 'up' AS value"), "up");
    server.stop().unwrap();
}

#[test]
fn a_path_too_long_for_a_socket_gets_one_elsewhere() {
    let folder = Folder::named(&["a".repeat(60), "b".repeat(60)].join("/"));
    let server = folder.start();
    assert_eq!(query(&server, "SELECT 'up' AS value"), "up");
    let sockets = query(
        &server,
        "SELECT current_setting(\'unix_socket_directories\') AS value",
    );
    assert!(sockets.len() < 60, "{sockets}");
    assert_eq!(
        fs::metadata(&sockets).unwrap().permissions().mode() & 0o777,
        0o700
    );
    server.stop().unwrap();
    // The same one at the next start.
    let server = folder.start();
    assert_eq!(
        query(
            &server,
            "SELECT current_setting(\'unix_socket_directories\') AS value"
        ),
        sockets
    );
    server.stop().unwrap();
    fs::remove_dir_all(sockets).unwrap();
}

#[test]
fn nobody_else_gets_to_password_and_socket() {
    let folder = Folder::new();
    let server = folder.start();
    let home = folder.data_dir.join("postgres");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.clone()), 0o700);
    assert_eq!(mode(home.join("password")), 0o600);
    server.stop().unwrap();
}

/// Root's home is closed to the user that the server runs as.
#[test]
fn root_in_a_closed_folder_keeps_the_cluster_elsewhere() {
    if !nix::unistd::Uid::effective().is_root() {
        let why = "only root runs the server as another user";
        io::stderr()
            .write_all(format!("skipped: {why}\n").as_bytes())
            .unwrap();
        return;
    }
    let folder = Folder::new();
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o700)).unwrap();
    let server = folder.start();
    execute(&server, "CREATE TABLE kept AS SELECT 7 AS value");
    server.stop().unwrap();
    let pointer = folder.data_dir.join("postgres-location");
    let elsewhere = fs::read_to_string(pointer).unwrap();
    assert!(
        !elsewhere.starts_with(folder.root().to_str().unwrap()),
        "{elsewhere}"
    );
    let server = folder.start();
    assert_eq!(query(&server, "SELECT value::text FROM kept"), "7");
    server.stop().unwrap();
    fs::remove_dir_all(elsewhere.trim()).unwrap();
}

#[test]
fn a_data_directory_that_everybody_can_write_to_is_refused() {
    let folder = Folder::new();
    fs::set_permissions(&folder.data_dir, fs::Permissions::from_mode(0o777)).unwrap();
    let said = folder.try_start().expect_err("a start").to_string();
    assert!(
        said.contains("everybody") && said.contains("chmod o-w"),
        "{said}"
    );
    assert!(!folder.cluster().exists());
}

#[test]
fn a_data_directory_of_somebody_else_is_refused() {
    if !nix::unistd::Uid::effective().is_root() {
        io::stderr()
            .write_all(b"skipped: only root can make one\n")
            .unwrap();
        return;
    }
    let folder = Folder::new();
    std::os::unix::fs::chown(&folder.data_dir, Some(12345), None).unwrap();
    let said = folder.try_start().expect_err("a start").to_string();
    assert!(said.contains("12345"), "{said}");
}

/// The home belongs to the server's user, whom root must not be led by.
#[test]
fn no_link_in_the_home_is_followed() {
    let folder = Folder::new();
    folder.start().stop().unwrap();
    let home = folder.data_dir.join("postgres");
    let precious = folder.root().join("precious");
    fs::write(&precious, "precious").unwrap();
    let untouched = || {
        let meta = fs::metadata(&precious).unwrap();
        let owner = std::os::unix::fs::MetadataExt::uid(&meta);
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        assert_eq!(owner, nix::unistd::Uid::effective().as_raw());
    };
    for name in ["lease", "password", "data"] {
        let (there, aside) = (home.join(name), home.join("aside"));
        fs::rename(&there, &aside).unwrap();
        std::os::unix::fs::symlink(&precious, &there).unwrap();
        assert!(folder.try_start().is_err(), "{name}");
        untouched();
        fs::remove_file(&there).unwrap();
        fs::hard_link(&precious, &there).unwrap();
        assert!(folder.try_start().is_err(), "{name}");
        untouched();
        fs::remove_file(&there).unwrap();
        fs::rename(&aside, &there).unwrap();
    }
    for name in ["server.conf", "server.conf.new"] {
        drop(fs::remove_file(home.join(name)));
        std::os::unix::fs::symlink(&precious, home.join(name)).unwrap();
    }
    folder.start().stop().unwrap();
    untouched();
}
