//! Jaeger's query API over HTTP: `/api`, which Grafana and older pages ask, and `/api/v3`, which is OTLP.
//!
//! - [`api`], [`v3`]: the routes. [`parameters`]: what they take.
//! - [`model`], [`convert`]: the JSON of `/api`. [`adjust`]: what Jaeger does to the OTLP of `/api/v3`.
//! - [`skew`], [`duration`]: what it says of spans that do not fit.

mod adjust;
pub mod api;
mod convert;
mod duration;
mod model;
mod parameters;
mod skew;
pub mod v3;

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde::Serialize;

use crate::query::{Ask, Asked};
pub use parameters::{LIMIT, LIMIT_MAX, Parameters};

/// What a trace says of which not all is shown.
pub const CUT: &str = "this trace has more spans than one answer holds; the first that were stored are shown";

/// What an answer says that is not complete.
pub const SPENT: &str = "the answer is not complete: it came to the end of its time or memory; ask for less";

/// A service's operations of a kind, or of any: names and kinds.
pub async fn operations(ask: &Ask, service: String, wanted: &str) -> Result<Vec<(String, &'static str)>, Asked> {
    let operations = ask.ask(move |finder| finder.operations(&service)).await?;
    let operations = operations.into_iter().map(|(name, kind)| (name, convert::kind(kind.into())));
    Ok(operations.filter(|(_, kind)| wanted.is_empty() || wanted == *kind).collect())
}

/// An answer in JSON.
fn json(status: StatusCode, body: &impl Serialize, pretty: bool) -> Response {
    let text = if pretty { serde_json::to_vec_pretty(body) } else { serde_json::to_vec(body) };
    let mut response = Response::new(Body::from(text.expect("our own types are JSON")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::with_capacity(id.len() * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

/// A trace's id: of 64 bits, where no more are used.
fn trace_hex(id: &[u8]) -> String {
    let hex = hex(id);
    match hex.strip_prefix("0000000000000000") {
        Some(low) if low.len() == 16 => low.to_owned(),
        _ => hex,
    }
}

/// An address that was sent as a number, as it is read; `None`: it is something else.
fn address(key: &str, value: Option<&AnyValue>) -> Option<String> {
    let number = match value?.value.as_ref()? {
        Value::IntValue(number) => *number as u32,
        Value::DoubleValue(number) => *number as u32,
        _ => return None,
    };
    ["ip", "peer.ipv4"].contains(&key).then(|| Ipv4Addr::from(number).to_string())
}

/// What Jaeger says of a span that ends before it has begun: it is shown with 1 ns.
fn mended(span: &Span) -> Option<String> {
    let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
    (end <= start).then(|| {
        format!(
            "Negative duration detected, sanitizing end timestamp. Original end timestamp: {}, adjusted to: {}",
            time(end),
            time(start.saturating_add(1))
        )
    })
}

/// A time as Go writes it: `2026-11-26 18:00:00.5 +0000 UTC`.
fn time(unix_ns: u64) -> String {
    let text = humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(unix_ns)).to_string();
    let text = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{} +0000 UTC", text.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        assert_eq!(time(0), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(time(1_790_000_000_500_000_000), "2026-09-21 14:13:20.5 +0000 UTC");
    }
}
