//! Requests as texts: what the load generator sends, and what little the bench asks itself.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::Fallible;

/// The password of every user of the bench.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// What a browser calls itself: sessions keep it.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// How long the bench waits for an answer of its own.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request with a form.
pub(crate) fn post(path: &str, form: &str) -> String {
    sized_post(path, form, form.len())
}

/// The same, whose body has `length` bytes once its place-holder is filled in.
pub(crate) fn sized_post(path: &str, form: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {USER_AGENT}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

/// A request for something that is there for the holder of a token.
pub(crate) fn get(path: &str, token: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {USER_AGENT}\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    )
}

/// A log-in.
pub(crate) fn log_in(username: &str) -> String {
    post("/token", &log_in_form(username))
}

/// What a log-in sends.
pub(crate) fn log_in_form(username: &str) -> String {
    let mut form = format!("grant_type=password&username={username}&password=");
    for byte in PASSWORD.bytes() {
        if byte.is_ascii_alphanumeric() {
            form.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(form, "%{byte:02X}");
        }
    }
    form
}

/// The same request from one of many addresses, as a proxy that is trusted says.
pub(crate) fn from_address(request: &str, number: u64) -> String {
    let (high, low) = (number / 250 % 250, 1 + number % 250);
    request.replacen(
        "\r\n",
        &format!("\r\nX-Forwarded-For: 198.18.{high}.{low}\r\n"),
        1,
    )
}

/// A template in which each request has an id of its own.
pub(crate) fn with_id(request: &str) -> String {
    request.replacen("\r\n", "\r\nX-Request-Id: @ID@\r\n", 1)
}

/// Sends one request and returns the body of a good answer.
pub(crate) fn ask(address: SocketAddr, request: &str) -> Fallible<String> {
    let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200") {
        return Ok(body.to_owned());
    }
    let line = head.lines().next().unwrap_or_default();
    Err(format!("{address} answers {line}: {body}").into())
}

/// Logs in and returns the access token.
pub(crate) fn access_token(address: SocketAddr, request: &str) -> Fallible<String> {
    let answer: Value = serde_json::from_str(&ask(address, request)?)?;
    let token = answer.get("access_token").and_then(Value::as_str);
    Ok(token.ok_or("the answer has no access_token")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_is_a_form_of_the_length_it_says() {
        let request = log_in("user7");
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(body.ends_with("password=correct%20horse%20battery%20staple"));
    }

    #[test]
    fn an_id_is_put_among_the_headers() {
        let request = with_id(&log_in("user7"));
        assert!(request.starts_with("POST /token HTTP/1.1\r\nX-Request-Id: @ID@\r\nHost: "));
    }
}
