//! Streams against a log and a model, with crashes, floods and everything that a disk or a stranger may do.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::limits::{METRICS_MAX, SERVICES_MAX, SETS_MAX, STALE_MS};
use super::point::Point;
use super::state::{At, Outcome, State};
use super::{Follower, identity, reading};
use crate::batches::{Batch, Batches};
use crate::entry::Entry;
use crate::health::Health;
use crate::log::{Directory, Log, Options, Store};
use crate::otlp::{Encoding, Signal};

pub(super) const NOW_MS: u64 = 1_790_000_000_000;
pub(super) const DELTA: i32 = 1;
pub(super) const CUMULATIVE: i32 = 2;

pub(super) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

pub(super) fn number(attributes: &[(&str, &str)], value: i64, time_ms: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes.iter().map(|(key, value)| attribute(key, value)).collect(),
        time_unix_nano: time_ms * 1_000_000,
        value: Some(Value::AsInt(value)),
        ..NumberDataPoint::default()
    }
}

pub(super) fn sum(data_points: Vec<NumberDataPoint>, aggregation_temporality: i32) -> Data {
    Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: true })
}

pub(super) fn request(resource: &[(&str, &str)], metrics: Vec<(&str, Data)>) -> ExportMetricsServiceRequest {
    let metric = |(name, data): (&str, Data)| Metric { name: name.into(), data: Some(data), ..Metric::default() };
    let scope = InstrumentationScope { name: "waspect".into(), ..InstrumentationScope::default() };
    let scope_metrics = vec![ScopeMetrics {
        scope: Some(scope),
        metrics: metrics.into_iter().map(metric).collect(),
        ..ScopeMetrics::default()
    }];
    let attributes = resource.iter().map(|(key, value)| attribute(key, value)).collect();
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }],
    }
}

pub(super) fn take(state: &mut State, request: &ExportMetricsServiceRequest, received_unix_ms: u64) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let at = At { sequence: 0, received_unix_ms };
    reading::read(state, &request.encode_to_vec(), at, &mut |outcome| outcomes.push(outcome));
    outcomes
}

/// All values of integers: service, metric, attributes by name.
pub(super) fn values(state: &State) -> BTreeMap<(String, String, String), i64> {
    let mut values = BTreeMap::new();
    for (_, metric) in state.metrics() {
        for (set, stream) in &metric.streams {
            let set: Vec<_> = identity::attributes(set).iter().map(text).collect();
            let value = match &stream.point {
                Point::Number(NumberDataPoint { value: Some(Value::AsInt(value)), .. }) => *value,
                Point::Number(_) => panic!("no integer"),
                Point::Histogram(point) => point.bucket_counts.iter().sum::<u64>() as i64,
                Point::Exponential(point) => {
                    point.positive.as_ref().map_or(0, |side| side.bucket_counts.iter().sum::<u64>()) as i64
                }
            };
            let key = (metric.service.name.clone(), metric.head.name.clone(), set.join(","));
            *values.entry(key).or_default() += value;
        }
    }
    values
}

fn text(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => format!("{}={text}", attribute.key),
        other => format!("{}={other:?}", attribute.key),
    }
}

fn value(state: &State, name: &str) -> i64 {
    values(state).into_iter().filter(|((_, metric, _), _)| metric == name).map(|(_, value)| value).sum()
}

