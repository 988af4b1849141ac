use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::folder::{Folder, eventually, execute, query};
use crate::owner::Owner;

#[test]
fn a_server_whose_last_user_was_killed_stops_by_itself() {
    let folder = Folder::new();
    let owner = Owner::of(&folder.data_dir);
    let pid = Pid::from_raw(folder.pid());
    owner.kill();
    eventually("the server is stopped", || kill(pid, None).is_err());
    let server = folder.start();
    assert_eq!(query(&server, "SELECT 'up' AS value"), "up");
    server.stop().unwrap();
}

#[test]
fn after_a_killed_owner_the_next_start_finds_what_was_committed() {
    let folder = Folder::new();
    let owner = Owner::of(&folder.data_dir);
    let server = folder.start();
    execute(&server, "CREATE TABLE kept AS SELECT 7 AS value");
    drop(server);
    owner.kill();
    let server = folder.start();
    assert_eq!(query(&server, "SELECT value::text FROM kept"), "7");
    server.stop().unwrap();
}

#[test]
fn a_killed_server_is_started_again() {
    let folder = Folder::new();
    let server = folder.start();
    execute(&server, "CREATE TABLE kept AS SELECT 7 AS value");
    execute(&server, "CHECKPOINT");
    kill(Pid::from_raw(folder.pid()), Signal::SIGKILL).unwrap();
    let again = folder.start();
    assert_eq!(query(&again, "SELECT value::text FROM kept"), "7");
    drop(server);
    again.stop().unwrap();
}

/// After a restart of the machine the number in `postmaster.pid` may be anybody's.
#[test]
fn a_pid_that_is_another_programs_now_is_no_server() {
    let folder = Folder::new();
    folder.start().stop().unwrap();
    let (uid, gid) = folder.owner();
    let mut other = Command::new("tail")
        .args(["-f", "/dev/null"])
        .uid(uid)
        .gid(gid)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stale = format!(
        "{}\n{}\n0\n5432\n/nowhere\n\n 0 0\nready   \n",
        other.id(),
        folder.cluster().display()
    );
    let file = folder.cluster().join("postmaster.pid");
    fs::write(&file, stale).unwrap();
    std::os::unix::fs::chown(&file, Some(uid), Some(gid)).unwrap();
    let server = folder.start();
    assert_eq!(query(&server, "SELECT 'up' AS value"), "up");
    assert!(
        other.try_wait().unwrap().is_none(),
        "the other program was left alone"
    );
    server.stop().unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_set_up_given_up_half_way_is_begun_anew() {
    let folder = Folder::new();
    folder.start().stop().unwrap();
    let (cluster, half) = (folder.cluster(), folder.cluster().with_extension("new"));
    fs::rename(cluster, &half).unwrap();
    fs::remove_file(half.join("PG_VERSION")).unwrap();
    let server = folder.start();
    assert_eq!(query(&server, "SELECT 'up' AS value"), "up");
    assert!(!half.exists());
    server.stop().unwrap();
}
