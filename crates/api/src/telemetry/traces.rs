//! Traces, sent to an OpenTelemetry collector.
//!
//! A request is a span, with one below it for each visit to the database and each hash. Whoever
//! collects nothing pays nothing: without `--traces` there is no layer that looks at spans.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::TraceArgs;
use crate::failure::Failure;

/// How long the end of the server waits for a collector that takes what is left.
const FLUSH: Duration = Duration::from_secs(2);

/// The name of the span that others are below.
const REQUEST: &str = "request";

/// The name of the program in traces, unless the environment names it.
const NAME: &str = "passgate";

/// Sends traces for as long as it lives.
pub struct Traces(SdkTracerProvider);

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Traces {
    /// Begins to send, if the settings say where.
    ///
    /// # Errors
    /// A [`Failure`] that names the setting that is wrong.
    pub fn start(args: &TraceArgs) -> Result<Option<Self>, Failure> {
        let Some(base) = args.collector() else {
            return Ok(None);
        };
        if !["http://", "https://"].iter().any(|s| base.starts_with(s)) {
            return Err(Failure::new(
                "--traces is the URL of an OpenTelemetry collector that takes OTLP over HTTP, such as \
                 http://127.0.0.1:4318",
            ));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", base.trim_end_matches('/')))
            .build()
            .map_err(|error| Failure::new(format!("--traces cannot be used: {error}")))?;
        let sampler = Sampler::TraceIdRatioBased(args.trace_ratio.0);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(resource())
            .build();
        Ok(Some(Self(provider)))
    }

    /// Makes spans of the program's own spans, and of nobody else's.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(NAME))
            .with_location(false)
            .with_threads(false)
            .with_filter(dynamic_filter_fn(|metadata, context| {
                let is_ours = metadata.is_span() && metadata.target().starts_with(NAME);
                // What nobody asked for, such as a look at the keys every ten seconds, is no trace.
                is_ours && (metadata.name() == REQUEST || context.lookup_current().is_some())
            }))
    }

    /// Sends what was not sent yet.
    pub fn finish(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// What the environment says comes last, and counts.
fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name(NAME)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .build()
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// Makes a request's span a part of the trace that its headers name (W3C Trace Context).
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) {
    let parent =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    // The one who fails is a span that nobody collects.
    drop(span.set_parent(parent));
}

/// Tells the log which trace a request belongs to.
pub(crate) fn name_trace(span: &Span) {
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    span.record("trace", tracing::field::display(trace));
}

/// What came of a request, by the conventions for HTTP servers.
pub(crate) fn answered(
    span: &Span,
    method: &str,
    path: &str,
    route: Option<&str>,
    status: StatusCode,
) {
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    span.context().span().update_name(name);
    span.set_attribute("http.request.method", method.to_owned());
    span.set_attribute("url.path", path.to_owned());
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if let Some(route) = route {
        span.set_attribute("http.route", route.to_owned());
    }
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
}
