//! Asking the collector over HTTP: what Grafana asks, how soon, who may, and how much one answer holds.

#[path = "../receiving/support.rs"]
#[allow(dead_code)]
mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use http::StatusCode;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;
use support::{Answer, JSON, PROTOBUF, Running, get, post, spans};

/// How soon what was acknowledged is found by its id, and by search.
const BY_ID_MAX: Duration = Duration::from_secs(1);
const BY_SEARCH_MAX: Duration = Duration::from_secs(5);

/// Asks until the answer is there; how long that took.
async fn wait_for(running: &Running, path: &str, is: impl Fn(&Answer) -> bool) -> (Answer, Duration) {
    let start = Instant::now();
    loop {
        let answer = get(running.query(), path, &[]).await;
        if is(&answer) {
            return (answer, start.elapsed());
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{path}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// `FOLDER/NAME.request` is a path as Grafana's Jaeger data source makes it, or Jaeger's page after 2.20; `NAME.out` the answer.
/// `BLESS=1` writes it.
#[tokio::test(flavor = "multi_thread")]
async fn grafana_and_jaegers_page_are_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asking");
    let running = Running::start("").await;
    let sent = fs::read(folder.join("spans.json")).unwrap();
    let answer = post(running.http(), "/v1/traces", &[("content-type", JSON)], sent).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    wait_for(&running, "/api/services", |answer| body(answer)["total"] == 2).await;
    for (client, requests_min) in [("grafana", 17), ("jaeger_ui", 4)] {
        let mut names: Vec<_> = fs::read_dir(folder.join(client)).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|name| name.extension().is_some_and(|extension| extension == "request"));
        assert!(names.len() >= requests_min, "{names:?}");
        for name in names {
            let path = fs::read_to_string(&name).unwrap();
            let answer = get(running.query(), path.trim(), &[]).await;
            let said = format!("{} {:#}\n", answer.status.as_u16(), body(&answer));
            let golden = name.with_extension("out");
            if std::env::var_os("BLESS").is_some() {
                fs::write(&golden, &said).unwrap();
            }
            assert_eq!(said, fs::read_to_string(&golden).unwrap_or_default(), "{}", name.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_found_soon() {
    let running = Running::start("").await;
    let (mut by_id, mut by_search) = (Duration::ZERO, Duration::ZERO);
    for number in 0..20 {
        let request = spans(number, 1).encode_to_vec();
        let answer = post(running.http(), "/v1/traces", &[("content-type", PROTOBUF)], request).await;
        assert_eq!(answer.status, StatusCode::OK);
        let found =
            |answer: &Answer| answer.status == StatusCode::OK && !body(answer)["data"].as_array().unwrap().is_empty();
        let path = format!("/api/traces/{:x}", number + 1);
        by_id = by_id.max(wait_for(&running, &path, found).await.1);
        let path = format!("/api/traces?service=shop&operation=call+{number}&start=0");
        by_search = by_search.max(wait_for(&running, &path, found).await.1);
    }
    println!("found by id within {by_id:?}, by search within {by_search:?}");
    assert!(by_id < BY_ID_MAX && by_search < BY_SEARCH_MAX, "{by_id:?} {by_search:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_has_a_token_or_calls_us_by_our_name() {
    let paths = ["/api/services", "/api/traces/1", "/api/v3/services", "/api/dependencies"];
    let running = Running::start("").await;
    for path in paths {
        let led_here = get(running.query(), path, &[("host", "evil.example")]).await;
        assert_eq!(led_here.status, StatusCode::FORBIDDEN, "{path}");
    }
    let yaml = "{query: {auth: {authenticator: bearertokenauth}}, extensions: {bearertokenauth: {token: secret}}}";
    let running = Running::start(yaml).await;
    for path in paths {
        assert_eq!(get(running.query(), path, &[]).await.status, StatusCode::UNAUTHORIZED, "{path}");
        let wrong = get(running.query(), path, &[("authorization", "Bearer other")]).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{path}");
        let right = get(running.query(), path, &[("authorization", "Bearer secret")]).await;
        assert_ne!(right.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_trace_is_answered_as_far_as_one_answer_goes() {
    let running = Running::start("").await;
    let (count, requests) = (70_000, 3);
    for part in 0..requests {
        let mut request = spans(part * count, count);
        let of_one_trace = |span: &mut Span| span.trace_id = vec![7; 16];
        request.resource_spans[0].scope_spans[0].spans.iter_mut().for_each(of_one_trace);
        let answer = post(running.http(), "/v1/traces", &[("content-type", PROTOBUF)], request.encode_to_vec()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let path = format!("/api/traces/{}", "07".repeat(16));
    let whole = |answer: &Answer| {
        let trace = &body(answer)["data"][0];
        !trace["warnings"].is_null()
    };
    let (answer, _) = wait_for(&running, &path, whole).await;
    let trace = &body(&answer)["data"][0];
    let shown = trace["spans"].as_array().unwrap().len() as u64;
    assert!((50_000..count * requests).contains(&shown), "{shown} of {}", count * requests);
    let warning = "this trace has more spans than one answer holds; the first that were stored are shown";
    assert_eq!(trace["warnings"][0], warning);

    let answer = get(running.query(), "/api/traces?service=shop&start=0", &[]).await;
    assert!(body(&answer)["errors"][0]["msg"].as_str().unwrap().starts_with("the answer is not complete"));
    let answer = get(running.query(), &format!("/api/v3/traces/{}", "07".repeat(16)), &[]).await;
    assert!(String::from_utf8_lossy(&answer.body).contains(warning));
}