#[test]
fn deltas_of_all_senders_add_up_and_what_is_cumulative_is_as_told_last() {
    let mut state = State::default();
    for (process, calls) in [("1", 3), ("2", 4), ("3", 5)] {
        let resource = [("service.name", "shop"), ("service.instance.id", process), ("process.pid", process)];
        let metrics = vec![
            ("calls", sum(vec![number(&[("b", "2"), ("a", "1")], calls, NOW_MS)], DELTA)),
            ("total", sum(vec![number(&[], calls * 10, NOW_MS)], CUMULATIVE)),
            ("size", Data::Gauge(Gauge { data_points: vec![number(&[], calls, NOW_MS)] })),
        ];
        assert_eq!(take(&mut state, &request(&resource, metrics), NOW_MS), [Outcome::Kept; 3]);
    }
    // The order of attributes means nothing; another service, and another scope of temporality, does.
    let other = request(
        &[("service.name", "shop")],
        vec![("calls", sum(vec![number(&[("a", "1"), ("b", "2")], 1, 1)], DELTA))],
    );
    take(&mut state, &other, NOW_MS);
    let streams = |name: &str| -> Vec<i64> {
        let metrics = state.metrics();
        let of_name = metrics.iter().filter(|(_, metric)| metric.head.name == name);
        let points = of_name.flat_map(|(_, metric)| metric.streams.values()).map(|stream| match &stream.point {
            Point::Number(NumberDataPoint { value: Some(Value::AsInt(value)), .. }) => *value,
            other => panic!("{other:?}"),
        });
        points.collect()
    };
    assert_eq!(streams("calls"), [13], "one stream, whichever process sends");
    assert_eq!(streams("total"), [30, 40, 50], "each process writes its own");
    assert_eq!(streams("size"), [3, 4, 5]);
}

#[test]
fn the_latest_counts_where_nobody_adds_up() {
    let mut state = State::default();
    let told =
        |value, time| request(&[("service.name", "s")], vec![("t", sum(vec![number(&[], value, time)], CUMULATIVE))]);
    for (value, time) in [(5, NOW_MS - 10), (4, NOW_MS - 20), (7, NOW_MS - 5)] {
        take(&mut state, &told(value, time), NOW_MS);
    }
    assert_eq!(value(&state, "t"), 7);
    // A clock that is ahead does not silence those that come after.
    take(&mut state, &told(8, NOW_MS * 2), NOW_MS);
    take(&mut state, &told(9, NOW_MS + 1), NOW_MS + 1);
    assert_eq!(value(&state, "t"), 9);
}

#[test]
fn what_is_no_number_spoils_nothing() {
    let mut state = State::default();
    let double = |value: f64| NumberDataPoint { value: Some(Value::AsDouble(value)), ..number(&[], 0, NOW_MS) };
    let points = vec![number(&[], 5, NOW_MS), double(f64::NAN), double(f64::INFINITY), number(&[], -1, NOW_MS)];
    let dropped = Outcome::Dropped("invalid");
    let told = request(&[("service.name", "s")], vec![("t", sum(points, DELTA))]);
    assert_eq!(take(&mut state, &told, NOW_MS), [Outcome::Kept, dropped, dropped, dropped]);
    assert_eq!(value(&state, "t"), 5);
}

#[test]
fn what_is_stale_is_forgotten_and_begins_anew() {
    let mut state = State::default();
    let told = |name, time| request(&[("service.name", "s")], vec![(name, sum(vec![number(&[], 5, time)], DELTA))]);
    take(&mut state, &told("old", NOW_MS), NOW_MS);
    let later = NOW_MS + STALE_MS + 1;
    take(&mut state, &told("new", later), later);
    state.sweep(later);
    assert_eq!(values(&state).len(), 1);
    let bytes = state.bytes();
    take(&mut state, &told("old", later), later);
    assert_eq!((value(&state, "old"), state.streams()), (5, 2));
    state.sweep(later + STALE_MS * 2);
    assert_eq!((state.streams(), state.bytes()), (0, 0), "nothing is left of {bytes} bytes");
}

