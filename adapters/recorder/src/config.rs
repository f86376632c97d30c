//! What a host decides before it records. Plain data with defaults; this module reads no environment.

#[cfg(feature = "allow-list")]
use alloc::{string::String, vec::Vec};

/// Options of [`Recorder`](crate::Recorder) and [`Aggregator`](crate::Aggregator). Both get the same one.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which spans are kept.
    pub spans: SpanPolicy,
    /// Which roots are sampled.
    pub sampling: Sampling,
    /// The bounds of a recorder's tables (rule D1).
    pub limits: Limits,
    /// Share of busy time that hooks may cost before the governor closes gates: 0.05 is 5%. Infinity: never.
    pub overhead_budget: f64,
    /// What one `enter` and its `exit` cost, both clock reads included, in nanoseconds, as the adapter measured it.
    pub hook_pair_ns: u64,
    /// What the two records of a call cost in mode `ring`, in nanoseconds.
    pub record_pair_ns: u64,
    /// Smallest step of the clock that the adapter reads, in nanoseconds.
    pub clock_resolution_ns: u64,
    /// Temporality of metrics.
    pub temporality: Temporality,
    /// Most attribute sets a metric; the rest share the overflow series.
    pub attribute_sets_max: usize,
    /// What is still allocated when an instance of at least this age ends is a leak, in nanoseconds.
    pub leak_age_ns: u64,
    /// Whether the trapping span carries an `exception` event.
    pub exception_events: bool,
    /// Whether all tables get their full size at once, so that no hook ever allocates (rule H1). For recorders in Wasm.
    pub preallocate: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            spans: SpanPolicy::default(),
            sampling: Sampling::default(),
            limits: Limits::default(),
            overhead_budget: 0.05,
            hook_pair_ns: 60,
            record_pair_ns: 20,
            clock_resolution_ns: 1,
            temporality: Temporality::Cumulative,
            attribute_sets_max: 1_000,
            leak_age_ns: 60_000_000_000,
            exception_events: true,
            preallocate: false,
        }
    }
}

/// Which closed calls become spans. Boundary calls always do, and so does a span whose context left the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanPolicy {
    /// False: nobody takes spans, so none are made, and a root without ids is no loss.
    pub on: bool,
    /// A call that took at least this long becomes a span, in nanoseconds.
    pub min_duration_ns: u64,
    /// Functions whose every call becomes a span: names as the manifest has them, `*` stands for anything.
    #[cfg(feature = "allow-list")]
    pub always: Vec<String>,
    /// Most spans a root; the slowest are kept and the rest is counted on the root.
    pub per_root_max: usize,
    /// A root that is open for longer than this sends what it has, in nanoseconds.
    pub open_root_ns: u64,
}

impl SpanPolicy {
    /// Whether every call of a function with this name becomes a span.
    #[cfg(feature = "allow-list")]
    pub(crate) fn lists(&self, name: &str) -> bool {
        self.always.iter().any(|pattern| crate::glob::matches(pattern, name))
    }

    #[cfg(not(feature = "allow-list"))]
    pub(crate) fn lists(&self, _: &str) -> bool {
        false
    }
}

impl Default for SpanPolicy {
    fn default() -> SpanPolicy {
        SpanPolicy {
            on: true,
            min_duration_ns: 100_000,
            #[cfg(feature = "allow-list")]
            always: Vec::new(),
            per_root_max: 1_000,
            open_root_ns: 60_000_000_000,
        }
    }
}

/// Which roots give spans. What is not sampled still gives metrics, profile and heap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Obey the parent's sampled flag where there is a parent.
    pub parent_based: bool,
    /// Share of the other roots that is sampled, by trace id, from 0 to 1.
    pub ratio: f64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling { parent_based: true, ratio: 1.0 }
    }
}

/// The bounds of a recorder's tables. What has no room is dropped and counted (rule D1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open frames, over all lanes; at most 262,142.
    pub depth_max: usize,
    /// Lanes.
    pub lanes_max: usize,
    /// Ids of functions, over all instances.
    pub functions_max: u32,
    /// Instances alive at once.
    pub instances_max: usize,
    /// Functions with a duration histogram of their own.
    pub histograms_max: usize,
    /// Nodes of the call tree.
    pub nodes_max: usize,
    /// Allocations that are alive at once.
    pub allocations_max: usize,
    /// Spans that wait for a drain; and, apart from them, closed calls that wait for the end of their root.
    pub spans_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            depth_max: 1 << 16,
            lanes_max: 1_024,
            functions_max: 1 << 21,
            instances_max: 10_000,
            histograms_max: 2_000,
            nodes_max: 20_000,
            allocations_max: 98_000,
            spans_max: 1 << 14,
        }
    }
}

/// How a metric's points relate to each other (OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Since the process began.
    #[default]
    Cumulative,
    /// Counters and histograms since the last export; up-down counters since the process began.
    Delta,
    /// As [`Temporality::Delta`], but for asynchronous counters, which are cumulative. Those here are all synchronous, since
    /// every count is added when its event is drained: the two are the same.
    LowMemory,
    /// All of them since the last export, up-down counters too: what is alive in senders whose end nobody sees adds up, if each takes
    /// back its own before it may be gone (`Aggregator::leave`).
    Changes,
}
