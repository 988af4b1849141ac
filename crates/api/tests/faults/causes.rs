//! What happens to the database, and to the service itself.

mod disk;
mod failover;

use std::cell::RefCell;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use nix::sys::signal::Signal;
use secrecy::ExposeSecret;

use crate::cluster::{Cluster, number_of, until};
use crate::program::{Served, folder};
use crate::proxy::Proxy;
use crate::report::{Report, Row};
use crate::scene::{Scene, service};
use crate::{clock, descriptors, replicas, turn};

#[test]
fn whatever_fails_answers_are_bounded_and_nothing_acknowledged_is_lost() {
    let _turn = turn();
    let folder = folder();
    let mut report = Report::default();
    let mut cluster = Cluster::start(&folder.path().join("database"));
    // Which a restart makes true: the first cause is one.
    cluster.run("ALTER SYSTEM SET max_connections = 30");
    let url = cluster.url();
    let started = Served::spawn(&mut service(folder.path(), url.expose_secret(), &[]));
    let mut scene = Scene::with(started);
    for cause in [stopped, killed, paused, full, read_only] {
        report.add(cause(&mut scene, &mut cluster));
    }
    report.add(service_killed(&mut scene, &cluster, folder.path()));
    scene.end();
    report.add(slow(&cluster, folder.path()));
    report.add(replicas::at_once(&cluster, folder.path()));
    report.add(descriptors::exhausted(&cluster, folder.path()));
    report.extend(clock::stepped(&cluster, folder.path()));
    cluster.end(Signal::SIGINT);
    for cause in [failover::of_a_dead_primary, failover::of_a_hanging_primary] {
        let folder = crate::program::folder();
        report.extend(cause(folder.path()));
    }
    report.extend(disk::full(folder.path()));
    report.judge();
}

fn stopped(scene: &mut Scene, cluster: &mut Cluster) -> Row {
    down("PostgreSQL stopped", scene, cluster, |cluster| {
        cluster.end(Signal::SIGINT);
    })
}

fn killed(scene: &mut Scene, cluster: &mut Cluster) -> Row {
    down("PostgreSQL killed", scene, cluster, Cluster::kill)
}

fn down(
    cause: &'static str,
    scene: &mut Scene,
    cluster: &mut Cluster,
    end: impl FnOnce(&Cluster),
) -> Row {
    let url = cluster.url();
    let cluster = RefCell::new(cluster);
    scene.suffer(
        cause,
        1,
        |_| end(&cluster.borrow()),
        // It is over when the database is there again.
        |_| cluster.borrow_mut().start_again(),
        || PgConnection::establish(url.expose_secret()).unwrap(),
    )
}

fn paused(scene: &mut Scene, cluster: &mut Cluster) -> Row {
    scene.suffer(
        "PostgreSQL paused (SIGSTOP)",
        2,
        |_| cluster.signal(Signal::SIGSTOP),
        |_| cluster.signal(Signal::SIGCONT),
        || cluster.connect(),
    )
}

/// Somebody else has every connection.
fn full(scene: &mut Scene, cluster: &mut Cluster) -> Row {
    let url = cluster.url();
    let take = || {
        let mut all = Vec::new();
        while let Ok(connection) = PgConnection::establish(url.expose_secret()) {
            all.push(connection);
        }
        all
    };
    let taken = RefCell::new(Vec::new());
    let end_ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE application_name = 'passgate'";
    let ours = "SELECT count(*) AS number FROM pg_stat_activity \
                WHERE application_name = 'passgate'";
    scene.suffer(
        "PostgreSQL out of connections",
        1,
        |_| {
            // Those that the service has are taken from it, one after the other.
            let mut taken = taken.borrow_mut();
            taken.extend(take());
            until("the service has no connection", || {
                let first: &mut PgConnection = taken.first_mut().unwrap();
                first.batch_execute(end_ours).unwrap();
                // Whoever is faster has what is free now.
                taken.extend(take());
                number_of(taken.first_mut().unwrap(), ours) == 0
            });
        },
        |_| taken.borrow_mut().clear(),
        || cluster.connect(),
    )
}

fn read_only(scene: &mut Scene, cluster: &mut Cluster) -> Row {
    let set = |what: &str| cluster.run(&format!("ALTER SYSTEM {what}; SELECT pg_reload_conf()"));
    scene.suffer(
        "PostgreSQL read-only",
        1,
        |_| set("SET default_transaction_read_only = on"),
        |_| set("RESET default_transaction_read_only"),
        || cluster.connect(),
    )
}

fn service_killed(scene: &mut Scene, cluster: &Cluster, folder: &std::path::Path) -> Row {
    let url = cluster.url();
    let row = scene.suffer(
        "Passgate killed, and started again",
        1,
        |scene| {
            let killed = scene.service.take().unwrap();
            killed.signal(Signal::SIGKILL);
            drop(killed.end());
        },
        |scene| {
            let address = scene.load.target().to_string();
            let flags = ["--listen", &address];
            let mut again = service(folder, url.expose_secret(), &flags);
            scene.service = Some(Served::spawn(&mut again));
        },
        || cluster.connect(),
    );
    Row {
        may_be_gone: true,
        ..row
    }
}

/// Everything that is asked of the database takes two seconds longer.
fn slow(cluster: &Cluster, folder: &std::path::Path) -> Row {
    let (credentials, socket) = cluster.parts();
    let proxy = Proxy::to(&std::path::Path::new(&socket).join(".s.PGSQL.5432"));
    cluster.run("CREATE DATABASE slow");
    let url = format!(
        "postgresql://{credentials}@{}/slow?sslmode=disable",
        proxy.address()
    );
    let mut scene = Scene::with(Served::spawn(&mut service(folder, &url, &[])));
    let direct = format!("postgresql://{credentials}@/slow?host={socket}");
    let row = scene.suffer(
        "PostgreSQL slow by 2 s a query",
        2,
        |_| proxy.delay(Duration::from_secs(2)),
        |_| proxy.delay(Duration::ZERO),
        || PgConnection::establish(&direct).unwrap(),
    );
    scene.end();
    row
}
