//! A server whose answers can be chosen, in a thread of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub(crate) enum Answer {
    /// A body, with headers beside it.
    Json(String, &'static str),
    /// A body, after a while.
    Late(String, std::time::Duration),
    /// 304 to whoever names this entity tag, else the body.
    Tagged(String, &'static str),
    Status(u16),
    Redirect(String),
    /// The connection is taken and nothing said.
    Hang,
    /// Headers, then a byte a second.
    Trickle,
    /// So many bytes of JSON, with or without their length in the headers.
    Big(usize, bool),
    /// The connection is closed at once.
    Close,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(Mutex::new(answer)),
            asked: Arc::default(),
        };
        let (answer, asked) = (Arc::clone(&server.answer), Arc::clone(&server.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
                std::thread::spawn(move || {
                    let answer = || {
                        asked.fetch_add(1, Ordering::SeqCst);
                        answer.lock().unwrap().clone()
                    };
                    // A client that goes away is no failure of the server's.
                    let _ = serve(stream.unwrap(), answer);
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    pub(crate) fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How many requests there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, answer: impl Fn() -> Answer) -> std::io::Result<()> {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone()?);
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let mut send = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
    };
    match answer() {
        Answer::Json(body, headers) => send("200 OK", headers, &body),
        Answer::Late(body, wait) => {
            std::thread::sleep(wait);
            send("200 OK", "", &body)
        }
        Answer::Tagged(_, etag) if head.contains(etag) => send("304 Not Modified", "", ""),
        Answer::Tagged(body, etag) => send("200 OK", &format!("etag: {etag}\r\n"), &body),
        Answer::Status(status) => send(&format!("{status} Oh"), "", "{\"keys\":[]}"),
        Answer::Redirect(to) => send("302 Found", &format!("location: {to}\r\n"), ""),
        Answer::Close => Ok(()),
        Answer::Hang => {
            std::thread::sleep(std::time::Duration::from_mins(1));
            Ok(())
        }
        Answer::Trickle => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
            loop {
                stream.write_all(b" ")?;
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
        Answer::Big(bytes, announced) => {
            let body = format!("{{\"keys\":[\"{}\"]}}", "a".repeat(bytes));
            if announced {
                return send("200 OK", "", &body);
            }
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")
        }
    }
}
