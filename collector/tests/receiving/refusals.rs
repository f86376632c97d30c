//! What is refused, and in which words: so that clients try again what can be tried again, and nothing else.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};
use tonic_types::StatusExt;
use waspect_collector::log::Disk;
use waspect_collector::log::disk::{Append, Source};

use crate::support::{Answer, JSON, PROTOBUF, Running, get, gzip, post, spans, zstd};

async fn post_traces(running: &Running, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    post(running.http(), "/v1/traces", headers, body).await
}

#[tokio::test]
async fn http_says_what_is_wrong_in_the_clients_encoding() {
    let running = Running::start("").await;
    let answer = post_traces(&running, &[("content-type", PROTOBUF)], "garbage").await;
    assert_eq!(answer.status, 400);
    let status = tonic_types::pb::Status::decode(answer.body).unwrap();
    assert!(status.message.starts_with("not an OTLP request: "), "{}", status.message);

    let answer = post_traces(&running, &[("content-type", JSON)], r#"{"resourceSpans": 7}"#).await;
    let status: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 400);
    assert!(status["message"].as_str().unwrap().contains("at line 1 column 19"), "{status}");

    for (headers, expected) in [
        (&[][..], 415),
        (&[("content-type", "text/plain")], 415),
        (&[("content-type", PROTOBUF), ("content-encoding", "br")], 415),
        (&[("content-type", PROTOBUF), ("content-encoding", "gzip")], 400),
    ] {
        assert_eq!(post_traces(&running, headers, "x").await.status, expected, "{headers:?}");
    }
    assert_eq!(post(running.http(), "/v1/nothing", &[], "").await.status, 404);
    assert_eq!(get(running.http(), "/v1/traces", &[]).await.status, 405);
    assert_eq!(running.stored().await, []);
}

#[tokio::test]
async fn grpc_refuses_for_good_what_is_broken() {
    let running = Running::start("receivers: {otlp: {protocols: {grpc: {max_recv_msg_size_mib: 1}, http: {}}}}").await;
    let mut client = running.client().await;
    let mut request = spans(0, 1);
    // The generated types write any bytes as text: these are no UTF-8 on the wire.
    request.resource_spans[0].schema_url = "x".repeat(2 << 20);
    let too_long = client.export(request).await.unwrap_err();
    assert_eq!(too_long.code(), Code::ResourceExhausted, "{too_long:?}");
    assert!(too_long.get_details_retry_info().is_none(), "it would be too long the next time, too");

    let channel =
        tonic::transport::Endpoint::new(format!("http://{}", running.grpc())).unwrap().connect().await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Nothing");
    let codec = tonic_prost_codec();
    let status = grpc.unary(Request::new(spans(0, 1)), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);

    // The request of one signal at the door of another.
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    let status = grpc.unary(Request::new(spans(0, 1)), path, tonic_prost_codec()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().starts_with("not an OTLP request: "), "{status:?}");
}

fn tonic_prost_codec() -> tonic_prost::ProstCodec<
    opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest,
    opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse,
> {
    tonic_prost::ProstCodec::default()
}

#[tokio::test]
async fn bombs_are_refused_and_others_served_meanwhile() {
    let running = Running::start("").await;
    let zeros = vec![0; 256 << 20];
    let (gzip, zstd) = (gzip(&zeros), zstd(&zeros));
    drop(zeros);
    let deep_json = format!("{{\"resourceSpans\":{}", "[".repeat(200_000));
    let mut deep_protobuf = Vec::new();
    for _ in 0..200_000 {
        let mut length = Vec::new();
        prost::encoding::encode_varint(deep_protobuf.len() as u64, &mut length);
        deep_protobuf.extend(length.iter().rev());
        deep_protobuf.push(0x0a);
    }
    deep_protobuf.reverse();
    for (name, headers, body, expected) in [
        ("gzip", vec![("content-type", PROTOBUF), ("content-encoding", "gzip")], gzip, 413),
        ("zstd", vec![("content-type", PROTOBUF), ("content-encoding", "zstd")], zstd, 413),
        ("deep JSON", vec![("content-type", JSON)], deep_json.into_bytes(), 400),
        ("deep protobuf", vec![("content-type", PROTOBUF)], deep_protobuf, 400),
        ("long", vec![("content-type", PROTOBUF)], vec![0; 21 << 20], 413),
    ] {
        let bad = post_traces(&running, &headers, body);
        let good = post_traces(&running, &[("content-type", PROTOBUF)], spans(0, 1).encode_to_vec());
        let (bad, good) = tokio::join!(bad, good);
        assert_eq!((bad.status.as_u16(), good.status.as_u16()), (expected, 200), "{name}: {bad:?}");
    }
    for compression in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut request = spans(0, 1);
        request.resource_spans[0].schema_url = " ".repeat(64 << 20);
        let status = running.client().await.send_compressed(compression).export(request).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    }
    assert_eq!(running.stored().await.len(), 5);
}

/// A disk that is full when somebody says so.
pub struct Filling(pub Arc<dyn Disk>, pub Arc<AtomicBool>);

struct FillingFile(Box<dyn Append>, Arc<AtomicBool>);

impl Filling {
    fn check(full: &AtomicBool) -> io::Result<()> {
        match full.load(Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl Append for FillingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        Filling::check(&self.1)?;
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

impl Disk for Filling {
    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        Ok(Box::new(FillingFile(self.0.create(name)?, self.1.clone())))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Source>> {
        self.0.open(name)
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.0.sync_file(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.0.sync_names()
    }
}

#[tokio::test]
async fn a_full_disk_is_a_reason_to_come_back_later() {
    let full = Arc::new(AtomicBool::new(false));
    let running = Running::start_on("", |disk| Arc::new(Filling(disk, full.clone()))).await;
    let body = spans(0, 1).encode_to_vec();
    let headers = [("content-type", PROTOBUF)];
    assert_eq!(post_traces(&running, &headers, body.clone()).await.status, 200);
    assert_eq!(get(running.query(), "/readyz", &[]).await.status, 200);

    full.store(true, Relaxed);
    let answer = post_traces(&running, &headers, body.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.headers["retry-after"].to_str().unwrap()), (503, "2"));
    let status = running.client().await.export(spans(1, 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    assert_eq!(get(running.query(), "/healthz", &[]).await.status, 200, "it lives");
    let ready = get(running.query(), "/readyz", &[]).await;
    assert_eq!(ready.status, 503, "it is not ready");
    assert_ne!(ready.body, "ok\n");

    full.store(false, Relaxed);
    assert_eq!(post_traces(&running, &headers, body).await.status, 200, "the first request with room succeeds");
    assert_eq!(get(running.query(), "/readyz", &[]).await.status, 200);
    assert_eq!(running.stored().await.len(), 2);
}
