//! The load: requests that are encoded once, and differ in their ids.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind};
use prost::Message;
use waspect_otlp_client::{Answer, Compression, Endpoint, Protocol, Signal, Tls, connect};

pub const REQUEST_SPANS: usize = 512;
/// Spans of one trace: a root and its children.
const TRACE_SPANS: usize = 8;
/// Names, and values of the one attribute that varies.
const NAMES: usize = 16;
const PATHS: usize = 1000;

const TRACE_ID: [u8; 16] = [0xa5; 16];
const SPAN_ID: [u8; 8] = [0x5a; 8];
const PARENT_ID: [u8; 8] = [0x5b; 8];

/// An encoded request, and where its ids are.
#[derive(Clone)]
pub struct Template {
    request: Arc<[u8]>,
    ids: Arc<[Ids]>,
    /// Of the next request, of all rounds.
    next: Arc<AtomicU64>,
}

/// Where the ids of a span are.
struct Ids {
    trace: Range<usize>,
    span: Range<usize>,
    /// A root has none.
    parent: Option<Range<usize>>,
}

impl Template {
    pub fn new() -> Template {
        let spans = (0..REQUEST_SPANS).map(span).collect();
        let scope = InstrumentationScope { name: "shop.http".into(), ..InstrumentationScope::default() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource = Resource { attributes: vec![text("service.name", "shop")], ..Resource::default() };
        let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let (traces, spans, parents) = (all(&request, &TRACE_ID), all(&request, &SPAN_ID), all(&request, &PARENT_ID));
        assert_eq!((traces.len(), spans.len()), (REQUEST_SPANS, REQUEST_SPANS), "ids stand where they were put");
        let mut parents = parents.into_iter();
        let mut parent = |at: usize| if at.is_multiple_of(TRACE_SPANS) { None } else { parents.next() };
        let ids = traces.into_iter().zip(spans).enumerate();
        let ids = ids.map(|(at, (trace, span))| Ids { trace, span, parent: parent(at) });
        Template { request: request.into(), ids: ids.collect(), next: Arc::default() }
    }

    /// Length of a request.
    pub fn bytes(&self) -> usize {
        self.request.len()
    }

    /// Sends so many requests to an address, and waits until all are acknowledged.
    pub fn send(&self, url: &str, requests: u64, connections: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
        runtime.block_on(async {
            let left = Arc::new(AtomicU64::new(requests));
            let connections: Vec<_> =
                (0..connections).map(|_| tokio::spawn(self.clone().connection(url.to_owned(), left.clone()))).collect();
            for connection in connections {
                connection.await.expect("a connection ends when all is sent");
            }
        });
    }

    async fn connection(self, url: String, left: Arc<AtomicU64>) {
        let endpoint = Endpoint {
            url: url.parse().expect("it is a URL"),
            protocol: Protocol::Grpc,
            headers: Vec::new(),
            timeout: Duration::from_secs(60),
            compression: Compression::None,
            tls: Tls::default(),
        };
        let mut way = connect(Signal::Traces, &endpoint, "bench").expect("nothing is read");
        while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            match way.export(self.request().into()).await {
                Answer::Accepted { rejected: 0, .. } => {}
                other => panic!("{url} does not take what it is sent: {other:?}"),
            }
        }
    }

    /// The next request.
    fn request(&self) -> Vec<u8> {
        let number = self.next.fetch_add(1, Relaxed) + 1;
        let mut request = self.request.to_vec();
        let mut root = [0; 8];
        for (at, Ids { trace, span, parent }) in (0_u64..).zip(&*self.ids) {
            let trace_id = scattered((number << 32) + at / TRACE_SPANS as u64);
            let span_id = scattered((number << 32) + (1 << 31) + at);
            request[trace.clone()][..8].copy_from_slice(&trace_id);
            request[trace.clone()][8..].copy_from_slice(&number.to_be_bytes());
            request[span.clone()].copy_from_slice(&span_id);
            match parent {
                Some(parent) => request[parent.clone()].copy_from_slice(&root),
                None => root = span_id,
            }
        }
        request
    }
}

/// Another number for each, as random as ids are.
fn scattered(number: u64) -> [u8; 8] {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes()
}

fn span(at: usize) -> Span {
    let parent_span_id = if at.is_multiple_of(TRACE_SPANS) { Vec::new() } else { PARENT_ID.to_vec() };
    let start_time_unix_nano = 1_790_000_000_000_000_000 + at as u64 * 1_000;
    Span {
        trace_id: TRACE_ID.to_vec(),
        span_id: SPAN_ID.to_vec(),
        parent_span_id,
        flags: 0x101,
        name: format!("GET /items/{}", at % NAMES),
        kind: SpanKind::Server.into(),
        start_time_unix_nano,
        end_time_unix_nano: start_time_unix_nano + 1_000_000 + 7_919 * at as u64,
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.path", &format!("/items/{}/parts/{}", at % NAMES, at * 7 % PATHS)),
            number("http.response.status_code", 200),
            text("server.address", "shop.example"),
            number("server.port", 443),
        ],
        ..Span::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Where a pattern stands.
fn all(bytes: &[u8], pattern: &[u8]) -> Vec<Range<usize>> {
    let at = |at: usize| (bytes[at..].starts_with(pattern)).then(|| at..at + pattern.len());
    (0..bytes.len()).filter_map(at).collect()
}
