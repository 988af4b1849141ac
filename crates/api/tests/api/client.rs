//! The smallest HTTP client that shows everything: one request a connection, bytes in and out.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| {
                panic!("no HTTP response: {:?}", String::from_utf8_lossy(bytes));
            });
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let body = &bytes[end + 4..];
        let is_chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        let body = if is_chunked {
            unchunk(body)
        } else {
            body.to_vec()
        };
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} with no JSON: {}", self.status, self.text()))
    }

    /// Insists on a status and returns the body.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Everything that may depend on the request. The order of the fields does not: it is another
    /// each time.
    pub(crate) fn without_id_and_date(&self) -> (u16, BTreeSet<&(String, String)>, &str) {
        let own = |header: &&(String, String)| header.0 != "x-request-id" && header.0 != "date";
        (
            self.status,
            self.headers.iter().filter(own).collect(),
            self.text(),
        )
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes as they are and reads the answer.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> Reply {
    try_send(address, request).unwrap()
}

/// The same, where the server may be gone.
pub(crate) fn try_send(address: SocketAddr, request: &[u8]) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A server that refuses half-way closes before everything is written, and has answered.
    drop(stream.write_all(request));
    finish(stream)
}

/// Reads the answer to what was written: to the end of its body, or of the connection.
pub(crate) fn finish(mut stream: TcpStream) -> std::io::Result<Reply> {
    let (mut answer, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    while !is_complete(&answer) {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&chunk[..length]),
            Err(error) if answer.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    if answer.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Reply::parse(&answer))
}

pub(crate) fn is_complete(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length:"));
    length.is_some_and(|length| answer.len() - end - 4 >= length.trim().parse::<usize>().unwrap())
}

/// A request with the length of its body.
pub(crate) fn compose(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() || method == "POST" {
        request.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    request.extend(["\r\n", body]);
    request.into_bytes()
}

pub(crate) const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");

/// What every server under test can be asked.
pub(crate) trait Ask {
    fn address(&self) -> SocketAddr;

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let address = self.address();
        send(address, &compose(address, method, path, headers, body))
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "")
    }

    fn get_as(&self, token: &str, path: &str) -> Reply {
        self.ask(
            "GET",
            path,
            &[("Authorization", &format!("Bearer {token}"))],
            "",
        )
    }

    fn post_form(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, &[FORM], body)
    }

    fn post_json(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path, &[JSON], &body.to_string())
    }

    /// With a body, as the bearer of a token; of none, if it is empty.
    fn ask_json(&self, token: &str, method: &str, path: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [JSON, ("Authorization", &bearer)];
        let headers = if token.is_empty() {
            &headers[..1]
        } else {
            &headers[..]
        };
        self.ask(method, path, headers, &body.to_string())
    }

    /// A copy of what another process has ended is believed for a moment, and no longer.
    fn refuses_soon(&self, token: &str, path: &str) {
        let begun = Instant::now();
        while self.get_as(token, path).status != 401 {
            assert!(begun.elapsed() < PATIENCE, "{path} is still answered");
        }
    }

    fn register(&self, username: &str) -> Value {
        let body = serde_json::json!({"username": username, "password": PASSWORD});
        self.post_json("/users", &body).expect(201)
    }

    fn log_in(&self, username: &str, password: &str) -> Reply {
        let password = password.replace(' ', "+");
        self.post_form(
            "/token",
            &format!("grant_type=password&username={username}&password={password}"),
        )
    }

    fn token(&self, username: &str) -> String {
        let answer = self.log_in(username, PASSWORD).expect(200);
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

/// The password of everybody who is registered by a test.
pub(crate) const PASSWORD: &str = "correct horse battery";
