//! Traces that do not go on: the others do, whole, and all of them are counted and stored.

use std::collections::BTreeSet;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::Status;

use crate::sink::Sink;
use crate::{QUICK, address, figure, request, start, until};

const TRACES: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_with_an_error_go_on_whole_and_the_others_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Sink::start().await;
    let policies = "[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]";
    // Nobody waits so long for the end: nothing more comes then.
    let exporters = format!(
        "{{otlp/sampled: {{endpoint: \"{}\", sampling: {{decision_wait: 1h, policies: {policies}}}, {QUICK}}}, \
          otlphttp/all: {{endpoint: \"http://{}\", {QUICK}}}}}",
        sink.grpc, sink.http
    );
    let collector = start(directory.path(), &exporters, "").await;
    let mut client = TraceServiceClient::connect(format!("http://{}", address(&collector, "grpc"))).await.unwrap();
    // Of each trace two spans, and of every third one an error, in a request long after the first span's.
    for number in 0..2 * TRACES {
        let mut request = request(number, 1);
        let span = &mut request.resource_spans[0].scope_spans[0].spans[0];
        let trace = number % TRACES;
        span.trace_id = u128::from(trace + 1).to_be_bytes().to_vec();
        span.status = (number >= TRACES && trace.is_multiple_of(3)).then(|| Status { code: 2, ..Status::default() });
        client.export(request).await.unwrap();
    }
    until("the other exporter has all", async || sink.http_count() == 2 * TRACES as usize).await;
    assert_eq!(sink.grpc_count(), 0, "nothing is decided");
    assert_eq!(figure(&collector, "waspect_collector_forward_dropped_total", "sampled_out").await, 0);
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap(), "nobody waits when nothing more comes");
    let expected: BTreeSet<u64> =
        (0..2 * TRACES).filter(|number| (number % TRACES).is_multiple_of(3)).map(|number| number + 1).collect();
    assert_eq!(sink.grpc_numbers(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_on_and_what_does_not_is_what_was_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Sink::start().await;
    let policies = "[{name: some, type: probabilistic, probabilistic: {sampling_percentage: 50}}]";
    let sampling = format!("sampling: {{decision_wait: 0, policies: {policies}}}");
    let exporters = format!(
        "{{otlp: {{endpoint: \"{}\", {sampling}, {QUICK}}}, otlphttp: {{endpoint: \"http://{}\", {sampling}, {QUICK}}}}}",
        sink.grpc, sink.http
    );
    let collector = start(directory.path(), &exporters, "").await;
    let mut client = TraceServiceClient::connect(format!("http://{}", address(&collector, "grpc"))).await.unwrap();
    for number in 0..200_u64 {
        let mut request = request(number, 1);
        let id = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        request.resource_spans[0].scope_spans[0].spans[0].trace_id = id.to_be_bytes().to_vec();
        client.export(request).await.unwrap();
    }
    let [sent, out] = [("sent", "traces"), ("dropped", "sampled_out")];
    until("all are decided", async || {
        let name = |what: &str| format!("waspect_collector_forward_{what}_total");
        figure(&collector, &name(sent.0), sent.1).await + figure(&collector, &name(out.0), out.1).await == 400
    })
    .await;
    assert_eq!(sink.grpc_numbers(), sink.http_numbers(), "both exporters choose the same traces");
    assert!((60..140).contains(&sink.grpc_count()), "{}", sink.grpc_count());
    assert_eq!(figure(&collector, "waspect_collector_accepted_total", "traces").await, 200);
}
