//! What happens around every request: its id, its line in the log, and the body of its error.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use serde::Serialize;
use tracing::field::Empty;
use tracing::{Instrument, Span, error, info, info_span, warn};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::cors;
use crate::error::{ApiError, FieldError, Parts};
use crate::extract;
use crate::state::AppState;
use crate::telemetry;

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id, for its handler.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// The longest request id taken from a client, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// How long the header fields of a request may be together, in bytes.
const MAX_HEADERS: usize = 16 * 1024;

/// What keeps a browser from asking again by HTTP (RFC 6797), for the host that the issuer names only.
const HTTPS_FOR_A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The endpoints whose errors have the form of RFC 6749 section 5.2.
const OAUTH_PATHS: [&str; 3] = ["/token", "/revoke", "/introspect"];

/// An error in the form of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    pub r#type: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// What was wrong, and what would be right.
    pub detail: String,
    /// Finds the request in the log.
    pub request_id: String,
    /// Every field that cannot be taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// An error in the form of RFC 6749 section 5.2, with the sentence once more where clients
/// written for FastAPI look for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthProblem {
    /// A word of RFC 6749.
    pub error: &'static str,
    /// What was wrong, and what would be right.
    pub error_description: String,
    /// The same.
    pub detail: String,
}

/// The `error` of an answer, for whoever counts them.
#[derive(Debug, Clone, Copy)]
struct OAuthError(&'static str);

/// Gives the request its id and span, renders the error it ends in, and logs its end.
///
/// # Errors
/// None of its own: whatever goes wrong becomes a response.
pub async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let span = span_of(&request, &id);
    request.extensions_mut().insert(RequestId(id.clone()));
    let oauth = OAUTH_PATHS.contains(&request.path());
    // Until the answer is there, and then with it.
    let mut unfinished = None;
    let outcome = if let Err((error, unread)) = extract::arrive(&mut request).await {
        unfinished = Some(unread);
        Ok(request.error_response(error).map_into_boxed_body())
    } else if header_bytes(&request) > MAX_HEADERS {
        let error = ApiError::HeadersTooLarge { limit: MAX_HEADERS };
        Ok(request.error_response(error).map_into_boxed_body())
    } else if let Some(answer) = preflight(&request) {
        Ok(request.into_response(answer))
    } else {
        next.call(request)
            .instrument(span.clone())
            .await
            .map(ServiceResponse::map_into_boxed_body)
    };
    let mut response = outcome?;
    let _entered = span.enter();
    if response.status() == StatusCode::NOT_FOUND && response.response().error().is_none() {
        // Of the pages under /docs, which come from a library.
        let rendered = render(ApiError::NotFound.parts(), &id, oauth);
        response = response.into_response(rendered);
    } else if let Some(error) = response.response().error() {
        let foreign = ApiError::Internal(error.to_string().into());
        let error = error.as_error::<ApiError>().unwrap_or(&foreign);
        log_cause(error);
        let parts = error.parts();
        if matches!(
            parts.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            log_refusal(response.request(), error);
        }
        let rendered = render(parts, &id, oauth);
        response = response.into_response(rendered);
    }
    let asked = response.request().clone();
    let is_page = asked.path().starts_with("/docs");
    let headers = response.headers_mut();
    if let Some(state) = asked.app_data::<web::Data<AppState>>() {
        cors::mark(&state.allowed_origins, asked.headers(), headers);
        if state.is_https() {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_FOR_A_YEAR);
        }
    }
    drop(asked);
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    protect(headers, is_page);
    if is_draining(&response) {
        // Kept connections would bring requests until the very end.
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    let elapsed = started.elapsed();
    count(&response, elapsed);
    trace_end(&span, &response);
    log_end(&span, response.status().as_u16(), elapsed);
    Ok(match unfinished {
        None => response,
        Some(unread) => response.map_body(|_, body| unread.closing(body)),
    })
}

