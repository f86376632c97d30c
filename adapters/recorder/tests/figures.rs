//! What OTLP carries, decoded by the field's own crate, is exactly what the summary says; and the rules of metrics: temporality,
//! cardinality, histograms, the governor.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::metrics::v1::{exemplar, metric::Data};
use serde_json::json;
use support::random::Random;
use waspect_abi::manifest::Function;
use waspect_abi::ring::{self, CLOCK_UNIT_LOG2, Record};
use waspect_abi::{BuildId, Manifest};
use waspect_recorder::{Aggregator, Config, Outcome, Recorder, Resource, Temporality, Timestamp, Weight};

const BUILD: u64 = 1 << 32 | 2;

fn manifest(names: &[&str]) -> Arc<Manifest> {
    let functions = names.iter().zip(0..);
    let function = |(name, index): (&&str, u32)| Function { index, name: (*name).to_owned(), ..Function::default() };
    Arc::new(Manifest {
        build: BUILD,
        name: "m".to_owned(),
        function_count: names.len() as u32,
        functions: functions.map(function).collect(),
        ..Manifest::default()
    })
}

fn start(config: &Config, names: &[&str]) -> (Recorder, Aggregator) {
    let mut recorder = Recorder::new(config, Some([1; 16]));
    recorder.add_manifest(manifest(names));
    assert_eq!(recorder.module(Timestamp(0), 0, 1, 2, names.len() as u32), 0);
    (recorder, Aggregator::new(config, Resource::default(), 0))
}

/// One call of a function that takes so long.
fn call(recorder: &mut Recorder, time: &mut u64, function: u32, duration: u64) {
    let scope = recorder.scope_begin(Timestamp(*time), *time, None);
    let token = recorder.enter(Timestamp(*time), function);
    *time += duration;
    recorder.exit(Timestamp(*time), token);
    recorder.scope_end(Timestamp(*time), scope, &Outcome::Returned);
}

#[test]
fn a_root_without_ids_is_a_loss_only_where_spans_are_wanted() {
    let run = |on, entropy| {
        let mut config = Config::default();
        config.spans.on = on;
        let (mut recorder, mut aggregator) = start(&config, &["f"]);
        recorder.reset(entropy);
        recorder.module(Timestamp(0), 0, 1, 2, 1);
        let scope = recorder.scope_begin(Timestamp(0), 0, None);
        let token = recorder.enter(Timestamp(0), 0);
        let flags = recorder.context().map(|context| context.flags);
        recorder.exit(Timestamp(1), token);
        recorder.scope_end(Timestamp(1), scope, &Outcome::Returned);
        aggregator.merge(recorder.drain(Timestamp(1)));
        let drops: u64 = aggregator.snapshot().drops.iter().map(|(_, items)| items).sum();
        (aggregator.take_traces().map_or(0, |batch| batch.items), drops, flags)
    };
    assert_eq!(run(true, Some([1; 16])), (1, 0, Some(1)));
    assert_eq!(run(true, None), (0, 1, None));
    assert_eq!(run(false, None), (0, 0, None));
    // The trace goes on through the guest, marked as not sampled.
    assert_eq!(run(false, Some([1; 16])), (0, 0, Some(0)));
}

#[test]
fn low_memory_is_delta_where_nothing_is_asynchronous() {
    let requests = |temporality| {
        let (mut recorder, mut aggregator) = start(&Config { temporality, ..Config::default() }, &["f", "g"]);
        let mut time = 0;
        let requests = (1..4).map(|round| {
            call(&mut recorder, &mut time, round as u32 % 2, 100);
            recorder.alloc(Timestamp(time), 0, 0, 64 * round as u32, 10);
            aggregator.merge(recorder.drain(Timestamp(time)));
            aggregator.metrics(round).bytes
        });
        requests.collect::<Vec<_>>()
    };
    assert_eq!(requests(Temporality::LowMemory), requests(Temporality::Delta));
    assert_ne!(requests(Temporality::LowMemory), requests(Temporality::Cumulative));
}

