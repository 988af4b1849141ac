//! A standby that takes the place of its primary.

use std::path::Path;

use diesel::Connection;
use diesel::PgConnection;
use nix::sys::signal::Signal;

use crate::cluster::{Cluster, Standby};
use crate::program::Served;
use crate::report::Row;
use crate::scene::{Scene, service};

/// The primary dies.
pub(super) fn of_a_dead_primary(folder: &Path) -> Option<Row> {
    failover("PostgreSQL killed, standby promoted", folder, |primary| {
        primary.end(Signal::SIGQUIT);
    })
}

/// The primary hangs, and keeps what it has.
pub(super) fn of_a_hanging_primary(folder: &Path) -> Option<Row> {
    failover("PostgreSQL paused, standby promoted", folder, |primary| {
        primary.signal(Signal::SIGSTOP);
    })
}

fn failover(cause: &'static str, folder: &Path, fail: impl FnOnce(&Cluster)) -> Option<Row> {
    let primary = Cluster::start(&folder.join("primary"));
    let standby = Standby::of(&primary, folder)?;
    let url = standby.url_beside(&primary);
    let mut scene = Scene::with(Served::spawn(&mut service(folder, &url, &[])));
    let row = scene.suffer(
        cause,
        2,
        |_| fail(&primary),
        |_| standby.promote(),
        || PgConnection::establish(&standby.url()).unwrap(),
    );
    scene.end();
    // One that hangs could not be stopped.
    if primary.is_running() {
        primary.kill();
    }
    Some(row)
}
