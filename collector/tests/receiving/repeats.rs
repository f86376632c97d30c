//! A batch that comes again is acknowledged, and stored once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use prost::Message;
use tonic::Request;
use waspect_collector::otlp::Signal;

use crate::refusals::Filling;
use crate::support::{PROTOBUF, Running, figure, gzip, post, spans};

#[tokio::test(flavor = "multi_thread")]
async fn over_http_by_a_query_parameter_whatever_compresses_it() {
    let running = Running::start("").await;
    let body = spans(0, 2).encode_to_vec();
    let path = format!("{}?key=1&waspect.batch=7f%20", Signal::Traces.http_path());
    for (encoding, body) in [("identity", body.clone()), ("gzip", gzip(&body)), ("identity", body.clone())] {
        let answer =
            post(running.http(), &path, &[("content-type", PROTOBUF), ("content-encoding", encoding)], body).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b""[..]));
    }
    // Another id, another body, no id: each is something new.
    for (path, body) in [
        (path.replace("7f", "80"), body.clone()),
        (path.clone(), spans(2, 2).encode_to_vec()),
        (Signal::Traces.http_path().to_owned(), body.clone()),
        (format!("{}?waspect.batch=", Signal::Traces.http_path()), body.clone()),
    ] {
        assert_eq!(post(running.http(), &path, &[("content-type", PROTOBUF)], body).await.status, 200);
    }
    assert_eq!(figure(&running, "waspect_collector_repeats_total{waspect_signal=\"traces\"}").await, 2);
    assert_eq!(figure(&running, "waspect_collector_accepted_total{waspect_signal=\"traces\"}").await, 10);
    assert_eq!(running.stored().await.len(), 5);
}

#[tokio::test]
async fn over_grpc_by_metadata() {
    let running = Running::start("").await;
    let mut client = running.client().await;
    for id in ["one", "one", "two"] {
        let mut request = Request::new(spans(0, 2));
        request.metadata_mut().insert("waspect.batch", id.parse().unwrap());
        client.export(request).await.unwrap();
    }
    assert_eq!(running.stored().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_and_however_many_come_at_once() {
    let mut running = Running::start("").await;
    let path = format!("{}?waspect.batch=7", Signal::Traces.http_path());
    let body = spans(0, 2).encode_to_vec();
    for _ in 0..2 {
        let address = running.http();
        let all = (0..20).map(|_| {
            let (path, body) = (path.clone(), body.clone());
            tokio::spawn(async move { post(address, &path, &[("content-type", PROTOBUF)], body).await.status })
        });
        for answer in all.collect::<Vec<_>>() {
            assert_eq!(answer.await.unwrap(), 200);
        }
        running = running.restart("").await;
    }
    assert_eq!(running.stored().await.len(), 1);
}

#[tokio::test]
async fn what_was_not_stored_is_stored_when_it_comes_again() {
    let full = Arc::new(AtomicBool::new(false));
    let running = Running::start_on("", |disk| Arc::new(Filling(disk, full.clone()))).await;
    full.store(true, Relaxed);
    let path = format!("{}?waspect.batch=7", Signal::Traces.http_path());
    let body = spans(0, 2).encode_to_vec();
    assert_eq!(post(running.http(), &path, &[("content-type", PROTOBUF)], body.clone()).await.status, 503);
    full.store(false, Relaxed);
    for _ in 0..2 {
        assert_eq!(post(running.http(), &path, &[("content-type", PROTOBUF)], body.clone()).await.status, 200);
    }
    assert_eq!(running.stored().await.len(), 1);
}
