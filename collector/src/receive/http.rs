//! OTLP over HTTP: protobuf or JSON, gzip or zstd, and the answers that the specification asks for.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{Method, StatusCode, Uri};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use serde_json::json;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::body::{self, Compression, Room, Unreadable};
use super::origins::Origins;
use super::rate::Allowance;
use crate::batches;
use crate::config::Cors;
use crate::intake::{Accepted, Intake, Refusal};
use crate::otlp::{Encoding, Signal};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// What a receiver needs.
pub(super) struct Receiver {
    pub intake: Intake,
    pub room: Room,
    pub bytes_max: usize,
    pub timeout: Duration,
}

/// An answer that is not yes.
pub(super) struct No {
    pub status: StatusCode,
    pub message: String,
    pub after: Option<Duration>,
}

impl Receiver {
    /// One request.
    pub async fn export(&self, signal: Signal, request: Request) -> Response {
        let encoding = match media_type(request.headers()).as_str() {
            PROTOBUF => Encoding::Protobuf,
            JSON => Encoding::Json,
            other => {
                let message = format!("content type `{other}` is not OTLP; send {PROTOBUF} or {JSON}");
                return self.no(Encoding::Json, No::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
            }
        };
        match self.take(signal, encoding, request).await {
            Ok(accepted) => answer(StatusCode::OK, encoding, success(signal, encoding, accepted)),
            Err(no) => self.no(encoding, no),
        }
    }

    async fn take(&self, signal: Signal, encoding: Encoding, request: Request) -> Result<Accepted, No> {
        let batch = batch(request.uri());
        let body = self.read(request, self.bytes_max).await?;
        self.intake.take(signal, encoding, body.bytes.clone(), batch.as_deref()).await.map_err(No::from)
    }

    /// A request's body, without what compressed it on its way.
    pub(super) async fn read(&self, request: Request, bytes_max: usize) -> Result<body::Whole, No> {
        let compression = compression(request.headers())?;
        let unreadable = |unreadable| unreadable_as(unreadable, bytes_max);
        let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > bytes_max as u64) {
            // Who asks before it sends has nothing under way.
            if !request.headers().contains_key(EXPECT) {
                let _ = tokio::time::timeout(self.timeout, body::linger(request.into_body())).await;
            }
            return Err(unreadable(Unreadable::TooLong));
        }
        let allowance = request.extensions().get::<Allowance>().cloned();
        let reading = body::read(request.into_body(), compression, bytes_max, &self.room);
        let body = match tokio::time::timeout(self.timeout, reading).await {
            Ok(body) => body.map_err(unreadable)?,
            Err(_) => return Err(No::new(StatusCode::REQUEST_TIMEOUT, "the request took too long".into())),
        };
        if let Some(Err(refusal)) = allowance.map(|allowance| allowance.bytes(body.bytes.len())) {
            self.intake.refused(&refusal);
            return Err(refusal.into());
        }
        Ok(body)
    }

    pub(super) fn no(&self, encoding: Encoding, no: No) -> Response {
        let status = tonic_types::pb::Status { code: 0, message: no.message, details: Vec::new() };
        let body = match encoding {
            Encoding::Protobuf => status.encode_to_vec(),
            Encoding::Json => json!({ "message": status.message }).to_string().into_bytes(),
        };
        with_after(answer(no.status, encoding, body), no.after)
    }
}

impl No {
    pub fn new(status: StatusCode, message: String) -> No {
        No { status, message, after: None }
    }