#[test]
fn what_is_alive_is_taken_back_by_those_who_leave_and_told_again_by_those_who_stay() {
    let (mut recorder, mut aggregator) =
        start(&Config { temporality: Temporality::Changes, ..Config::default() }, &["f"]);
    let mut tell = |recorder: &mut Recorder, now, leaves| {
        aggregator.merge(recorder.drain(Timestamp(now)));
        if leaves {
            aggregator.leave();
        }
        let metrics = support::metrics(&aggregator.metrics(now).bytes);
        let number = |name: &str, key: &str| Some(support::points(metrics.get(name)?).get(key)?.as_i64().unwrap());
        ["wasm.heap.live", "wasm.instance.active", "wasm.heap.live_max"].map(|name| number(name, "m"))
    };
    recorder.alloc(Timestamp(1), 0, 0, 64, 10);
    assert_eq!(tell(&mut recorder, 1, false), [Some(10), Some(1), Some(10)]);
    assert_eq!(tell(&mut recorder, 2, false)[..2], [None, None], "nothing changed");
    recorder.alloc(Timestamp(3), 0, 0, 128, 5);
    assert_eq!(tell(&mut recorder, 3, true)[..2], [Some(-10), Some(-1)], "as much as was told before");
    assert_eq!(tell(&mut recorder, 4, true)[..2], [None, None], "it left already");
    assert_eq!(tell(&mut recorder, 5, false)[..2], [Some(15), Some(1)], "it did not leave");
    recorder.alloc(Timestamp(6), 0, 64, 0, 0);
    assert_eq!(tell(&mut recorder, 6, false)[..2], [Some(-10), None]);
    assert_eq!(tell(&mut recorder, 7, true)[..2], [Some(-5), Some(-1)]);
}

