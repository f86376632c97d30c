//! Deltas go on added up, or as they came.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};

use super::*;

const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

fn sum(name: &str, value: i64, aggregation_temporality: i32) -> Metric {
    let point = NumberDataPoint { value: Some(Value::AsInt(value)), ..NumberDataPoint::default() };
    let sum = Sum { data_points: vec![point], aggregation_temporality, is_monotonic: true };
    Metric { name: name.into(), data: Some(Data::Sum(sum)), ..Metric::default() }
}

fn metrics(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

async fn export(collector: &Collector, request: &ExportMetricsServiceRequest) {
    let url = format!("http://{}", address(collector, "grpc"));
    MetricsServiceClient::connect(url).await.unwrap().export(request.clone()).await.unwrap();
}

/// What an endpoint got of a metric: value, temporality, and when it began.
fn got(sink: &Sink, name: &str) -> Vec<(i64, i32, u64)> {
    let mut got = Vec::new();
    for body in sink.bodies("/v1/metrics") {
        for of_resource in ExportMetricsServiceRequest::decode(&*body).unwrap().resource_metrics {
            for metric in of_resource.scope_metrics.into_iter().flat_map(|of_scope| of_scope.metrics) {
                let Some(Data::Sum(sum)) = metric.data.filter(|_| metric.name == name) else { continue };
                for point in sum.data_points {
                    let Some(Value::AsInt(value)) = point.value else { panic!("{point:?}") };
                    got.push((value, sum.aggregation_temporality, point.start_time_unix_nano));
                }
            }
        }
    }
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deltas_are_added_up_for_who_was_away_and_what_is_cumulative_goes_on_as_it_came() {
    let directory = tempfile::tempdir().unwrap();
    let mut sink = Sink::start().await;
    let exporters = format!("{{otlphttp: {{endpoint: \"http://{}\", metrics_interval: 20ms, {QUICK}}}}}", sink.http);
    let collector = start(directory.path(), &exporters, "").await;
    let both = metrics(vec![sum("ours", 1, DELTA), sum("theirs", 7, CUMULATIVE)]);
    export(&collector, &both).await;
    until("it gets the first", async || got(&sink, "ours").last().is_some_and(|last| last.0 == 1)).await;
    sink.stop();
    for _ in 0..9 {
        export(&collector, &both).await;
    }
    until("it tries again", async || figure(&collector, "waspect_collector_forward_retries_total", "").await > 2).await;
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
    let collector = start(directory.path(), &exporters, "").await;
    sink.resume();
    until("it gets the sum", async || got(&sink, "ours").last().is_some_and(|last| last.0 == 10)).await;
    until("it gets the others", async || got(&sink, "theirs").len() >= 10).await;
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
    let ours = got(&sink, "ours");
    assert!(ours.is_sorted_by(|a, b| a.0 <= b.0 && a.1 == CUMULATIVE && a.2 == b.2), "one start, never less: {ours:?}");
    assert!(got(&sink, "theirs").iter().all(|told| *told == (7, CUMULATIVE, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_received_is_as_received() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Sink::start().await;
    let exporters = format!(
        "{{otlphttp: {{endpoint: \"http://{}\", metrics_temporality: as_received, metrics_interval: 20ms, {QUICK}}}}}",
        sink.http
    );
    let collector = start(directory.path(), &exporters, "").await;
    let sent =
        [metrics(vec![sum("ours", 1, DELTA)]), metrics(vec![sum("ours", 2, DELTA), sum("theirs", 3, CUMULATIVE)])];
    for request in &sent {
        export(&collector, request).await;
    }
    until("it gets both", async || sink.bodies("/v1/metrics").len() == 2).await;
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
    assert_eq!(sink.bodies("/v1/metrics"), sent.map(|request| request.encode_to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_no_metrics_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Sink::start().await;
    sink.set_mood(|_| Mood::Refuse);
    let exporters = format!("{{otlphttp: {{endpoint: \"http://{}\", metrics_interval: 20ms, {QUICK}}}}}", sink.http);
    let collector = start(directory.path(), &exporters, "").await;
    export(&collector, &metrics(vec![sum("ours", 1, DELTA)])).await;
    let dropped = "waspect_collector_forward_dropped_total";
    until("it refuses", async || figure(&collector, dropped, "\"refused\"").await == 1).await;
    sink.set_mood(|_| Mood::Take);
    export(&collector, &metrics(vec![sum("ours", 1, DELTA)])).await;
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
    assert!(sink.bodies("/v1/metrics").is_empty(), "it was asked once");
}