/// R9: 1 M distinct names. `WASPECT_NAMES=1000000` is the full count.
#[test]
fn a_flood_of_names_stays_within_limits_and_evicts_nobody() {
    let names = std::env::var("WASPECT_NAMES").map_or(100_000, |count| count.parse::<usize>().expect("a number"));
    let mut state = State::default();
    let quiet = |state: &mut State| {
        let points = (0..10).map(|name| number(&[("function", &format!("f{name}"))], 1, NOW_MS)).collect();
        let told = request(&[("service.name", "quiet")], vec![("calls", sum(points, DELTA))]);
        assert_eq!(take(state, &told, NOW_MS), [Outcome::Kept; 10]);
    };
    quiet(&mut state);
    let mut sent = 0;
    for first in (0..names).step_by(1000) {
        let range = first..(first + 1000).min(names);
        sent += range.len() as i64;
        let points = range.map(|name| number(&[("function", &format!("name {name}"))], 1, NOW_MS)).collect();
        take(&mut state, &request(&[("service.name", "loud")], vec![("calls", sum(points, DELTA))]), NOW_MS);
    }
    quiet(&mut state);
    let values = values(&state);
    let loud: Vec<_> = values.iter().filter(|((service, ..), _)| service == "loud").collect();
    assert_eq!(loud.len(), SETS_MAX + 1, "the limit, and one series for the rest");
    assert_eq!(loud.iter().map(|(_, value)| **value).sum::<i64>(), sent, "nothing is lost");
    let quiet: Vec<_> = values.iter().filter(|((service, ..), _)| service == "quiet").collect();
    assert_eq!(quiet.iter().map(|(_, value)| **value).collect::<Vec<_>>(), [2; 10]);
    println!("{names} distinct names: {} series, {} KiB, nobody else's is lost", state.streams(), state.bytes() >> 10);
}

#[test]
fn floods_of_metrics_resources_and_services_stay_within_limits() {
    let mut state = State::default();
    let told = |service: &str, version: &str, name: &str| {
        let resource = [("service.name", service), ("service.version", version)];
        request(&resource, vec![(name, sum(vec![number(&[], 1, NOW_MS)], DELTA))])
    };
    for number in 0..3 * METRICS_MAX {
        take(&mut state, &told("versions", &format!("{number}"), "m"), NOW_MS);
    }
    assert_eq!(value(&state, "m"), 3 * METRICS_MAX as i64, "the rest is one series");
    for number in 0..3 * METRICS_MAX {
        take(&mut state, &told("names", "", &format!("n{number}")), NOW_MS);
    }
    let names = values(&state).keys().filter(|(service, ..)| service == "names").count();
    assert!(names < METRICS_MAX * 3 / 2, "{names}");
    for number in 0..3 * SERVICES_MAX {
        take(&mut state, &told(&format!("service {number}"), "", "s"), NOW_MS);
    }
    assert_eq!(value(&state, "s"), 3 * SERVICES_MAX as i64, "the rest is one service");
    let services: std::collections::BTreeSet<_> = values(&state).into_keys().map(|(service, ..)| service).collect();
    assert_eq!(services.len(), SERVICES_MAX + 1);
    assert_eq!(take(&mut state, &told("versions", "0", "m"), NOW_MS), [Outcome::Kept], "who was there stays");
}

/// A log with its streams, as one process has them.
struct Running {
    log: Log,
    follower: Follower,
    batches: Batches,
}

impl Running {
    fn start(directory: &Path) -> Running {
        let options = Options { segment_bytes: 20_000, ..Options::default() };
        let disk = Arc::new(Directory::open(directory).unwrap());
        let log = Log::start(Store::open(disk, options).unwrap().0, 64 << 20).unwrap();
        let health = Arc::new(Health::new(&log));
        let (batches, end) = (Batches::default(), CancellationToken::new());
        let follower = Follower::open(&directory.join("metrics"), &log, &health, &batches, &end, &end);
        Running { log, follower, batches }
    }

    async fn append(&self, request: &ExportMetricsServiceRequest, batch: Option<Batch>) {
        let body = request.encode_to_vec().into();
        let (signal, encoding) = (Signal::Metrics, Encoding::Protobuf);
        let entry = Entry { signal, encoding, items: 1, received_unix_ms: NOW_MS, batch, body };
        self.log.append(entry.encode()).await.unwrap();
    }

    fn values(&self) -> BTreeMap<(String, String, String), i64> {
        values(&self.follower.metrics().lock())
    }
}