fn span_of(request: &ServiceRequest, id: &str) -> Span {
    let (method, path) = (request.method(), request.path());
    let state = request.app_data::<web::Data<AppState>>();
    let Some(state) = state.filter(|state| state.is_traced) else {
        return info_span!("request", %id, %method, path);
    };
    let span = info_span!(
        "request",
        %id,
        %method,
        path,
        trace = Empty,
        otel.kind = "server",
    );
    // Anybody else could have everything traced that they ask.
    if extract::is_of_trusted(request.request(), &state.trusted_proxies) {
        telemetry::continue_trace(&span, request.headers());
    }
    telemetry::name_trace(&span);
    span
}

fn trace_end(span: &Span, response: &ServiceResponse<BoxBody>) {
    let request = response.request();
    let state = request.app_data::<web::Data<AppState>>();
    if state.is_some_and(|state| state.is_traced) {
        let (method, route) = (request.method().as_str(), request.match_pattern());
        let (path, status) = (request.path(), response.status());
        telemetry::answered(span, method, path, route.as_deref(), status);
    }
}

fn preflight(request: &ServiceRequest) -> Option<HttpResponse> {
    let state = request.app_data::<web::Data<AppState>>()?;
    cors::preflight(&state.allowed_origins, request.method(), request.headers())
}

/// Tells browsers to do nothing with an answer but what it is for: an answer of the API is no page,
/// and our pages are in nobody's frame.
fn protect(headers: &mut HeaderMap, is_page: bool) {
    let policy = if is_page {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn is_draining(response: &ServiceResponse<BoxBody>) -> bool {
    let state = response.request().app_data::<web::Data<AppState>>();
    state.is_some_and(|state| state.draining.load(Ordering::Relaxed))
}

fn count(response: &ServiceResponse<BoxBody>, elapsed: Duration) {
    let request = response.request();
    let Some(state) = request.app_data::<web::Data<AppState>>() else {
        return;
    };
    let (path, status) = (request.match_pattern(), response.status());
    if path.as_deref() == Some("/token") {
        let error = response
            .response()
            .extensions()
            .get::<OAuthError>()
            .copied();
        // A preflight has neither.
        let granted = (status == StatusCode::OK).then_some("granted");
        if let Some(outcome) = error.map(|OAuthError(error)| error).or(granted) {
            state.metrics.granted(outcome);
        }
    }
    state
        .metrics
        .answered(request.method(), path, status, elapsed);
}

fn request_id(request: &ServiceRequest) -> String {
    let well_formed = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let given = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok());
    given
        .filter(well_formed)
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn header_bytes(request: &ServiceRequest) -> usize {
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

fn log_cause(error: &ApiError) {
    let Some(cause) = error.cause() else { return };
    let chain = chain(cause.as_ref());
    if matches!(error, ApiError::Unavailable { .. }) {
        warn!(cause = %chain, "unavailable");
    } else {
        error!(cause = %chain, "internal error");
    }
}

/// Who was refused, and why: what stands in the answer.
fn log_refusal(request: &HttpRequest, error: &ApiError) {
    let state = request.app_data::<web::Data<AppState>>();
    let address = state.and_then(|state| extract::address_of(request, &state.trusted_proxies));
    info!(
        cause = %error,
        address = address.map(tracing::field::display),
        "refused"
    );
}

fn log_end(span: &Span, status: u16, elapsed: Duration) {
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    info!(parent: span, status, micros, "answered");
}

/// An error and all that caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn render(parts: Parts, request_id: &str, oauth: bool) -> HttpResponse {
    let mut response = HttpResponse::build(parts.status);
    for header in parts.headers {
        response.insert_header(header);
    }
    let detail = parts.detail.into_owned();
    if oauth {
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header((header::PRAGMA, "no-cache"));
        response.extensions_mut().insert(OAuthError(parts.oauth));
        return response.json(OAuthProblem {
            error: parts.oauth,
            error_description: detail.clone(),
            detail,
        });
    }
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response
        .content_type("application/problem+json")
        .json(Problem {
            r#type: "about:blank",
            title: parts.status.canonical_reason().unwrap_or("Error"),
            status: parts.status.as_u16(),
            detail,
            request_id: request_id.to_owned(),
            errors: parts.errors,
        })
}
