//! The index against a log, with everything done to its file that a disk or a stranger may do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::entry::Entry;
use crate::health::Health;
use crate::log::{Directory, Log, Options, Store};
use crate::manifests::Manifests;
use crate::otlp::{Encoding, Signal};

/// How long an index may take: a guard against waiting for ever.
const INDEX_MAX: Duration = Duration::from_secs(60);

/// A log with its index.
struct Running {
    log: Log,
    index: Index,
    health: Arc<Health>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(directory: &Path, options: &Options) -> Running {
        let disk = Arc::new(Directory::open(directory).unwrap());
        let log = Log::start(Store::open(disk.clone(), options.clone()).unwrap().0, 64 << 20).unwrap();
        let (manifests, _) = Manifests::open(disk).unwrap();
        let health = Arc::new(Health::new(&log));
        let (index, end) = (Index::new(&directory.join("index")), CancellationToken::new());
        let follower = Follower::new(index.clone(), &log, &health, &manifests, &end);
        Running { log, index, health, end, task: tokio::spawn(follower.run()) }
    }

    async fn append(&self, request: &ExportTraceServiceRequest) -> u64 {
        let body = request.encode_to_vec().into();
        let (signal, encoding) = (Signal::Traces, Encoding::Protobuf);
        let entry = Entry { signal, encoding, items: 1, received_unix_ms: 7, batch: None, body };
        self.log.append(entry.encode()).await.unwrap()
    }

