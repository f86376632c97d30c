//! What a reader is shown. Readers that no one here wrote are asked in the whole-system tests.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, exemplar,
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{BucketSpan, MetricFamily};

use std::sync::Arc;

use super::{Format, families, text};
use crate::log::simulated::Simulated;
use crate::manifests::{Manifests, Namer};
use crate::metrics::state::State;
use crate::metrics::tests::{CUMULATIVE, DELTA, NOW_MS, number, request, sum, take};

fn shown(state: &State) -> (Vec<MetricFamily>, u64, String) {
    shown_at(state, NOW_MS)
}

fn shown_at(state: &State, now_unix_ms: u64) -> (Vec<MetricFamily>, u64, String) {
    let (manifests, _) = Manifests::open(Arc::new(Simulated::new(0))).unwrap();
    let (families, left_out) = families::families(state, &mut Namer::new(&manifests), now_unix_ms);
    let mut out = String::new();
    text::write(&mut out, &families);
    (families, left_out, out)
}

fn exemplar(value: f64) -> Exemplar {
    Exemplar {
        time_unix_nano: NOW_MS * 1_000_000,
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        value: Some(exemplar::Value::AsDouble(value)),
        ..Exemplar::default()
    }
}

#[test]
fn every_kind_is_shown_with_its_examples() {
    let mut calls = number(&[("code.function.name", "a \"b\"\n\\")], 3, NOW_MS);
    calls.exemplars.push(exemplar(1.0));
    let explicit = HistogramDataPoint {
        count: 3,
        sum: Some(4.5),
        explicit_bounds: vec![0.5, 2.5],
        bucket_counts: vec![1, 1, 1],
        exemplars: vec![exemplar(2.0)],
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        count: 7,
        sum: Some(9.0),
        scale: 1,
        zero_count: 1,
        positive: Some(Buckets { offset: -2, bucket_counts: vec![1, 0, 2, 0, 0, 0, 3] }),
        exemplars: vec![exemplar(1.7)],
        ..ExponentialHistogramDataPoint::default()
    };
    let metrics = vec![
        ("wasm.function.calls", sum(vec![calls], DELTA)),
        ("size", Data::Gauge(Gauge { data_points: vec![number(&[("7", "x"), ("job", "y")], -2, NOW_MS)] })),
        ("explicit", Data::Histogram(Histogram { data_points: vec![explicit], aggregation_temporality: DELTA })),
        (
            "powers",
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: CUMULATIVE,
            }),
        ),
    ];
    let mut told = request(&[("service.name", "shop"), ("service.namespace", "web"), ("region", "eu")], metrics);
    for (metric, unit) in told.resource_metrics[0].scope_metrics[0].metrics.iter_mut().zip(["{call}", "1", "s", "By"]) {
        (metric.unit, metric.description) = (unit.into(), format!("In {unit}."));
    }
    let mut state = State::default();
    take(&mut state, &told, NOW_MS);
    let (families, left_out, text) = shown(&state);
    assert_eq!(left_out, 0);
    let example = "# {trace_id=\"abababababababababababababababab\",span_id=\"cdcdcdcdcdcdcdcd\"}";
    let expected = format!(
        r#"# TYPE target info
# HELP target What is told of who sends
target_info{{job="web/shop",region="eu"}} 1
# TYPE wasm_function_calls counter
# HELP wasm_function_calls In {{call}}.
wasm_function_calls_total{{code_function_name="a \"b\"\n\\",job="web/shop",otel_scope_name="waspect"}} 3 {example} 1 1790000000.000000000
# TYPE size_ratio gauge
# HELP size_ratio In 1.
size_ratio{{exported_job="y",job="web/shop",key_7="x",otel_scope_name="waspect"}} -2
# TYPE explicit_seconds histogram
# UNIT explicit_seconds seconds
# HELP explicit_seconds In s.
explicit_seconds_bucket{{job="web/shop",otel_scope_name="waspect",le="0.5"}} 1
explicit_seconds_bucket{{job="web/shop",otel_scope_name="waspect",le="2.5"}} 2 {example} 2 1790000000.000000000
explicit_seconds_bucket{{job="web/shop",otel_scope_name="waspect",le="+Inf"}} 3
explicit_seconds_count{{job="web/shop",otel_scope_name="waspect"}} 3
explicit_seconds_sum{{job="web/shop",otel_scope_name="waspect"}} 4.5
# TYPE powers_bytes histogram
# UNIT powers_bytes bytes
# HELP powers_bytes In By.
powers_bytes_bucket{{job="web/shop",otel_scope_name="waspect",le="0.0"}} 1
powers_bytes_bucket{{job="web/shop",otel_scope_name="waspect",le="1.0"}} 2
powers_bytes_bucket{{job="web/shop",otel_scope_name="waspect",le="2.0"}} 4 {example} 1.7 1790000000.000000000
powers_bytes_bucket{{job="web/shop",otel_scope_name="waspect",le="4.0"}} 4
powers_bytes_bucket{{job="web/shop",otel_scope_name="waspect",le="8.0"}} 7
powers_bytes_bucket{{job="web/shop",otel_scope_name="waspect",le="+Inf"}} 7
powers_bytes_count{{job="web/shop",otel_scope_name="waspect"}} 7
powers_bytes_sum{{job="web/shop",otel_scope_name="waspect"}} 9
"#
    );
    assert_eq!(text, expected);

    let native = families.last().unwrap().metric[0].histogram.as_ref().unwrap();
    assert_eq!((native.schema, native.zero_count), (1, 1));
    assert_eq!(native.positive_span, [BucketSpan { offset: -1, length: 3 }, BucketSpan { offset: 3, length: 1 }]);
    assert_eq!(native.positive_delta, [1, -1, 2, 1]);
    assert_eq!(native.exemplars.len(), 1);
}