/// A request of every kind of delta: the service, the attribute, and how much.
fn deltas(service: &str, set: &str, count: u64) -> ExportMetricsServiceRequest {
    let attributes = vec![attribute("set", set)];
    let histogram = HistogramDataPoint {
        attributes: attributes.clone(),
        count,
        sum: Some(count as f64),
        explicit_bounds: vec![1.0],
        bucket_counts: vec![count, 0],
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        attributes,
        count,
        sum: Some(count as f64),
        scale: (count % 5) as i32,
        positive: Some(Buckets { offset: (count % 7) as i32, bucket_counts: vec![count] }),
        ..ExponentialHistogramDataPoint::default()
    };
    let metrics = vec![
        ("sum", sum(vec![number(&[("set", set)], count as i64, NOW_MS)], DELTA)),
        ("explicit", Data::Histogram(Histogram { data_points: vec![histogram], aggregation_temporality: DELTA })),
        (
            "exponential",
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: DELTA,
            }),
        ),
    ];
    request(&[("service.name", service)], metrics)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_moment_counts_nothing_twice_and_leaves_nothing_out() {
    let lives = std::env::var("WASPECT_STREAM_LIVES").map_or(40, |lives| lives.parse::<u64>().expect("a number"));
    let directory = tempfile::tempdir().unwrap();
    let mut random = SmallRng::seed_from_u64(7);
    let mut expected: HashMap<(String, String, String), i64> = HashMap::new();
    let mut taken = Vec::new();
    for life in 0..lives {
        let mut running = Running::start(directory.path());
        let known = running.batches.all();
        assert!(taken.iter().all(|batch| known.contains(batch)), "life {life}: {} of {}", known.len(), taken.len());
        for _ in 0..random.random_range(0..12) {
            let (service, set) = (format!("s{}", random.random_range(0..3)), format!("{}", random.random_range(0..4)));
            let count = random.random_range(1..100);
            let batch = random.random_bool(0.5).then(|| Batch(random.random()));
            running.append(&deltas(&service, &set, count), batch).await;
            taken.extend(batch);
            for name in ["sum", "explicit", "exponential"] {
                *expected.entry((service.clone(), name.into(), format!("set={set}"))).or_default() += count as i64;
            }
            // What is read may be kept or not when the process dies.
            match random.random_range(0..4) {
                0 => running.follower.read(),
                1 => {
                    running.follower.read();
                    running.follower.keep();
                }
                _ => {}
            }
        }
        if life % 10 == 9 {
            running.follower.read();
            assert_eq!(running.values().into_iter().collect::<HashMap<_, _>>(), expected, "life {life}");
        } else if life % 10 == 4 {
            // A disk that loses what was kept, or gives back something else.
            running.log.close().await.unwrap();
            drop(running);
            let file = directory.path().join("metrics");
            match life % 20 {
                4 => std::fs::remove_file(file).unwrap(),
                _ => std::fs::write(file, b"no database".repeat(1000)).unwrap(),
            }
            continue;
        }
        running.log.close().await.unwrap();
    }
    println!("{lives} lives, {} batches, {} streams: every sum is exact", taken.len(), expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_for_a_while_costs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metrics");
    let mut running = Running::start(directory.path());
    running.append(&deltas("s", "kept", 1), Some(Batch(1))).await;
    running.follower.read();
    running.follower.keep();
    // The file is gone, and another thing is in its place.
    std::fs::remove_file(&file).unwrap();
    running.follower.forget_database();
    std::fs::create_dir(&file).unwrap();
    running.append(&deltas("s", "meanwhile", 2), Some(Batch(2))).await;
    running.follower.read();
    running.follower.keep();
    std::fs::remove_dir(&file).unwrap();
    running.append(&deltas("s", "after", 3), Some(Batch(3))).await;
    running.follower.read();
    running.follower.keep();
    let expected = running.values();
    assert_eq!(expected.len(), 9);
    running.log.close().await.unwrap();
    drop(running);
    let running = Running::start(directory.path());
    assert_eq!(running.values(), expected, "all of it was kept, and nothing is read again");
    running.log.close().await.unwrap();
}