    /// Waits until a snapshot shows what is expected.
    async fn wait_for<T>(&self, show: impl Fn(&Snapshot) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(shown) = self.index.snapshot().ok().and_then(|snapshot| show(&snapshot)) {
                return shown;
            }
            assert!(start.elapsed() < INDEX_MAX, "the index does not show it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How often it was built again.
    fn rebuilds(&self) -> usize {
        let text = self.health.open_metrics();
        let count = text.lines().find_map(|line| line.strip_prefix("waspect_collector_index_rebuilds_total "));
        count.map_or(0, |count| count.parse().unwrap())
    }

    async fn finish(self) {
        self.end.cancel();
        self.task.await.unwrap();
        self.log.close().await.unwrap();
    }
}

/// A request of one span.
fn request(trace: u128, service: &str, name: &str, tag: &str) -> ExportTraceServiceRequest {
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..KeyValue::default()
    };
    let resource = Resource { attributes: vec![attribute("service.name", service)], ..Resource::default() };
    let start = 1_000_000 + u64::try_from(trace).unwrap();
    let span = Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: vec![1; 8],
        name: name.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10,
        attributes: vec![attribute("tag", tag)],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

fn trace(snapshot: &Snapshot, id: u128) -> Vec<Found> {
    let mut records = Vec::new();
    snapshot.trace(id, |found| (records.push(found), true).1).unwrap();
    records
}

fn search(snapshot: &Snapshot, terms: &[Term<'_>]) -> Vec<u64> {
    let mut wanted = snapshot.wanted(0..u64::MAX);
    terms.iter().for_each(|term| snapshot.want(&mut wanted, [*term]));
    let mut records = Vec::new();
    snapshot.search(&wanted, |found| (records.push(found.sequence), true).1).unwrap();
    records
}

fn small_segments() -> Options {
    Options { segment_bytes: 2000, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_is_found_by_trace_and_by_term() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &small_segments()).await;
    let mut random = SmallRng::seed_from_u64(1);
    let (mut of_trace, mut of_service, mut of_tag) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for _ in 0..300 {
        let (id, service, tag) =
            (random.random_range(1..40_u128), random.random_range(0..5), random.random_range(0..9));
        let number = running.append(&request(id, &format!("s{service}"), "op", &format!("t{tag}"))).await;
        of_trace.entry(id).or_insert_with(Vec::new).push(number);
        of_service.entry(service).or_insert_with(BTreeSet::new).insert(number);
        of_tag.entry(tag).or_insert_with(BTreeSet::new).insert(number);
    }
    running.wait_for(|snapshot| search(snapshot, &[]).contains(&299).then_some(())).await;
    let snapshot = running.index.snapshot().unwrap();
    for (id, numbers) in &of_trace {
        let records = trace(&snapshot, *id);
        assert_eq!(records.iter().map(|found| found.sequence).collect::<Vec<_>>(), *numbers, "in order, each once");
        for Found { sequence, place } in records {
            let record = running.log.record(sequence, place).unwrap().expect("it is where the index says");
            let entry = Entry::decode(&record.payload).unwrap();
            let request = ExportTraceServiceRequest::decode(entry.body).unwrap();
            assert_eq!(request.resource_spans[0].scope_spans[0].spans[0].trace_id, id.to_be_bytes());
        }
    }
    let mut extra = 0;
    for (service, with_service) in &of_service {
        for (tag, with_tag) in &of_tag {
            let (service, tag) = (format!("s{service}"), format!("t{tag}"));
            let found = search(&snapshot, &[Term::Service(service.as_bytes()), Term::Tag(b"tag", tag.as_bytes())]);
            assert!(found.is_sorted_by(|a, b| a > b), "the newest first");
            let found: BTreeSet<_> = found.into_iter().collect();
            let expected: BTreeSet<_> = with_service & with_tag;
            assert!(found.is_superset(&expected), "a filter never says a wrong no");
            extra += found.difference(&expected).count();
        }
    }
    assert!(extra < 300, "and seldom a maybe too many: {extra} of {}", 300 * 45);
    let wrong = search(&snapshot, &[Term::Operation(b"s1", b"other")]).len();
    assert!(wrong < 60, "of 45 different filters one in a hundred says maybe: {wrong} of 300");
    let services = ["s0", "s1", "s2", "s3", "s4"].map(str::to_owned);
    assert_eq!(snapshot.services().unwrap(), BTreeSet::from(services));
    let operation = Operation { service: "s1".into(), name: "op".into(), kind: 0, build: None };
    assert_eq!(snapshot.operations("s1").unwrap(), BTreeMap::from([(operation, 7)]));
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_leave_out_what_cannot_match() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &Options::default()).await;
    for id in 1..=3 {
        running.append(&request(id, "s", "op", "t")).await;
    }
    running.wait_for(|snapshot| (search(snapshot, &[]).len() == 3).then_some(())).await;
    let snapshot = running.index.snapshot().unwrap();
    let count = |start, duration_min| {
        let mut wanted = snapshot.wanted(start);
        wanted.duration_min = duration_min;
        let mut count = 0;
        snapshot.search(&wanted, |_| (count += 1, true).1).unwrap();
        count
    };
    assert_eq!(count(1_000_002..1_000_003, 0), 1);
    assert_eq!((count(0..1_000_001, 0), count(1_000_004..u64::MAX, 0)), (0, 0));
    assert_eq!((count(0..u64::MAX, 10), count(0..u64::MAX, 11)), (3, 0));
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_goes_on_where_it_was_and_can_be_thrown_away() {
    let directory = tempfile::tempdir().unwrap();
    for life in 0..4_u64 {
        if life == 2 {
            std::fs::remove_file(directory.path().join("index")).unwrap();
        }
        let running = Running::start(directory.path(), &small_segments()).await;
        for _ in 0..20 {
            running.append(&request(5, "s", "op", "t")).await;
        }
        let expected = usize::try_from(20 * (life + 1)).unwrap();
        running.wait_for(|snapshot| (trace(snapshot, 5).len() == expected).then_some(())).await;
        assert_eq!(running.rebuilds(), 0, "nothing is wrong");
        running.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_drops_the_index_drops() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 4000, bytes_max: 20_000, ..Options::default() };
    let running = Running::start(directory.path(), &options).await;
    let mut sizes = Vec::new();
    for round in 0..20_u128 {
        for number in 0..100 {
            running.append(&request(round * 100 + number + 1, &format!("s{round}"), "op", "t")).await;
        }
        let last = round * 100 + 100;
        running.wait_for(|snapshot| (trace(snapshot, last).len() == 1).then_some(())).await;
        sizes.push(std::fs::metadata(directory.path().join("index")).unwrap().len());
    }
    let oldest = running.log.oldest();
    assert!(oldest > 1500, "{oldest}");
    running.wait_for(|snapshot| (search(snapshot, &[]).last() >= Some(&oldest)).then_some(())).await;
    let snapshot = running.index.snapshot().unwrap();
    assert_eq!(trace(&snapshot, 1), []);
    assert!(!snapshot.services().unwrap().contains("s0"), "{:?}", snapshot.services());
    assert!(sizes[19] <= sizes[9] * 2, "its file does not grow for ever: {sizes:?}");
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_foreign_file_is_built_again() {
    let cases = std::env::var("WASPECT_INDEX_CASES").map_or(30, |cases| cases.parse().expect("a number"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("index");
    let running = Running::start(directory.path(), &small_segments()).await;
    for id in 1..=60 {
        running.append(&request(id, "s", "op", &format!("t{id}"))).await;
    }
    running.wait_for(|snapshot| (search(snapshot, &[]).len() == 60).then_some(())).await;
    running.finish().await;
    let good = std::fs::read(&file).unwrap();

    let other = tempfile::tempdir().unwrap();
    let running = Running::start(other.path(), &small_segments()).await;
    running.append(&request(1, "s", "op", "t")).await;
    running.wait_for(|snapshot| (search(snapshot, &[]).len() == 1).then_some(())).await;
    running.finish().await;
    let foreign = std::fs::read(other.path().join("index")).unwrap();

    let mut rebuilt = 0;
    for case in 0..cases {
        let mut random = SmallRng::seed_from_u64(case);
        let mut bytes = good.clone();
        match case {
            0 => bytes = foreign.clone(),
            1 => bytes = b"no database".repeat(1000),
            2 => bytes.truncate(bytes.len() / 2),
            3 => bytes.clear(),
            _ => {
                for _ in 0..random.random_range(1..20) {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] ^= 1 << random.random_range(0..8);
                }
            }
        }
        std::fs::write(&file, bytes).unwrap();
        let running = Running::start(directory.path(), &small_segments()).await;
        running.wait_for(|snapshot| (search(snapshot, &[]).len() == 60).then_some(())).await;
        let snapshot = running.index.snapshot().unwrap();
        for id in 1..=60_u64 {
            let records: Vec<_> = trace(&snapshot, id.into()).iter().map(|found| found.sequence).collect();
            assert_eq!(records, [id - 1], "case {case}");
        }
        drop(snapshot);
        let rebuilds = running.rebuilds();
        assert!(if case > 3 { rebuilds < 2 } else { rebuilds == 1 }, "case {case}: {rebuilds}");
        rebuilt += rebuilds;
        running.finish().await;
    }
    println!("{cases} damaged indexes, {rebuilt} built again");
}
