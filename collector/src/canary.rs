//! A canary: one span through each exporter, to see what its endpoint says. It goes straight to the endpoint, by the exporter's own way there;
//! no store is opened, and nothing is tried again.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use waspect_abi::semconv::attribute::SERVICE_NAME;

use crate::clock;
use crate::config::Config;
use crate::forward::{ConnectError, Transport, Verdict};
use crate::otlp::Signal;

/// The span's service.
const SERVICE: &str = "waspect-canary";

/// What became of the span of one exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The exporter's name.
    pub exporter: String,
    /// The span's trace, by which it can be asked for: 32 hexadecimal digits.
    pub trace_id: String,
    /// Why its endpoint has not taken it.
    pub refused: Option<String>,
}

/// Sends a span through each exporter that gets traces, one after the other.
///
/// # Errors
///
/// An exporter cannot be prepared: nothing was sent then.
pub async fn send(config: &Config) -> Result<Vec<Sent>, ConnectError> {
    let names = config.exporters.keys().filter(|name| config.takes(name, Signal::Traces));
    let ways = names.map(|name| Ok((name, Transport::new(name, &config.exporters[name])?)));
    let mut sent = Vec::new();
    for (name, mut way) in ways.collect::<Result<Vec<_>, ConnectError>>()? {
        let trace = rand::random::<u128>() | 1;
        let refused = match way.send(Signal::Traces, request(trace)).await {
            Verdict::Taken { rejected: 0, .. } => None,
            Verdict::Taken { why, .. } | Verdict::Later { why, .. } | Verdict::Refused { why } => Some(why),
        };
        sent.push(Sent { exporter: name.clone(), trace_id: format!("{trace:032x}"), refused });
    }
    Ok(sent)
}

fn request(trace: u128) -> Bytes {
    let now = clock::now_unix_ns();
    let span = Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: (rand::random::<u64>() | 1).to_be_bytes().to_vec(),
        name: "canary".to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: now,
        end_time_unix_nano: now,
        ..Span::default()
    };
    let service = AnyValue { value: Some(any_value::Value::StringValue(SERVICE.to_owned())) };
    let service = KeyValue { key: SERVICE_NAME.to_owned(), value: Some(service), ..KeyValue::default() };
    let scope = InstrumentationScope { name: "waspect.collector.canary".to_owned(), ..InstrumentationScope::default() };
    let spans = ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() };
    let resource = Resource { attributes: vec![service], ..Resource::default() };
    let all = ResourceSpans { resource: Some(resource), scope_spans: vec![spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![all] }.encode_to_vec().into()
}
