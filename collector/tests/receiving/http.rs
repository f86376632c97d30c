//! What browsers ask before they send.

use http::Request;

use crate::support::{JSON, PROTOBUF, Running, post, send, spans};

async fn preflight(running: &Running, origin: &str) -> crate::support::Answer {
    let request = Request::options("/v1/traces")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-shop");
    send(running.http(), request, Default::default()).await
}

#[tokio::test]
async fn pages_of_allowed_origins_may_send() {
    let running = Running::start(
        "receivers: {otlp: {protocols: {grpc: , http: {cors: {allowed_origins: [https://shop.example], \
         allowed_headers: [x-shop]}}}}}",
    )
    .await;
    let allowed = preflight(&running, "https://shop.example").await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://shop.example");
    assert_eq!(allowed.headers["access-control-max-age"], "7200");
    let headers = allowed.headers["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("content-type") && headers.contains("x-shop"), "{headers}");

    let other = preflight(&running, "https://other.example").await;
    assert!(!other.headers.contains_key("access-control-allow-origin"), "{other:?}");

    let headers = [("content-type", JSON), ("origin", "https://shop.example")];
    let answer = post(running.http(), "/v1/traces", &headers, serde_json::to_vec(&spans(0, 1)).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://shop.example");
}

#[tokio::test]
async fn without_cors_no_page_may() {
    let running = Running::start("").await;
    let answer = preflight(&running, "https://shop.example").await;
    assert_eq!(answer.status, 405);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let other = post(running.http(), "/v1/traces", &[("content-type", PROTOBUF), ("host", "evil.example")], "").await;
    assert_eq!(other.status, 403);
}
