use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;

use passgate_local_postgres::{Durability, Event, LocalPostgres};
use secrecy::ExposeSecret;

use crate::folder::{Folder, execute, query, refusal};
use crate::owner::Owner;

#[test]
fn a_first_start_makes_a_database_behind_a_password() {
    let folder = Folder::new();
    let server = folder.start();
    assert_eq!(
        query(&server, "SELECT current_database()::text AS value"),
        "passgate"
    );
    assert_eq!(
        query(
            &server,
            "SELECT current_setting(\'server_encoding\') AS value"
        ),
        "UTF8"
    );
    assert_eq!(
        query(
            &server,
            "SELECT current_setting(\'listen_addresses\') AS value"
        ),
        ""
    );

    let url = server.url("passgate");
    let (start, rest) = url.expose_secret().split_once("passgate:").unwrap();
    let (password, rest) = rest.split_once('@').unwrap();
    let refusal = refusal(&format!("{start}passgate@{rest}"));
    assert!(refusal.contains("no password supplied"), "{refusal}");
    assert!(!format!("{server:?}").contains(password));
    server.stop().unwrap();
}

#[test]
fn a_second_start_finds_what_the_first_left() {
    let folder = Folder::new();
    let server = folder.start();
    execute(&server, "CREATE TABLE kept AS SELECT 7 AS value");
    server.stop().unwrap();
    assert!(!folder.is_running());
    let server = folder.start();
    assert_eq!(query(&server, "SELECT value::text FROM kept"), "7");
    server.stop().unwrap();
}

#[test]
fn a_committed_row_survives_in_a_durable_cluster() {
    let folder = Folder::new();
    let server = LocalPostgres::builder(&folder.data_dir).start().unwrap();
    assert_eq!(
        query(&server, "SELECT current_setting(\'fsync\') AS value"),
        "on"
    );
    assert_eq!(
        query(
            &server,
            "SELECT current_setting(\'synchronous_commit\') AS value"
        ),
        "on"
    );
    server.stop().unwrap();
}

#[test]
fn starts_at_the_same_moment_share_one_server_until_the_last_stops() {
    let folder = Folder::new();
    let barrier = Barrier::new(4);
    let servers: Vec<LocalPostgres> = thread::scope(|scope| {
        let starting: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    folder.start()
                })
            })
            .collect();
        starting
            .into_iter()
            .map(|server| server.join().unwrap())
            .collect()
    });
    let pid = folder.pid();
    for server in &servers {
        assert_eq!(query(server, "SELECT 'up' AS value"), "up");
    }
    for server in servers {
        assert_eq!(folder.pid(), pid);
        server.stop().unwrap();
    }
    assert!(!folder.is_running());
}

#[test]
fn the_server_stays_for_another_process() {
    let folder = Folder::new();
    let other = Owner::of(&folder.data_dir);
    let server = folder.start();
    let pid = folder.pid();
    other.finish();
    assert_eq!(folder.pid(), pid);
    assert_eq!(query(&server, "SELECT 'up' AS value"), "up");
    server.stop().unwrap();
}

#[test]
fn what_takes_a_moment_is_told() {
    let folder = Folder::new();
    let told = || {
        let (events, are_told) = mpsc::channel();
        let server = LocalPostgres::builder(&folder.data_dir)
            .durability(Durability::Disposable)
            .progress(move |event| events.send(event.clone()).unwrap())
            .start()
            .unwrap();
        (server, are_told.try_iter().collect::<Vec<Event>>())
    };
    let (first, events) = told();
    assert!(
        matches!(
            events[..],
            [Event::Initialising { .. }, Event::Starting { .. }]
        ),
        "{events:?}"
    );
    let (second, events) = told();
    assert!(matches!(events[..], [Event::Reusing { .. }]), "{events:?}");
    second.stop().unwrap();
    first.stop().unwrap();
}
