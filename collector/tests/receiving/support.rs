//! A collector on free ports and a directory of its own, and what clients send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use waspect_collector::entry::Entry;
use waspect_collector::log::{Directory, Disk, Options, Store};
use waspect_collector::{Collector, config};

pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";

/// A running collector and its directory.
pub struct Running {
    pub collector: Collector,
    directory: tempfile::TempDir,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Running {
    /// With these settings beside ports of the system's choice.
    pub async fn start(yaml: &str) -> Running {
        Running::start_on(yaml, |disk| disk).await
    }

    /// With the directory behind something.
    pub async fn start_on(yaml: &str, behind: impl FnOnce(Arc<dyn Disk>) -> Arc<dyn Disk>) -> Running {
        Running::start_in(tempfile::tempdir().unwrap(), yaml, behind).await
    }

    async fn start_in(
        directory: tempfile::TempDir,
        yaml: &str,
        behind: impl FnOnce(Arc<dyn Disk>) -> Arc<dyn Disk>,
    ) -> Running {
        let variables =
            ["RECEIVERS__OTLP__PROTOCOLS__GRPC", "RECEIVERS__OTLP__PROTOCOLS__HTTP", "QUERY", "REMOTE_STORAGE"]
                .map(|place| (format!("WASPECT_COLLECT__{place}__ENDPOINT"), "127.0.0.1:0".to_owned()));
        let mut config = config::load(yaml, variables).unwrap();
        config.storage.directory = directory.path().to_owned();
        let disk = Arc::new(Directory::open(directory.path()).unwrap());
        let collector = Collector::start_on(&config, behind(disk)).await.unwrap();
        Running { collector, directory }
    }

    fn address(&self, place: &str) -> SocketAddr {
        self.collector.addresses.iter().find(|(name, _)| name.ends_with(place)).expect("it listens").1
    }

    pub fn grpc(&self) -> SocketAddr {
        self.address("grpc")
    }

    pub fn http(&self) -> SocketAddr {
        self.address("http")
    }

    pub fn query(&self) -> SocketAddr {
        self.address("query")
    }

    /// A client that no one here wrote.
    pub async fn client(&self) -> TraceServiceClient<Channel> {
        TraceServiceClient::connect(format!("http://{}", self.grpc())).await.unwrap()
    }

    /// Ends it in order, and starts one more on what it stored.
    pub async fn restart(self, yaml: &str) -> Running {
        Running::start_in(self.end().await, yaml, |disk| disk).await
    }

    /// Ends it in order; its directory is left.
    pub async fn end(self) -> tempfile::TempDir {
        assert!(self.collector.shutdown(Duration::from_secs(10)).await.unwrap(), "it ends in time");
        self.directory
    }

    /// Ends it in order, and gives back all that it stored.
    pub async fn stored(self) -> Vec<Entry> {
        let directory = self.end().await;
        let disk = Directory::open(directory.path()).expect("the collector has let go of it");
        let (store, opened) = Store::open(Arc::new(disk), Options::default()).unwrap();
        assert_eq!(opened.lost, 0);
        let mut reader = store.reader_at(0);
        let records = std::iter::from_fn(|| reader.read().unwrap());
        records.map(|record| Entry::decode(&record.payload).expect("an entry")).collect()
    }
}

/// Posts to a collector.
pub async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(address, request, body.into()).await
}

/// Asks a collector.
pub async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(address, request, Bytes::new()).await
}

/// One figure of what a collector says of itself.
pub async fn figure(running: &Running, series: &str) -> u64 {
    let answer = get(running.query(), "/metrics", &[]).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{series} is not in {text}"))
}

/// Sends a request on a connection of its own.
pub async fn send(address: SocketAddr, request: http::request::Builder, body: Bytes) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let named = request.headers_ref().is_some_and(|headers| headers.contains_key("host"));
    let request = if named { request } else { request.header("host", address.to_string()) };
    let response = sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

/// Spans with ids that count from `first`.
pub fn spans(first: u64, count: u64) -> ExportTraceServiceRequest {
    let span = |number: u64| Span {
        trace_id: u128::from(number + 1).to_be_bytes().to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("call {number}"),
        start_time_unix_nano: 1_790_000_000_000_000_000,
        end_time_unix_nano: 1_790_000_000_000_001_000,
        ..Span::default()
    };
    let service = AnyValue { value: Some(Value::StringValue("shop".into())) };
    let attribute = KeyValue { key: "service.name".into(), value: Some(service), ..KeyValue::default() };
    let resource = Resource { attributes: vec![attribute], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans: (first..first + count).map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}
