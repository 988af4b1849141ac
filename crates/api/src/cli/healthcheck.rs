use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::failure::Failure;
use crate::tls;

/// How long a healthy server takes at most.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// The address that the server listens on.
    #[arg(
        long,
        env = "PASSGATE_LISTEN",
        default_value = "127.0.0.1:8000",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,

    /// The certificate that it serves HTTPS with [default: it serves HTTP].
    #[arg(long, env = "PASSGATE_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
}

/// Asks `/health/ready`.
pub(super) fn run(args: &HealthcheckArgs) -> Result<(), Failure> {
    let listen = args.listen;
    let status = ask(listen, args.tls_certificate.as_deref())
        .map_err(|error| Failure::new(format!("no passgate answers on {listen}: {error}")))?;
    if status == "200" {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the passgate on {listen} is not ready: it answers {status}"
    )))
}

fn ask(listen: SocketAddr, certificate: Option<&Path>) -> Result<String, Failure> {
    let stream = TcpStream::connect_timeout(&reachable(listen), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    match certificate {
        None => status(listen, stream),
        Some(file) => status(listen, tls::connect(file, stream)?),
    }
}

fn status(listen: SocketAddr, mut stream: impl Read + Write) -> Result<String, Failure> {
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
