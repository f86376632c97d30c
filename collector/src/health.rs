//! What the collector counts of itself, and how `/metrics` writes it down. Names are `spec/`'s, the format a library's.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_protobuf::{self, prometheus_data_model::MetricFamily};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Metric, Registry, Unit};
use waspect_abi::semconv::{self, attribute, collector};

use crate::log::Log;
use crate::otlp::Signal;

type Labels = Vec<(String, String)>;
type Counters = Family<Labels, Counter<u64, AtomicU64>>;
type Gauges = Family<Labels, Gauge<i64, AtomicI64>>;

/// What is counted. Anybody may add to it.
pub struct Health {
    registry: Registry,
    accepted: Counters,
    rejected: Counters,
    repeats: Counters,
    refused: Counters,
    connections: Gauges,
    evictions: Counters,
    sent: Counters,
    dropped: Counters,
    lost: Counters,
    retries: Counters,
    behind: Gauges,
    index_behind: Gauges,
    index_rebuilds: Counters,
    streams: Gauges,
    streams_memory: Gauges,
    streams_hidden: Gauges,
    streams_behind: Gauges,
    streams_overflowed: Counters,
    streams_dropped: Counters,
    streams_lost: Counters,
    streams_rebuilds: Counters,
}

impl Health {
    /// All zero; the log's own figures are read whenever they are asked for.
    pub fn new(log: &Log) -> Health {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(OfLog(log.clone())));
        let health = Health {
            accepted: register(&mut registry, &collector::WASPECT_COLLECTOR_ACCEPTED),
            rejected: register(&mut registry, &collector::WASPECT_COLLECTOR_REJECTED),
            repeats: register(&mut registry, &collector::WASPECT_COLLECTOR_REPEATS),
            refused: register(&mut registry, &collector::WASPECT_COLLECTOR_REFUSED),
            connections: register(&mut registry, &collector::WASPECT_COLLECTOR_CONNECTIONS),
            evictions: register(&mut registry, &collector::WASPECT_COLLECTOR_EVICTIONS),
            sent: register(&mut registry, &collector::WASPECT_COLLECTOR_FORWARD_SENT),
            dropped: register(&mut registry, &collector::WASPECT_COLLECTOR_FORWARD_DROPPED),
            lost: register(&mut registry, &collector::WASPECT_COLLECTOR_FORWARD_LOST),
            retries: register(&mut registry, &collector::WASPECT_COLLECTOR_FORWARD_RETRIES),
            behind: register(&mut registry, &collector::WASPECT_COLLECTOR_FORWARD_BEHIND),
            index_behind: register(&mut registry, &collector::WASPECT_COLLECTOR_INDEX_BEHIND),
            index_rebuilds: register(&mut registry, &collector::WASPECT_COLLECTOR_INDEX_REBUILDS),
            streams: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_ACTIVE),
            streams_memory: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_MEMORY),
            streams_hidden: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_HIDDEN),
            streams_behind: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_BEHIND),
            streams_overflowed: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_OVERFLOWED),
            streams_dropped: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_DROPPED),
            streams_lost: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_LOST),
            streams_rebuilds: register(&mut registry, &collector::WASPECT_COLLECTOR_STREAMS_REBUILDS),
            registry,
        };
        // A series that is there from the start makes its first increase visible.
        drop(health.accepted.get_or_create(&profiles()));
        drop(health.accepted.get_or_create(&manifests()));
        drop(health.repeats.get_or_create(&profiles()));
        for signal in Signal::ALL {
            health.accepted(signal, 0);
            health.rejected(signal, 0);
            drop(health.repeats.get_or_create(&of(signal)));
        }
        health
    }

    /// Items that were acknowledged.
    pub fn accepted(&self, signal: Signal, items: u64) {
        self.accepted.get_or_create(&of(signal)).inc_by(items);
    }

    /// A profile that was acknowledged.
    pub fn profile_accepted(&self) {
        self.accepted.get_or_create(&profiles()).inc();
    }

    /// A manifest that was acknowledged.
    pub fn manifest_accepted(&self) {
        self.accepted.get_or_create(&manifests()).inc();
    }

    /// A profile that was stored before.
    pub fn profile_repeated(&self) {
        self.repeats.get_or_create(&profiles()).inc();
    }

    /// Items of acknowledged requests that were not taken.
    pub fn rejected(&self, signal: Signal, items: u64) {
        self.rejected.get_or_create(&of(signal)).inc_by(items);
    }

    /// A request that was stored before.
    pub fn repeated(&self, signal: Signal) {
        self.repeats.get_or_create(&of(signal)).inc();
    }

    /// A request that was not acknowledged.
    pub fn refused(&self, reason: &str) {
        self.refused.get_or_create(&because(reason)).inc();
    }

    /// So many connections more, or fewer, are open.
    pub fn connections(&self, change: i64) {
        self.connections.get_or_create(&Labels::new()).inc_by(change);
    }

    /// A connection was closed to make room.
    pub fn evicted(&self) {
        self.evictions.get_or_create(&Labels::new()).inc();
    }

    /// Requests that the index has yet to read.
    pub fn index_behind(&self, records: u64) {
        self.index_behind.get_or_create(&Labels::new()).set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// The index was thrown away, and is built again.
    pub fn index_rebuilt(&self) {
        self.index_rebuilds.get_or_create(&Labels::new()).inc();
    }

    /// So many streams there are, in so many bytes of memory.
    pub fn streams(&self, streams: usize, bytes: usize) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.streams.get_or_create(&Labels::new()).set(number(streams));
        self.streams_memory.get_or_create(&Labels::new()).set(number(bytes));
    }

    /// So many streams are not on `/metrics`.
    pub fn streams_hidden(&self, streams: u64) {
        self.streams_hidden.get_or_create(&Labels::new()).set(i64::try_from(streams).unwrap_or(i64::MAX));
    }

    /// Requests that are yet to be added up.
    pub fn streams_behind(&self, records: u64) {
        self.streams_behind.get_or_create(&Labels::new()).set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// A point is in the series of what is beyond a limit.
    pub fn streams_overflowed(&self) {
        self.streams_overflowed.get_or_create(&Labels::new()).inc();
    }

    /// A point is in no stream.
    pub fn streams_dropped(&self, reason: &str) {
        self.streams_dropped.get_or_create(&because(reason)).inc();
    }

    /// Requests that were never added up.
    pub fn streams_lost(&self, reason: &str, records: u64) {
        self.streams_lost.get_or_create(&because(reason)).inc_by(records);
    }

    /// What was kept of the streams was thrown away.
    pub fn streams_rebuilt(&self) {
        self.streams_rebuilds.get_or_create(&Labels::new()).inc();
    }

    /// The counters of one exporter.
    pub fn exporter(&self, name: &str) -> ExporterHealth<'_> {
        ExporterHealth { health: self, exporter: (label(attribute::WASPECT_EXPORTER), name.to_owned()) }
    }

    /// All of it in the text form of OpenMetrics, without its end.
    pub fn open_metrics(&self) -> String {
        let mut out = String::new();
        text::encode_registry(&mut out, &self.registry).expect("a string takes everything");
        out
    }

    /// The same as Prometheus' protocol buffers have it.
    pub fn protobuf(&self) -> Vec<MetricFamily> {
        prometheus_protobuf::encode(&self.registry).expect("a vector takes everything")
    }
}