#[test]
fn what_prometheus_could_not_tell_apart_is_shown_once() {
    let mut state = State::default();
    let told = |resource: &[(&str, &str)], name, data| request(resource, vec![(name, data)]);
    let points = |sets: &[&[(&str, &str)]]| sets.iter().map(|set| number(set, 1, NOW_MS)).collect();
    let service: &[_] = &[("service.name", "s")];
    let one: &[(&str, &str)] = &[];
    for (name, data, resource) in [
        ("a.total", sum(points(&[one]), DELTA), service),
        // The samples of a counter are called so.
        ("a.total", Data::Gauge(Gauge { data_points: points(&[one]) }), service),
        ("waspect.collector.accepted", sum(points(&[one]), DELTA), service),
        ("target", sum(points(&[one]), DELTA), service),
        ("target.info", sum(points(&[one]), DELTA), service),
        ("\u{e9}", sum(points(&[one]), DELTA), service),
        // Two that come to have one label, and two of one name and value.
        ("b", sum(points(&[&[("x.y", "1"), ("x_y", "2")]]), DELTA), service),
        ("c", sum(points(&[&[("x.y", "1")], &[("x_y", "1")]]), DELTA), service),
        // Another resource without a name of its own.
        ("b", sum(points(&[&[("x.y", "1;2")]]), DELTA), &[("service.name", "s"), ("zone", "z")]),
        ("b", sum(points(&[&[("x.y", "1;2")]]), CUMULATIVE), &[("service.name", "s"), ("service.instance.id", "i")]),
    ] {
        take(&mut state, &told(resource, name, data), NOW_MS);
    }
    let (_, left_out, text) = shown(&state);
    assert_eq!(left_out, 6, "{text}");
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let number =
        text.split("instance=\"").map(|rest| &rest[..16]).find(|word| word.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = number.expect("who has no name has a number");
    let mut expected = vec![
        "target_info{job=\"s\"} 1".to_owned(),
        format!("target_info{{instance=\"{number}\",job=\"s\",zone=\"z\"}} 1"),
        "target_info{instance=\"i\",job=\"s\"} 1".to_owned(),
        "a_total{job=\"s\",otel_scope_name=\"waspect\"} 1".to_owned(),
        "b_total{job=\"s\",otel_scope_name=\"waspect\",x_y=\"1;2\"} 1".to_owned(),
        format!("b_total{{instance=\"{number}\",job=\"s\",otel_scope_name=\"waspect\",x_y=\"1;2\"}} 1"),
        "b_total{instance=\"i\",job=\"s\",otel_scope_name=\"waspect\",x_y=\"1;2\"} 1".to_owned(),
        "c_total{job=\"s\",otel_scope_name=\"waspect\",x_y=\"1\"} 1".to_owned(),
    ];
    expected.sort();
    let mut samples: Vec<_> = samples.into_iter().map(str::to_owned).collect();
    samples.sort();
    assert_eq!(samples, expected);
}

#[test]
fn who_is_not_heard_of_any_more_is_not_shown_but_what_is_added_up_stays() {
    let mut state = State::default();
    let metrics = vec![
        ("ours", sum(vec![number(&[], 1, NOW_MS)], DELTA)),
        ("theirs", sum(vec![number(&[], 1, NOW_MS)], CUMULATIVE)),
        ("level", Data::Gauge(Gauge { data_points: vec![number(&[], 1, NOW_MS)] })),
    ];
    take(&mut state, &request(&[("service.name", "s")], metrics), NOW_MS);
    let names = |minutes: u64| -> Vec<String> {
        let (families, left_out, _) = shown_at(&state, NOW_MS + minutes * 60 * 1000);
        assert_eq!(left_out, 0);
        families.into_iter().map(|family| family.name).collect()
    };
    assert_eq!(names(5), ["target_info", "ours_total", "theirs_total", "level"]);
    assert_eq!(names(6), ["target_info", "ours_total"]);
}

#[test]
fn the_reader_chooses_the_form() {
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    for (accept, expected) in [
        (String::new(), Format::OpenMetrics),
        ("*/*".into(), Format::OpenMetrics),
        (format!("{protobuf},application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.2"), Format::Protobuf),
        (format!("application/openmetrics-text;version=1.0.0;q=0.5,{protobuf};q=0.4"), Format::OpenMetrics),
        (protobuf.replace("delimited", "text"), Format::OpenMetrics),
        (protobuf.into(), Format::Protobuf),
    ] {
        assert_eq!(Format::of(&accept), expected, "{accept}");
    }
}