#[test]
fn otlp_equals_the_snapshot() {
    let names: Vec<String> = (0..20).map(|index| format!("f{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut recorder, mut aggregator) = start(&Config::default(), &names);
    let (mut random, mut time) = (Random(77), 0);
    for _ in 0..5_000 {
        call(&mut recorder, &mut time, random.below(20) as u32, random.below(1 << 30));
        let address = random.below(100) as u32;
        recorder.alloc(Timestamp(time), random.below(20) as u32, 0, 16 + address * 16, random.below(5_000) as u32);
        if random.below(100) == 0 {
            aggregator.merge(recorder.drain(Timestamp(time)));
        }
    }
    aggregator.merge(recorder.drain(Timestamp(time)));
    let metrics = support::metrics(&aggregator.metrics(1).bytes);
    let snapshot = aggregator.snapshot();
    let found = |name: &str| support::points(&metrics[name]);
    let mut calls = 0;
    for function in &snapshot.functions {
        let name = function.name.as_str();
        calls += function.calls;
        assert_eq!(found("wasm.function.calls")[name], json!(function.calls));
        assert_eq!(found("wasm.function.time")[name], json!(function.total_ns));
        assert_eq!(found("wasm.function.self_time")[name], json!(function.self_ns));
        assert_eq!(found("wasm.function.allocations")[name], json!(function.allocations));
        assert_eq!(found("wasm.function.allocated")[name], json!(function.allocated_bytes));
        assert_eq!(found("wasm.function.duration")[name]["count"], json!(function.timed_calls));
        let live = found("wasm.function.live").get(name).map_or(json!(0), Clone::clone);
        assert_eq!(live, json!(function.live_bytes));
    }
    assert_eq!((calls, snapshot.functions.len()), (5_000, 20));
    let live: i64 = snapshot.functions.iter().map(|function| function.live_bytes).sum();
    assert_eq!(found("wasm.heap.live")["m"], json!(live));
    assert_eq!(snapshot.modules[0].live_bytes, live);
    let mut spans = 0;
    while let Some(batch) = aggregator.take_traces_within(4_096) {
        assert!(batch.bytes.len() <= 4_096 && batch.items > 0, "{} bytes", batch.bytes.len());
        assert_eq!(support::spans(&batch.bytes).len() as u64, batch.items);
        spans += batch.items;
    }
    assert_eq!((spans, found("waspect.spans")[""].as_u64()), (snapshot.spans, Some(spans)));
    let folded: u64 = aggregator
        .profile()
        .folded(Weight::Wall)
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
        .sum();
    assert_eq!(folded, snapshot.functions.iter().map(|function| function.self_ns).sum::<u64>());
}

#[test]
fn deltas_add_up_to_what_is_cumulative() {
    let mut delta = Config { temporality: Temporality::Delta, ..Config::default() };
    delta.overhead_budget = f64::INFINITY;
    let (mut recorder, mut deltas) = start(&delta, &["a", "b"]);
    let mut whole = Aggregator::new(&Config::default(), Resource::default(), 0);
    let (mut random, mut time) = (Random(5), 0);
    let (mut calls, mut counts) = (0, BTreeMap::<i64, u64>::new());
    for round in 0..20 {
        for _ in 0..random.below(50) {
            call(&mut recorder, &mut time, random.below(2) as u32, 1 + random.below(1 << 20));
        }
        let drained = recorder.drain(Timestamp(time));
        deltas.merge(drained.clone());
        whole.merge(drained);
        let metrics = support::metrics(&deltas.metrics(round).bytes);
        let number = |name| metrics.get(name).and_then(|metric| support::points(metric).get("a")?.as_u64());
        calls += number("wasm.function.calls").unwrap_or(0);
        if let Some(point) =
            metrics.get("wasm.function.duration").and_then(|metric| support::points(metric).remove("a"))
        {
            for (index, count) in point["buckets"].as_object().unwrap() {
                *counts.entry(index.parse().unwrap()).or_default() += count.as_u64().unwrap();
            }
        }
    }
    let metrics = support::metrics(&whole.metrics(99).bytes);
    assert_eq!(support::points(&metrics["wasm.function.calls"])["a"], json!(calls));
    let buckets: BTreeMap<String, u64> = counts.iter().map(|(index, count)| (index.to_string(), *count)).collect();
    assert_eq!(support::points(&metrics["wasm.function.duration"])["a"]["buckets"], json!(buckets));
    assert!(calls > 100);
}

#[test]
fn wide_histograms_are_exported_at_a_lower_scale() {
    let (mut recorder, mut aggregator) = start(&Config::default(), &["a"]);
    let mut time = 0;
    for duration in [1, 1_000_000, 60_000_000_000] {
        call(&mut recorder, &mut time, 0, duration);
    }
    aggregator.merge(recorder.drain(Timestamp(time)));
    let metrics = support::metrics(&aggregator.metrics(1).bytes);
    let Some(Data::ExponentialHistogram(histogram)) = &metrics["wasm.function.duration"].data else { panic!() };
    let point = &histogram.data_points[0];
    let positive = point.positive.as_ref().unwrap();
    assert!(positive.bucket_counts.len() <= 160, "{} buckets", positive.bucket_counts.len());
    let expected = [1e-9_f64, 1e-3, 60.0].map(|value| (value.log2() * f64::from(point.scale).exp2()).ceil() as i32 - 1);
    let found: Vec<i32> =
        positive.bucket_counts.iter().zip(positive.offset..).filter(|(count, _)| **count > 0).map(|(_, i)| i).collect();
    assert_eq!(found, expected);
    assert_eq!((point.min, point.max), (Some(1e-9), Some(60.0)));
}

#[test]
fn a_histogram_leads_to_the_span_of_its_slowest_call_once() {
    let (mut recorder, mut aggregator) = start(&Config::default(), &["a"]);
    let mut time = 0;
    let mut told = |durations: &[u64]| {
        for duration in durations {
            call(&mut recorder, &mut time, 0, *duration);
        }
        aggregator.merge(recorder.drain(Timestamp(time)));
        let spans = aggregator.take_traces().map_or_else(Vec::new, |batch| support::spans(&batch.bytes));
        let metrics = support::metrics(&aggregator.metrics(time).bytes);
        let Some(Data::ExponentialHistogram(histogram)) = &metrics["wasm.function.duration"].data else { panic!() };
        (spans, histogram.data_points[0].exemplars.clone())
    };
    let (spans, exemplars) = told(&[200_000, 3_000_000, 1_000_000]);
    let [exemplar] = &exemplars[..] else { panic!("{exemplars:?}") };
    let slowest = spans.iter().max_by_key(|span| span.end_time_unix_nano - span.start_time_unix_nano).unwrap();
    assert_eq!((&exemplar.trace_id, &exemplar.span_id), (&slowest.trace_id, &slowest.span_id));
    assert_eq!(exemplar.value, Some(exemplar::Value::AsDouble(0.003)));
    assert_eq!(exemplar.time_unix_nano, slowest.end_time_unix_nano);
    let (_, exemplars) = told(&[]);
    assert_eq!(exemplars, []);
    let (spans, exemplars) = told(&[150_000]);
    assert_eq!((exemplars.len(), &exemplars[0].span_id), (1, &spans[0].span_id));
}

#[test]
fn functions_beyond_the_cardinality_limit_share_a_series_for_good() {
    let config = Config { attribute_sets_max: 3, ..Config::default() };
    let (mut recorder, mut aggregator) = start(&config, &["a", "b", "c", "d", "b"]);
    let mut time = 0;
    for (function, duration) in [(0, 10), (1, 300), (2, 200), (3, 20), (4, 5)] {
        call(&mut recorder, &mut time, function, duration);
    }
    aggregator.merge(recorder.drain(Timestamp(time)));
    let calls = |aggregator: &mut Aggregator| {
        support::points(&support::metrics(&aggregator.metrics(1).bytes)["wasm.function.calls"])
    };
    let expected = json!({"b": 2, "c": 1, "": 2});
    assert_eq!(json!(calls(&mut aggregator)), expected);
    for _ in 0..10 {
        call(&mut recorder, &mut time, 0, 10_000);
    }
    aggregator.merge(recorder.drain(Timestamp(time)));
    assert_eq!(json!(calls(&mut aggregator)), json!({"b": 2, "c": 1, "": 12}));
}

#[test]
fn the_governor_closes_the_gates_of_hot_cheap_functions_everywhere() {
    let config = Config { hook_pair_ns: 100, ..Config::default() };
    let (mut recorder, mut aggregator) = start(&config, &["main", "hot", "slow"]);
    let scope = recorder.scope_begin(Timestamp(0), 0, None);
    let main = recorder.enter(Timestamp(0), 0);
    let mut time = 0;
    for round in 0..100_000 {
        let token = recorder.enter(Timestamp(time), 1);
        time += 100;
        recorder.exit(Timestamp(time), token);
        if round % 1_000 == 0 {
            let token = recorder.enter(Timestamp(time), 2);
            time += 100_000;
            recorder.exit(Timestamp(time), token);
        }
    }
    recorder.exit(Timestamp(time), main);
    recorder.scope_end(Timestamp(time), scope, &Outcome::Returned);
    aggregator.merge(recorder.drain(Timestamp(time)));
    aggregator.tick();
    let untimed = aggregator.untimed();
    assert_eq!(untimed.functions(BuildId(BUILD)), [1]);
    let changes = recorder.gate_changes(&untimed);
    assert_eq!(
        changes.iter().map(|change| (change.base, change.function, change.open)).collect::<Vec<_>>(),
        [(0, 1, false)]
    );
    assert_eq!(recorder.gate_changes(&untimed), []);
    // The module goes on counting.
    recorder.counts(0, 1, 250_000);
    aggregator.merge(recorder.drain(Timestamp(time)));
    let metrics = support::metrics(&aggregator.metrics(1).bytes);
    assert_eq!(support::points(&metrics["wasm.function.calls"])["hot"], json!(250_000));
    assert_eq!(support::points(&metrics["waspect.function.untimed"]), BTreeMap::from([("hot".to_owned(), json!(1))]));
    assert!(aggregator.snapshot().functions.iter().any(|function| function.untimed && function.calls == 250_000));
}

#[test]
fn a_reset_recorder_is_as_new() {
    let (mut recorder, mut aggregator) = start(&Config::default(), &["a", "b"]);
    let mut time = 1_000;
    call(&mut recorder, &mut time, 1, 50);
    recorder.reset(Some([2; 16]));
    assert_eq!(recorder.module(Timestamp(0), 0, 1, 2, 2), 0);
    call(&mut recorder, &mut 0, 0, 7);
    aggregator.merge(recorder.drain(Timestamp(7)));
    let snapshot = aggregator.snapshot();
    let calls: Vec<_> = snapshot.functions.iter().map(|f| (f.name.as_str(), f.calls, f.self_ns)).collect();
    assert_eq!(calls, [("a", 1, 7)]);
    assert_eq!(snapshot.drops, []);
}

#[test]
fn a_drained_recorder_serves_instance_after_instance_under_the_same_ids() {
    let (mut recorder, mut aggregator) = start(&Config::default(), &["a", "b"]);
    let mut time = 0;
    for instance in 0..100 {
        if instance > 0 {
            assert_eq!(recorder.module(Timestamp(time), 0, 1, 2, 2), 0);
        }
        call(&mut recorder, &mut time, 1, 10);
        recorder.alloc(Timestamp(time), 1, 0, 16, 100);
        recorder.instance_end(Timestamp(time), 0, 65_536);
        aggregator.merge(recorder.drain(Timestamp(time)));
    }
    let snapshot = aggregator.snapshot();
    let module = &snapshot.modules[0];
    assert_eq!((module.instances_started, module.instances_ended, module.memory_bytes), (100, 100, 0));
    assert_eq!((module.live_bytes, module.memory_bytes_max), (0, 65_536));
    let function = &snapshot.functions[0];
    assert_eq!((function.name.as_str(), function.calls, function.live_bytes, function.allocations), ("b", 100, 0, 100));
}

/// Records that come one by one are frames that open and close; in one batch, calls that took no time need none.
#[test]
fn calls_without_a_frame_are_told_as_those_with_one() {
    const CALLS: u32 = 20_000;
    let mut config = Config::default();
    config.spans.min_duration_ns = 8 << CLOCK_UNIT_LOG2;
    config.spans.always = vec!["h".to_owned()];
    let mut random = Random(5);
    let mut records = Vec::new();
    let mut open = Vec::new();
    let mut clock = 0;
    while records.len() < 2 * CALLS as usize {
        let record = match open.pop() {
            Some(token) if random.below(2) == 0 => Record::Exit(token),
            innermost => {
                open.extend(innermost);
                open.push(ring::token(records.len() as u32));
                Record::Enter(random.below(4) as u32)
            }
        };
        clock += u64::from(random.below(3) == 0);
        records.push(u64::from(record.word()) << 32 | clock);
    }
    let time = |record: u64| Timestamp((record & u64::from(u32::MAX)) << CLOCK_UNIT_LOG2);
    let end = time(clock);
    let told = |batch: usize| {
        let (mut recorder, mut aggregator) = start(&config, &["f", "g", "h", "i"]);
        let scope = recorder.scope_begin(Timestamp(0), 0, None);
        let outer = recorder.enter(Timestamp(0), 0);
        for (at, records) in (0..).step_by(batch).zip(records.chunks(batch)) {
            recorder.ring(time(records[records.len() - 1]), 0, at, records);
        }
        recorder.exit(end, outer);
        recorder.scope_end(end, scope, &Outcome::Returned);
        aggregator.merge(recorder.drain(end));
        let spans = aggregator.take_traces().expect("a scope is a span").bytes;
        (spans, aggregator.metrics(end.0).bytes, aggregator.profile().folded(Weight::Calls))
    };
    let with_frames = told(1);
    assert!(with_frames.2.lines().count() > 100, "{}", with_frames.2);
    assert!(told(records.len()) == with_frames);
}
