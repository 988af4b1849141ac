//! A network between the service and its database, which can be slow.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Passes on what arrives at a port to a Unix socket, and back. Ends with the test program.
pub(crate) struct Proxy {
    address: SocketAddr,
    milliseconds: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let milliseconds = Arc::new(AtomicU64::new(0));
        let (delay, socket) = (Arc::clone(&milliseconds), socket.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (delay, socket) = (Arc::clone(&delay), socket.clone());
                thread::spawn(move || pass(&client, &socket, &delay));
            }
        });
        Self {
            address,
            milliseconds,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on everything that is asked takes so much longer.
    pub(crate) fn delay(&self, delay: Duration) {
        let milliseconds = delay.as_millis().try_into().unwrap();
        self.milliseconds.store(milliseconds, Ordering::Relaxed);
    }
}

fn pass(client: &TcpStream, socket: &PathBuf, delay: &AtomicU64) {
    let Ok(server) = UnixStream::connect(socket) else {
        return;
    };
    between(client, &server, || {
        // The delay itself: nobody waits for anything by it.
        thread::sleep(Duration::from_millis(delay.load(Ordering::Relaxed)));
    });
}

/// What has two ends, each of which can be closed.
pub(crate) trait Wire: Sync {
    fn close(&self);
}

impl Wire for TcpStream {
    fn close(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

impl Wire for UnixStream {
    fn close(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

/// Passes on what one says to the other, and back, until one of them has gone; something is done before
/// each piece that goes to the server.
pub(crate) fn between<S: Wire>(client: &TcpStream, server: &S, before: impl Fn())
where
    for<'a> &'a S: Read + Write,
{
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(server, client, || ());
            client.close();
        });
        copy(client, server, before);
        server.close();
    });
}

fn copy(mut from: impl Read, mut to: impl Write, before: impl Fn()) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        before();
        if to.write_all(&chunk[..length]).is_err() {
            return;
        }
    }
}
