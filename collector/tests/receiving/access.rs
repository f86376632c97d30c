//! Who gets in: tokens, names, pages, and how much each client may send.

use http::Request;
use http::header::RETRY_AFTER;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::Code;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use crate::support::{Answer, JSON, PROTOBUF, Running, figure, get, post, send, spans};

const PAGES: &str = "\
receivers:
  otlp:
    protocols:
      grpc: {auth: {authenticator: [bearertokenauth, bearertokenauth/pages]}}
      http: {auth: {authenticator: [bearertokenauth, bearertokenauth/pages]}}
extensions:
  bearertokenauth: {token: of-a-server}
  bearertokenauth/pages:
    token: in-every-page
    allowed_origins: [https://shop.example, https://*.shop.example]
    rate_limit: {requests_per_second: 1, bytes_per_second: 20000}
";

async fn channel(address: std::net::SocketAddr) -> Channel {
    Endpoint::new(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// A client of OTLP over gRPC that has a token.
macro_rules! with_token {
    ($channel:expr, $token:literal) => {
        TraceServiceClient::with_interceptor($channel, |mut request: tonic::Request<()>| {
            request.metadata_mut().insert("authorization", MetadataValue::from_static(concat!("Bearer ", $token)));
            Ok(request)
        })
    };
}

async fn post_traces(running: &Running, headers: &[(&str, &str)], count: u64) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([("content-type", PROTOBUF)]).collect();
    post(running.http(), "/v1/traces", &headers, spans(0, count).encode_to_vec()).await
}

#[tokio::test]
async fn a_token_is_asked_for_and_names_are_checked() {
    let auth = "auth: {authenticator: bearertokenauth}";
    let running = Running::start(&format!(
        "{{receivers: {{otlp: {{protocols: {{grpc: {{{auth}}}, http: {{{auth}}}}}}}}}, \
          extensions: {{bearertokenauth: {{token: abc123}}}}}}"
    ))
    .await;
    for (headers, expected) in [
        (&[][..], 401),
        (&[("authorization", "Bearer wrong")], 401),
        (&[("authorization", "Bearer abc1234")], 401),
        (&[("authorization", "Bearer abc123")], 200),
        // Who knows the token may call us anything, and come from anywhere.
        (&[("authorization", "Bearer abc123"), ("host", "collector.internal")], 200),
        (&[("authorization", "Bearer abc123"), ("origin", "https://other.example")], 200),
    ] {
        assert_eq!(post_traces(&running, headers, 1).await.status, expected, "{headers:?}");
    }
    let channel = channel(running.grpc()).await;
    let refused = TraceServiceClient::new(channel.clone()).export(spans(0, 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    with_token!(channel, "abc123").export(spans(0, 1)).await.unwrap();
    assert_eq!(figure(&running, "waspect_collector_refused_total{waspect_drop_reason=\"token\"}").await, 4);

    // Without a token: the loopback, but not under a stranger's name.
    for (host, expected) in [("localhost:4319", 200), ("evil.example", 403), ("127.0.0.1.evil.example:4319", 403)] {
        assert_eq!(get(running.query(), "/metrics", &[("host", host)]).await.status, expected, "{host}");
    }
}

#[tokio::test]
async fn the_token_of_a_page_is_good_for_that_page() {
    let running = Running::start(PAGES).await;
    let token = ("authorization", "Bearer in-every-page");
    for (headers, expected) in [
        (vec![token, ("origin", "https://shop.example")], 200),
        (vec![token, ("origin", "https://www.shop.example")], 200),
        (vec![token, ("origin", "https://shop.example.evil.example")], 403),
        (vec![token], 403),
        (vec![("authorization", "Bearer of-a-server")], 200),
    ] {
        assert_eq!(post_traces(&running, &headers, 1).await.status, expected, "{headers:?}");
    }
    let refused = with_token!(channel(running.grpc()).await, "in-every-page").export(spans(0, 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");

    // Browsers ask first, and are told what they may without being told twice in the settings.
    let request = Request::options("/v1/traces").header("origin", "https://shop.example");
    let request = request.header("access-control-request-method", "POST");
    let asked =
        send(running.http(), request.header("access-control-request-headers", "authorization"), "".into()).await;
    assert_eq!(asked.headers["access-control-allow-origin"], "https://shop.example");
}

#[tokio::test]
async fn each_client_of_a_page_has_a_rate() {
    let running = Running::start(PAGES).await;
    let page = [("authorization", "Bearer in-every-page"), ("origin", "https://shop.example")];
    let mut refused = None;
    for sent in 0..20 {
        let answer = post_traces(&running, &page, 1).await;
        if answer.status == 429 {
            assert!(sent >= 10, "ten seconds' worth may come at once, {sent} did");
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let refused = refused.expect("more than ten requests at once are too many");
    assert_eq!(refused.headers[RETRY_AFTER], "1");
    assert_eq!(refused.headers["access-control-allow-origin"], "https://shop.example", "the page may read when");
    assert!(refused.headers["access-control-expose-headers"].to_str().unwrap().contains("retry-after"));
    assert_eq!(post_traces(&running, &[("authorization", "Bearer of-a-server")], 1).await.status, 200);
    assert!(figure(&running, "waspect_collector_refused_total{waspect_drop_reason=\"rate\"}").await >= 1);
}

#[tokio::test]
async fn bytes_have_a_rate_too_over_both_protocols() {
    let yaml = PAGES.replace("requests_per_second: 1,", "requests_per_second: 1000,");
    let running =
        Running::start(&yaml.replace("    allowed_origins: [https://shop.example, https://*.shop.example]\n", ""))
            .await;
    let page = [("authorization", "Bearer in-every-page")];
    // Longer than 200,000 bytes: once, as long as nothing else was sent.
    assert_eq!(post_traces(&running, &page, 5000).await.status, 200);
    let refused = post_traces(&running, &page, 5000).await;
    assert_eq!(refused.status, 429);
    let after: u64 = refused.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((5..=10).contains(&after), "{after} s");
    let refused = with_token!(channel(running.grpc()).await, "in-every-page").export(spans(0, 5000)).await;
    assert_eq!(refused.as_ref().err().map(|status| status.code()), None, "gRPC's clients have a rate of their own");
    let refused = with_token!(channel(running.grpc()).await, "in-every-page").export(spans(0, 5000)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.get_details_retry_info().is_some(), "else clients never come back");
}

#[tokio::test]
async fn a_strangers_page_stores_nothing_though_nobody_needs_a_token() {
    let running = Running::start("").await;
    let forged = [
        vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        vec![("sec-fetch-site", "same-site"), ("origin", "http://localhost:8080")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "http://127.0.0.1:1")],
    ];
    for headers in forged {
        let headers: Vec<_> = headers.into_iter().chain([("content-type", "text/plain")]).collect();
        let answer = post(running.http(), "/api/pprof?service=shop", &headers, "anything").await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    let own = format!("http://{}", running.http());
    for headers in
        [vec![], vec![("sec-fetch-site", "same-origin"), ("origin", "https://shop.example")], vec![("origin", &*own)]]
    {
        let headers: Vec<_> = headers.into_iter().chain([("content-type", JSON)]).collect();
        let answer = post(running.http(), "/v1/traces", &headers, serde_json::to_vec(&spans(0, 1)).unwrap()).await;
        assert_eq!(answer.status, 200, "{headers:?}");
    }
    assert_eq!(figure(&running, "waspect_collector_refused_total{waspect_drop_reason=\"origin\"}").await, 5);
}