    /// As an answer for people.
    pub fn into_text(self) -> Response {
        with_after((self.status, self.message + "\n").into_response(), self.after)
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> No {
        let message = refusal.message().to_owned();
        match refusal {
            Refusal::Malformed(_) | Refusal::Loop => No::new(StatusCode::BAD_REQUEST, message),
            Refusal::Busy { after, .. } | Refusal::Rate { after } => {
                No { status: StatusCode::TOO_MANY_REQUESTS, message, after: Some(after) }
            }
            Refusal::Unavailable { after, .. } => {
                No { status: StatusCode::SERVICE_UNAVAILABLE, message, after: Some(after) }
            }
        }
    }
}

/// Why a body of at most so many bytes is not there.
pub(super) fn unreadable_as(unreadable: Unreadable, bytes_max: usize) -> No {
    match unreadable {
        Unreadable::TooLong => {
            let message = format!("the request is longer than {bytes_max} bytes; send smaller batches");
            No::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        Unreadable::NoRoom => Refusal::busy("too many requests at once").into(),
        Unreadable::Corrupt(message) => {
            No::new(StatusCode::BAD_REQUEST, format!("the body does not decompress: {message}"))
        }
        Unreadable::Gone => No::new(StatusCode::BAD_REQUEST, "the request ended early".into()),
    }
}

/// What browsers are told before they send: which pages may, with the headers that OTLP needs.
pub(super) fn cors(config: &Cors, origins: Origins) -> CorsLayer {
    let origins = match origins.are_all() {
        true => AllowOrigin::any(),
        false => AllowOrigin::predicate(move |origin, _| origins.include(origin.as_bytes())),
    };
    let ours = ["content-type", "content-encoding", "authorization", "user-agent"].map(HeaderName::from_static);
    let theirs = config.allowed_headers.iter().filter_map(|name| name.parse().ok());
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers(AllowHeaders::list(ours.into_iter().chain(theirs)))
        .expose_headers([RETRY_AFTER])
        .max_age(Duration::from_secs(config.max_age.into()))
}

fn compression(headers: &HeaderMap) -> Result<Compression, No> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(Compression::None) };
    match encoding.as_bytes().to_ascii_lowercase().trim_ascii() {
        b"" | b"identity" => Ok(Compression::None),
        b"gzip" => Ok(Compression::Gzip),
        b"zstd" => Ok(Compression::Zstd),
        _ => Err(No::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "this content encoding is not known; send gzip or zstd".into(),
        )),
    }
}

/// What the sender calls the batch. In the URL: a header of our own would be refused by every endpoint that was not told of it.
pub(super) fn batch(uri: &Uri) -> Option<Vec<u8>> {
    let mut parameters = form_urlencoded::parse(uri.query()?.as_bytes());
    parameters.find(|(name, _)| name == batches::NAME).map(|(_, id)| id.into_owned().into_bytes())
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The response message of a signal's service.
pub(super) fn success(signal: Signal, encoding: Encoding, accepted: Accepted) -> Vec<u8> {
    let Accepted { rejected, message } = accepted;
    let whole = rejected == 0 && message.is_empty();
    let number = i64::try_from(rejected).unwrap_or(i64::MAX);
    if encoding == Encoding::Json {
        // Written by hand: the generated types write 64-bit numbers as numbers, which JavaScript would round.
        let field = match signal {
            Signal::Traces => "rejectedSpans",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
        };
        let response = match whole {
            true => json!({}),
            false => json!({ "partialSuccess": { field: number.to_string(), "errorMessage": message } }),
        };
        return response.to_string().into_bytes();
    }
    match signal {
        Signal::Traces => {
            let partial = ExportTracePartialSuccess { rejected_spans: number, error_message: message };
            ExportTraceServiceResponse { partial_success: (!whole).then_some(partial) }.encode_to_vec()
        }
        Signal::Metrics => {
            let partial = ExportMetricsPartialSuccess { rejected_data_points: number, error_message: message };
            ExportMetricsServiceResponse { partial_success: (!whole).then_some(partial) }.encode_to_vec()
        }
        Signal::Logs => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: number, error_message: message };
            ExportLogsServiceResponse { partial_success: (!whole).then_some(partial) }.encode_to_vec()
        }
    }
}

fn with_after(mut response: Response, after: Option<Duration>) -> Response {
    if let Some(after) = after {
        let seconds = after.as_millis().div_ceil(1000).max(1) as u64;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn answer(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
