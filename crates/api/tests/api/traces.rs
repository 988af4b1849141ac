//! Traces, as a collector gets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::app::SECRET;
use crate::client::Ask;
use crate::program::{folder, run};
use crate::site::Site;

/// A collector that keeps what it is sent.
struct Collector {
    address: SocketAddr,
    spans: mpsc::Receiver<Span>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, spans) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || while take(&stream, &sender).is_some() {});
            }
        });
        Self { address, spans }
    }

    /// The spans of the next request that a trace tells of, from the outermost.
    fn wait_for(&self, name: &str) -> Vec<Span> {
        let mut seen = Vec::new();
        loop {
            let span = self.spans.recv_timeout(Duration::from_secs(30)).unwrap();
            seen.push(span);
            let last = seen.last().unwrap();
            if last.name == name {
                let trace = last.trace_id.clone();
                seen.retain(|span| span.trace_id == trace);
                seen.reverse();
                return seen;
            }
        }
    }
}

/// Takes one request off a connection; `None` when it ends.
fn take(stream: &TcpStream, sender: &mpsc::Sender<Span>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    assert!(line.starts_with("POST /v1/traces "), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = ExportTraceServiceRequest::decode(&*body).unwrap();
    for resource in request.resource_spans {
        let named = resource
            .resource
            .unwrap()
            .attributes
            .into_iter()
            .any(|attribute| {
                attribute.key == "service.name"
                    && attribute.value.unwrap().value == Some(Value::StringValue("passgate".into()))
            });
        assert!(named);
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            // The test may have seen enough.
            drop(sender.send(span));
        }
    }
    let mut stream = stream;
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).ok()
}

fn hex(id: &[u8]) -> String {
    let id: [u8; 16] = id.try_into().unwrap();
    format!("{:032x}", u128::from_be_bytes(id))
}

fn attribute(span: &Span, key: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|found| found.key == key)?;
    found.value.clone()?.value
}

#[test]
fn a_log_in_is_a_trace_with_its_statements_and_its_hash() {
    let (site, collector) = (Site::new(), Collector::start());
    let to = format!("http://{}", collector.address);
    let served = site.serve(&["--secret", SECRET, "--traces", &to]);
    served.register("matt");
    served.token("matt");
    let spans = collector.wait_for("POST /token");
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert!(
        names.contains(&"hash") && names.contains(&"open_session_within"),
        "{names:?}"
    );
    let (request, inner) = spans.split_first().unwrap();
    assert_eq!(
        attribute(request, "http.response.status_code"),
        Some(Value::IntValue(200))
    );
    assert_eq!(
        attribute(request, "http.route"),
        Some(Value::StringValue("/token".into()))
    );
    for span in inner {
        assert_eq!(span.parent_span_id, request.span_id, "{}", span.name);
    }
    // The log says which trace it was, and nothing that is for collectors.
    let log = served.stop();
    let trace = hex(&request.trace_id);
    assert!(log.contains(&format!("\"trace\":\"{trace}\"")), "{log}");
    assert!(!log.contains("otel"), "{log}");
    let everything = format!("{spans:?}");
    assert!(!everything.contains("horse"), "{everything}");
}

#[test]
fn what_a_trusted_proxy_began_is_continued_and_nothing_else() {
    const GIVEN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let given = format!("00-{GIVEN}-00f067aa0ba902b7-01");
    let (site, collector) = (Site::new(), Collector::start());
    let to = format!("http://{}", collector.address);
    let flags = ["--secret", SECRET, "--traces", &to, "--trace-ratio", "0"];
    let ask = |served: &crate::program::Served| {
        served.ask("GET", "/version", &[("traceparent", &given)], "");
    };
    // Of ten that nobody has begun to trace, none is sent.
    let strict = site.serve(&flags);
    for _ in 0..10 {
        ask(&strict);
    }
    strict.stop();
    assert!(collector.spans.try_recv().is_err());
    let trusting = site.serve(&[&flags[..], &["--trusted-proxy", "127.0.0.1/32"]].concat());
    ask(&trusting);
    let spans = collector.wait_for("GET /version");
    let trace = hex(&spans[0].trace_id);
    assert_eq!(trace, GIVEN);
    trusting.stop();
}

#[test]
fn a_collector_that_is_away_holds_nothing_up() {
    let site = Site::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let served = site.serve(&["--secret", SECRET, "--traces", &to]);
    served.register("matt");
    served.token("matt");
    served.stop();
}

#[test]
fn what_is_no_collector_or_no_ratio_is_named() {
    let folder = folder();
    for (flags, named) in [
        (["--traces", "collector:4318"], "--traces"),
        (["--trace-ratio", "1.5"], "a ratio is a number from 0 to 1"),
        (["--trace-ratio", "NaN"], "a ratio is a number from 0 to 1"),
    ] {
        let output = run(folder.path(), &flags);
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(named), "{said}");
    }
}
