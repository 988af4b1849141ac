//! HTTPS without a proxy.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::Signal;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::app::SECRET;
use crate::client::{Ask, Reply, compose, connect};
use crate::program::{Served, folder, run, run_well};
use crate::site::Site;

/// A server with a certificate in files.
pub(crate) struct Encrypted {
    site: Site,
    served: Served,
    certificate: CertificateDer<'static>,
}

impl Encrypted {
    fn start() -> Self {
        let site = Site::new();
        renew(site.folder());
        Self::on(site, &[&["--secret", SECRET], &FLAGS[..]].concat())
    }

    /// With the certificate that is in the files already.
    pub(crate) fn on(site: Site, flags: &[&str]) -> Self {
        let pem = site.folder().join("tls.crt");
        let certificate = CertificateDer::from_pem_file(pem).unwrap();
        let served = site.serve(flags);
        Self {
            site,
            served,
            certificate,
        }
    }

    /// A connection of somebody who trusts one certificate, if the server shows that.
    fn connect(
        &self,
        trusted: &CertificateDer<'static>,
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(client, connect(self.served.address()));
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(stream)
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let address = self.served.address();
        let mut stream = self.connect(&self.certificate).unwrap();
        let request = compose(address, method, path, headers, body);
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        // The server may leave without saying so in TLS, too.
        drop(stream.read_to_end(&mut answer));
        Reply::parse(&answer)
    }
}

const FLAGS: [&str; 4] = ["--tls-certificate", "tls.crt", "--tls-key", "tls.key"];

/// Puts another certificate and its key into the files.
pub(crate) fn renew(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("tls.key"), signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
    cert.der().clone()
}

#[test]
fn https_is_served_with_a_certificate_and_browsers_are_told_to_stay_with_it() {
    let server = Encrypted::start();
    let reply = server.get("/version");
    reply.expect(200);
    assert_eq!(
        reply.header("strict-transport-security"),
        Some("max-age=31536000")
    );
    let metadata = server
        .get("/.well-known/oauth-authorization-server")
        .expect(200);
    let address = server.served.address();
    assert_eq!(metadata["issuer"], format!("https://{address}"));
    assert!(
        server.connect(&renew(folder().path())).is_err(),
        "of another"
    );
}

#[test]
fn a_server_that_speaks_https_can_be_asked_whether_it_is_ready() {
    let server = Encrypted::start();
    let address = server.served.address().to_string();
    let ask = ["healthcheck", "--listen", &address];
    let known = [&ask[..], &["--tls-certificate", "tls.crt"]].concat();
    run_well(server.site.folder(), &known);
    assert!(!run(server.site.folder(), &ask).status.success(), "by HTTP");
    // Somebody else's certificate is not ours.
    let elsewhere = folder();
    renew(elsewhere.path());
    let output = run(elsewhere.path(), &known);
    assert!(!output.status.success());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("no passgate answers"), "{complaint}");
}

/// Asks on a connection that stays.
fn ask(stream: &mut (impl Read + Write), address: SocketAddr) {
    let request = format!("HEAD /version HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_renewed_certificate_is_shown_to_whoever_comes_next() {
    let server = Encrypted::start();
    let folder = server.site.folder();
    let mut kept = server.connect(&server.certificate).unwrap();
    ask(&mut kept, server.served.address());
    fs::write(folder.join("tls.crt"), "half a certif").unwrap();
    server
        .served
        .wait_for("the certificate from before is served on");
    server.connect(&server.certificate).unwrap();
    let renewed = renew(folder);
    server.served.wait_for("the certificate was read anew");
    server.connect(&renewed).unwrap();
    assert!(server.connect(&server.certificate).is_err());
    // Nobody is thrown out.
    ask(&mut kept, server.served.address());
    let key = fs::read_to_string(folder.join("tls.key")).unwrap();
    let log = server.served.stop();
    assert!(!log.contains(key.lines().nth(1).unwrap()), "{log}");
}

/// What `/metrics` says of the certificate.
fn gauge(stream: &mut (impl Read + Write), address: SocketAddr, name: &str) -> f64 {
    stream
        .write_all(&compose(address, "GET", "/metrics", &[], ""))
        .unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let reply = Reply::parse(&answer);
    let value = reply
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("{name}: {}", reply.text()))
        .parse()
        .unwrap()
}

#[test]
fn the_end_of_the_certificate_and_files_that_cannot_be_used_are_seen_from_outside() {
    const END: &str = "passgate_tls_certificate_not_after_timestamp_seconds";
    const REFUSED: &str = "passgate_tls_certificate_refused";
    let server = Encrypted::start();
    let (folder, address) = (server.site.folder(), server.served.address());
    let of_old = |name| {
        gauge(
            &mut server.connect(&server.certificate).unwrap(),
            address,
            name,
        )
    };
    // What rcgen gives a certificate unless told otherwise: the year 4096.
    assert!(of_old(END) > 60e9, "{}", of_old(END));
    assert!(of_old(REFUSED) < 0.5);
    fs::remove_file(folder.join("tls.key")).unwrap();
    server
        .served
        .wait_for("the certificate from before is served on");
    assert!(of_old(REFUSED) > 0.5);
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2100, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    server.served.wait_for("the certificate was read anew");
    let of_new = |name| {
        gauge(
            &mut server.connect(certificate.der()).unwrap(),
            address,
            name,
        )
    };
    assert!((of_new(END) - 4_102_444_800.0).abs() < 1.0);
    assert!(of_new(REFUSED) < 0.5);
}

#[test]
fn nobody_holds_a_connection_by_half_a_handshake_or_gets_an_answer_without_one() {
    let server = Encrypted::start();
    let mut silent = connect(server.served.address());
    // The first bytes of a hello that never comes.
    silent.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    let begun = Instant::now();
    drop(silent.read_to_end(&mut Vec::new()));
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    let mut plain = connect(server.served.address());
    let request = compose(server.served.address(), "GET", "/version", &[], "");
    plain.write_all(&request).unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    server.served.signal(Signal::SIGTERM);
    assert!(server.served.end().0.success());
}

#[test]
fn what_cannot_be_served_with_is_named() {
    let folder = folder();
    renew(folder.path());
    let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    let good = [&certificate, &key].map(|path| fs::read_to_string(path).unwrap());
    let complaint = |flags: &[&str]| {
        let output = run(folder.path(), &[&["config", "check"][..], flags].concat());
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    run_well(
        folder.path(),
        &[&["config", "check"][..], &FLAGS[..]].concat(),
    );
    assert!(complaint(&FLAGS[..2]).contains("--tls-key is missing"));
    assert!(complaint(&FLAGS[2..]).contains("--tls-certificate is missing"));
    let said = complaint(&["--tls-certificate", "nowhere", "--tls-key", "tls.key"]);
    assert!(
        said.contains("--tls-certificate: nowhere cannot be read"),
        "{said}"
    );
    fs::write(&certificate, &good[1]).unwrap();
    assert!(complaint(&FLAGS).contains("tls.crt holds no certificate"));
    fs::write(&certificate, &good[0]).unwrap();
    fs::write(&key, good[1].replace("PRIVATE", "ENCRYPTED PRIVATE")).unwrap();
    assert!(complaint(&FLAGS).contains("not encrypted"));
    renew(folder.path());
    fs::write(&certificate, &good[0]).unwrap();
    assert!(complaint(&FLAGS).contains("is not that of the first certificate"));
    let garbage = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
    fs::write(&certificate, garbage).unwrap();
    let said = complaint(&FLAGS);
    assert!(said.contains("cannot be served with: "), "{said}");
}
