use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::Failure;

/// How long a healthy server takes at most.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks `/health/ready`.
pub(super) fn run(listen: SocketAddr) -> Result<(), Failure> {
    let status = ask(listen)
        .map_err(|error| Failure::new(format!("no passgate answers on {listen}: {error}")))?;
    if status == "200" {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the passgate on {listen} is not ready: it answers {status}"
    )))
}

fn ask(listen: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&reachable(listen), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /health/ready HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n"
    )?;
    let mut status_line = String::new();
    BufReader::new(stream).read_line(&mut status_line)?;
    Ok(status_line
        .split(' ')
        .nth(1)
        .unwrap_or("nothing")
        .to_owned())
}

/// Who listens everywhere is reached on the loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