/// The counters of one exporter.
pub struct ExporterHealth<'h> {
    health: &'h Health,
    exporter: (String, String),
}

impl ExporterHealth<'_> {
    /// Items that its endpoint took.
    pub fn sent(&self, signal: Signal, items: u64) {
        let labels = [of(signal), vec![self.exporter.clone()]].concat();
        self.health.sent.get_or_create(&labels).inc_by(items);
    }

    /// Items that are not sent any more.
    pub fn dropped(&self, reason: &str, items: u64) {
        self.health.dropped.get_or_create(&self.with(reason)).inc_by(items);
    }

    /// Requests that it never saw.
    pub fn lost(&self, reason: &str, records: u64) {
        self.health.lost.get_or_create(&self.with(reason)).inc_by(records);
    }

    /// An attempt that is made again.
    pub fn retried(&self) {
        self.health.retries.get_or_create(&vec![self.exporter.clone()]).inc();
    }

    /// Requests that it has yet to send.
    pub fn behind(&self, records: u64) {
        let gauge = self.health.behind.get_or_create(&vec![self.exporter.clone()]);
        gauge.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    fn with(&self, reason: &str) -> Labels {
        [vec![self.exporter.clone()], because(reason)].concat()
    }
}

fn of(signal: Signal) -> Labels {
    vec![(label(attribute::WASPECT_SIGNAL), signal.name().to_owned())]
}

/// What is no signal of OTLP as it is sent here.
fn profiles() -> Labels {
    vec![(label(attribute::WASPECT_SIGNAL), "profiles".to_owned())]
}

fn manifests() -> Labels {
    vec![(label(attribute::WASPECT_SIGNAL), "manifests".to_owned())]
}

fn because(reason: &str) -> Labels {
    vec![(label(attribute::WASPECT_DROP_REASON), reason.to_owned())]
}

fn register<M: Metric + Clone + Default>(registry: &mut Registry, metric: &semconv::Metric) -> M {
    let made = M::default();
    let (name, help) = (label(metric.name), metric.description.trim_end_matches('.'));
    match unit(metric) {
        Some(unit) => registry.register_with_unit(name, help, unit, made.clone()),
        None => registry.register(name, help, made.clone()),
    }
    made
}

/// A name as OpenMetrics has it.
fn label(name: &str) -> String {
    name.replace('.', "_")
}

/// Units of measure are part of a name there; what is counted is not.
fn unit(metric: &semconv::Metric) -> Option<Unit> {
    match metric.unit {
        "By" => Some(Unit::Bytes),
        "s" => Some(Unit::Seconds),
        _ => None,
    }
}

/// The log's own figures.
struct OfLog(Log);

impl fmt::Debug for OfLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OfLog")
    }
}

impl Collector for OfLog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = self.0.counters();
        let counts = [
            (&collector::WASPECT_COLLECTOR_LOG_RECORDS, &counters.records),
            (&collector::WASPECT_COLLECTOR_LOG_COMMITS, &counters.commits),
            (&collector::WASPECT_COLLECTOR_LOG_FAILURES, &counters.failures),
        ];
        for (metric, count) in counts {
            encode(&mut encoder, metric, &ConstCounter::new(count.load(Relaxed)))?;
        }
        let bytes = i64::try_from(self.0.bytes()).unwrap_or(i64::MAX);
        encode(&mut encoder, &collector::WASPECT_COLLECTOR_LOG_SIZE, &ConstGauge::new(bytes))
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, metric: &semconv::Metric, value: &impl EncodeMetric) -> fmt::Result {
    // The registry adds a full stop to what is registered; here it stays.
    let help = metric.description;
    let unit = unit(metric);
    value.encode(encoder.encode_descriptor(&label(metric.name), help, unit.as_ref(), value.metric_type())?)
}
