//! A balancer that knows of a replica only what `/health/ready` says, and that tries nothing twice.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::client::compose;
use crate::load::exchange;
use crate::proxy::between;

/// Between two looks at a replica.
const BETWEEN: Duration = Duration::from_millis(50);

/// Passes connections on. Ends with the test program.
pub(crate) struct Balancer {
    pub(crate) front: SocketAddr,
}

impl Balancer {
    pub(crate) fn before(replicas: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let front = listener.local_addr().unwrap();
        let ready = Arc::new(Mutex::new(replicas.to_vec()));
        for replica in replicas.iter().copied() {
            let ready = Arc::clone(&ready);
            thread::spawn(move || {
                loop {
                    let is_ready = is_ready(replica);
                    let mut ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
                    ready.retain(|other| *other != replica);
                    if is_ready {
                        ready.push(replica);
                    }
                    drop(ready);
                    thread::sleep(BETWEEN);
                }
            });
        }
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
                // Each in its turn. Without any the client's connection is closed.
                let Some(replica) = ready.first().copied() else {
                    continue;
                };
                ready.rotate_left(1);
                drop(ready);
                thread::spawn(move || {
                    if let Ok(server) = TcpStream::connect(replica) {
                        between(&client, &server, || ());
                    }
                });
            }
        });
        Self { front }
    }
}

fn is_ready(replica: SocketAddr) -> bool {
    let request = compose(replica, "GET", "/health/ready", &[], "");
    exchange(replica, &request).is_some_and(|reply| reply.status == 200)
}
