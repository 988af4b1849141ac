//! Many replicas that start at the same moment.

use std::path::Path;
use std::thread;
use std::time::Instant;

use crate::client::Ask;
use crate::cluster::{Cluster, connect, number_of};
use crate::load::{Answer, Kind, Load};
use crate::program::Served;
use crate::report::Row;
use crate::scene::{leaves_no_connections, service};

const REPLICAS: usize = 10;

/// On a database that has nothing: one makes the schema and the key, and all have them.
pub(crate) fn at_once(cluster: &Cluster, folder: &Path) -> Row {
    cluster.run("CREATE DATABASE fresh");
    let (credentials, socket) = cluster.parts();
    let url = format!("postgresql://{credentials}@/fresh?host={socket}");
    let replicas: Vec<Served> = thread::scope(|scope| {
        let start = |_| scope.spawn(|| Served::spawn(&mut service(folder, &url, &[])));
        let starting: Vec<_> = (0..REPLICAS).map(start).collect();
        let started = starting.into_iter().map(|replica| replica.join().unwrap());
        started.collect()
    });
    let listening = Instant::now();
    let load = Load::on(replicas.iter().map(Ask::address).collect());
    let mut keys = Vec::new();
    for number in 0..REPLICAS {
        load.get(Kind::Ready, "/health/ready");
        if let Answer::Good(reply) = load.get(Kind::Keys, "/.well-known/jwks.json") {
            keys.push(reply.json());
        }
        let name = format!("user{number}");
        // Each step on another replica.
        if load.register(&name)
            && let Some(mut held) = load.log_in(&name)
        {
            load.refresh(&mut held);
        }
    }
    let recovery = listening.elapsed();
    let mut connection = connect(&url);
    let mut lost = load.ledger.differences(&mut connection);
    let keys_made = number_of(
        &mut connection,
        "SELECT count(*) AS number FROM signing_keys",
    );
    keys.dedup();
    if keys_made != 1 || keys.len() != 1 {
        lost.push(format!(
            "{keys_made} keys were made, and {} published",
            keys.len()
        ));
    }
    leaves_no_connections(&mut connection, 10);
    Row {
        cause: "ten replicas at once on an empty database",
        tally: load.next_tally(),
        recovery,
        lost,
        may_be_gone: false,
    }
}
