//! A disk without room.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use secrecy::ExposeSecret;

use crate::cluster::Cluster;
use crate::program::Served;
use crate::report::Row;
use crate::scene::{Scene, service};
use crate::tools;

/// Of the disk, for a new cluster with its log.
const SIZE: &str = "size=160m";

/// A small file system in memory, taken away at the end.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(at)
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(at))
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut file = File::create(self.file()).unwrap();
        for size in [1 << 20, 1 << 12] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(self.file()).unwrap();
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join("everything-else")
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0).output());
    }
}

/// `None` where no file system can be mounted.
pub(super) fn full(folder: &Path) -> Option<Row> {
    let place = folder.join("disk");
    let Some(disk) = Disk::mount(&place) else {
        tools::skip("the disk is not filled: mounting a small one takes root");
        return None;
    };
    let mut cluster = Cluster::start(&place.join("database"));
    let url = cluster.url();
    let mut scene = Scene::with(Served::spawn(&mut service(
        folder,
        url.expose_secret(),
        &[],
    )));
    let mut row = scene.suffer(
        "PostgreSQL's disk full",
        1,
        |_| disk.fill(),
        |_| {
            disk.empty();
            // Without room for its log it ends.
            if !cluster.is_running() {
                cluster.start_again();
            }
        },
        || crate::cluster::connect(url.expose_secret()),
    );
    // There may be room for a log-in here and there, and none for what readiness asks for.
    let is_careful = |wrong: &String| wrong.contains("ready: false, logs_in: true");
    row.tally.wrong.retain(|wrong| !is_careful(wrong));
    scene.end();
    cluster.end(nix::sys::signal::Signal::SIGINT);
    Some(row)
}
