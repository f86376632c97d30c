//! Names of the telemetry. Generated from `spec/semconv.toml` by `spec/tests/semconv.rs`: edit that, not this.

/// The schema that names of the field's own conventions follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// Name of the instrumentation scope.
pub const SCOPE: &str = "waspect";

/// Value of `telemetry.sdk.name`.
pub const SDK_NAME: &str = "waspect";

/// Value of `telemetry.sdk.language`.
pub const SDK_LANGUAGE: &str = "webassembly";

/// A metric: what it is called and how its points are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// UCUM unit.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Instrument.
    pub instrument: Instrument,
    /// What a point stands for.
    pub key: Key,
    /// Whether points are floating point.
    pub double: bool,
}

/// The instrument of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// Monotonic sum.
    Counter,
    /// Sum that goes up and down.
    UpDownCounter,
    /// Last value.
    Gauge,
    /// Exponential histogram.
    Histogram,
}

/// What a point of a metric stands for, which decides its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// All functions of one name in modules of one name: `wasm.module.name`, `code.function.name`, `wasm.function.kind`.
    Function,
    /// Errors of one code at one function: `error.type`, `code.function.name`.
    Error,
    /// A module: `wasm.module.name`, `wasm.module.build_id`.
    Module,
    /// A reason: `waspect.drop.reason`.
    Drop,
    /// The process: no attributes.
    Process,
    /// A part of the export pipeline: `otel.component.name`, `otel.component.type`, and `error.type` where it failed.
    Pipeline,
    /// A part of the collector: `waspect.signal`, `waspect.exporter` and `waspect.drop.reason`, those that apply.
    Collector,
    /// Spans of others: `service.name`, `span.name`, `span.kind`, `status.code`.
    Span,
}

/// Names of attributes.
pub mod attribute {
    /// Demangled name of the function; `func[N]` when nothing names it. Type: string. (stable)
    pub const CODE_FUNCTION_NAME: &str = "code.function.name";
    /// Source file, where the debug information knows it. Type: string. (stable)
    pub const CODE_FILE_PATH: &str = "code.file.path";
    /// Source line, from 1. Type: int. (stable)
    pub const CODE_LINE_NUMBER: &str = "code.line.number";
    /// The trap's code, `host_error` or what the host calls it, `fuel`, `epoch`, or `exit`. Type: string. (stable)
    pub const ERROR_TYPE: &str = "error.type";
    /// As `error.type`. Type: string. (stable)
    pub const EXCEPTION_TYPE: &str = "exception.type";
    /// The runtime's message. Type: string. (stable)
    pub const EXCEPTION_MESSAGE: &str = "exception.message";
    /// The Wasm backtrace, as the runtime prints it. Type: string. (stable)
    pub const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";
    /// What the guest passed to `proc_exit`. Type: int. (development)
    pub const PROCESS_EXIT_CODE: &str = "process.exit.code";
    /// The module's own name, from its name section. Type: string. (development)
    pub const WASM_MODULE_NAME: &str = "wasm.module.name";
    /// First 8 bytes of the SHA-256 of the original module, in hex. On module metrics and `wasm.module.info`, and with `func[N]`: of which module N is. Type: string. (development)
    pub const WASM_MODULE_BUILD_ID: &str = "wasm.module.build_id";
    /// The N of a `func[N]` that a collector named by a manifest: with the build id, which function it is. Type: int. (development)
    pub const WASM_FUNCTION_INDEX: &str = "wasm.function.index";
    /// `guest`: defined in the module; `import`: a host call. Type: string. (development)
    pub const WASM_FUNCTION_KIND: &str = "wasm.function.kind";
    /// Bytes that were allocated during the call. Type: int. (development)
    pub const WASM_FUNCTION_ALLOCATED: &str = "wasm.function.allocated";
    /// True: the call ended by an exception, not by a return. Type: boolean. (development)
    pub const WASM_FUNCTION_UNWOUND: &str = "wasm.function.unwound";
    /// How the call from the host ended, unless it returned: `trapped`, `exited`, `host_error`, `interrupted`, `cancelled`, `dropped`. Type: string. (development)
    pub const WASM_OUTCOME: &str = "wasm.outcome";
    /// On a root: spans that the cap left out, the slowest being kept. Type: int. (development)
    pub const WASPECT_SPANS_OMITTED: &str = "waspect.spans.omitted";
    /// Why something was dropped or refused. Type: string. (development)
    pub const WASPECT_DROP_REASON: &str = "waspect.drop.reason";
    /// What a request carries: `traces`, `metrics`, `logs`. Type: string. (development)
    pub const WASPECT_SIGNAL: &str = "waspect.signal";
    /// Where the collector forwards to, by its name in the configuration. Type: string. (development)
    pub const WASPECT_EXPORTER: &str = "waspect.exporter";
    /// Names of the calls that closed last, the latest last. Type: string[]. (development)
    pub const WASPECT_FLIGHT_FUNCTIONS: &str = "waspect.flight.functions";
    /// Their durations in nanoseconds, in the same order. Type: int[]. (development)
    pub const WASPECT_FLIGHT_DURATIONS: &str = "waspect.flight.durations";
    /// Which part of the export pipeline: its type and a number within the process. Type: string. (development)
    pub const OTEL_COMPONENT_NAME: &str = "otel.component.name";
    /// What kind of part: `otlp_grpc_span_exporter` and its like. Type: string. (development)
    pub const OTEL_COMPONENT_TYPE: &str = "otel.component.type";
    /// The host's service: a module is never a service. Type: string. (stable)
    pub const SERVICE_NAME: &str = "service.name";
    /// True on the one series that holds what is beyond the cardinality limit. Type: boolean. (stable)
    pub const OTEL_METRIC_OVERFLOW: &str = "otel.metric.overflow";
    /// Who made the telemetry: `waspect`. Type: string. (stable)
    pub const TELEMETRY_SDK_NAME: &str = "telemetry.sdk.name";
    /// What was observed: `webassembly`. Type: string. (stable)
    pub const TELEMETRY_SDK_LANGUAGE: &str = "telemetry.sdk.language";
    /// Version of Waspect. Type: string. (stable)
    pub const TELEMETRY_SDK_VERSION: &str = "telemetry.sdk.version";
    /// On metrics that are derived from spans: their name. Type: string. (development)
    pub const SPAN_NAME: &str = "span.name";
    /// Likewise: their kind, `SPAN_KIND_SERVER` and its like. Type: string. (development)
    pub const SPAN_KIND: &str = "span.kind";
    /// Likewise: the code of their status, `STATUS_CODE_ERROR` and its like. Type: string. (development)
    pub const STATUS_CODE: &str = "status.code";
}

/// Names of span events.
pub mod event {
    /// On the trapping frame's span: the one record of a trap or host error. (stable)
    pub const EXCEPTION: &str = "exception";
    /// On the trapping frame's span: the calls that closed last. (development)
    pub const WASPECT_FLIGHT_RECORDER: &str = "waspect.flight_recorder";
}

/// The metrics.
pub mod metric {
    use super::{Instrument, Key, Metric};

    /// Calls, exactly, whether timed or not. (development)
    pub const WASM_FUNCTION_CALLS: Metric = Metric {
        name: "wasm.function.calls",
        unit: "{call}",
        description: "Calls, exactly, whether timed or not.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: false,
    };

    /// Time in the function and its callees, outermost activations only. (development)
    pub const WASM_FUNCTION_TIME: Metric = Metric {
        name: "wasm.function.time",
        unit: "s",
        description: "Time in the function and its callees, outermost activations only.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: true,
    };

    /// Time in the function itself. (development)
    pub const WASM_FUNCTION_SELF_TIME: Metric = Metric {
        name: "wasm.function.self_time",
        unit: "s",
        description: "Time in the function itself.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: true,
    };

    /// Duration of timed calls. (development)
    pub const WASM_FUNCTION_DURATION: Metric = Metric {
        name: "wasm.function.duration",
        unit: "s",
        description: "Duration of timed calls.",
        instrument: Instrument::Histogram,
        key: Key::Function,
        double: true,
    };

    /// Calls that a trap, host error, interruption or failing exit closed. (development)
    pub const WASM_FUNCTION_ERRORS: Metric = Metric {
        name: "wasm.function.errors",
        unit: "{call}",
        description: "Calls that a trap, host error, interruption or failing exit closed.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: false,
    };

    /// Calls that an exception unwound. (development)
    pub const WASM_FUNCTION_UNWOUND: Metric = Metric {
        name: "wasm.function.unwound",
        unit: "{call}",
        description: "Calls that an exception unwound.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: false,
    };

    /// Allocations that the function asked for. (development)
    pub const WASM_FUNCTION_ALLOCATIONS: Metric = Metric {
        name: "wasm.function.allocations",
        unit: "{allocation}",
        description: "Allocations that the function asked for.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: false,
    };

    /// Bytes that the function asked for. (development)
    pub const WASM_FUNCTION_ALLOCATED: Metric = Metric {
        name: "wasm.function.allocated",
        unit: "By",
        description: "Bytes that the function asked for.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: false,
    };

    /// Bytes of them that are alive, in live instances. (development)
    pub const WASM_FUNCTION_LIVE: Metric = Metric {
        name: "wasm.function.live",
        unit: "By",
        description: "Bytes of them that are alive, in live instances.",
        instrument: Instrument::UpDownCounter,
        key: Key::Function,
        double: false,
    };

    /// Bytes of them that were alive when a long-lived instance ended. (development)
    pub const WASM_FUNCTION_LEAKED: Metric = Metric {
        name: "wasm.function.leaked",
        unit: "By",
        description: "Bytes of them that were alive when a long-lived instance ended.",
        instrument: Instrument::Counter,
        key: Key::Function,
        double: false,
    };

    /// 1 for each function whose gate the governor closed: its calls count, its time is its caller's. (development)
    pub const WASPECT_FUNCTION_UNTIMED: Metric = Metric {
        name: "waspect.function.untimed",
        unit: "{function}",
        description: "1 for each function whose gate the governor closed: its calls count, its time is its caller's.",
        instrument: Instrument::Gauge,
        key: Key::Function,
        double: false,
    };

    /// Errors that ended a call from the host, by the innermost function that was open. (development)
    pub const WASM_ERRORS: Metric = Metric {
        name: "wasm.errors",
        unit: "{error}",
        description: "Errors that ended a call from the host, by the innermost function that was open.",
        instrument: Instrument::Counter,
        key: Key::Error,
        double: false,
    };

    /// 1 for each module that had an instance. (development)
    pub const WASM_MODULE_INFO: Metric = Metric {
        name: "wasm.module.info",
        unit: "{module}",
        description: "1 for each module that had an instance.",
        instrument: Instrument::Gauge,
        key: Key::Module,
        double: false,
    };

    /// Instances that began. (development)
    pub const WASM_INSTANCE_STARTED: Metric = Metric {
        name: "wasm.instance.started",
        unit: "{instance}",
        description: "Instances that began.",
        instrument: Instrument::Counter,
        key: Key::Module,
        double: false,
    };

    /// Instances that are alive. (development)
    pub const WASM_INSTANCE_ACTIVE: Metric = Metric {
        name: "wasm.instance.active",
        unit: "{instance}",
        description: "Instances that are alive.",
        instrument: Instrument::UpDownCounter,
        key: Key::Module,
        double: false,
    };

    /// Size of the memories of live instances. (development)
    pub const WASM_MEMORY_SIZE: Metric = Metric {
        name: "wasm.memory.size",
        unit: "By",
        description: "Size of the memories of live instances.",
        instrument: Instrument::UpDownCounter,
        key: Key::Module,
        double: false,
    };

    /// Largest size that the memories of one instance had. (development)
    pub const WASM_MEMORY_SIZE_MAX: Metric = Metric {
        name: "wasm.memory.size_max",
        unit: "By",
        description: "Largest size that the memories of one instance had.",
        instrument: Instrument::Gauge,
        key: Key::Module,
        double: false,
    };

    /// Size of an instance's memories at its end: memories only grow, so this is the peak. (development)
    pub const WASM_MEMORY_FINAL_SIZE: Metric = Metric {
        name: "wasm.memory.final_size",
        unit: "By",
        description: "Size of an instance's memories at its end: memories only grow, so this is the peak.",
        instrument: Instrument::Histogram,
        key: Key::Module,
        double: true,
    };

    /// Bytes by which memories grew. (development)
    pub const WASM_MEMORY_GROWN: Metric = Metric {
        name: "wasm.memory.grown",
        unit: "By",
        description: "Bytes by which memories grew.",
        instrument: Instrument::Counter,
        key: Key::Module,
        double: false,
    };

    /// Growths that the runtime refused. (development)
    pub const WASM_MEMORY_GROW_FAILURES: Metric = Metric {
        name: "wasm.memory.grow_failures",
        unit: "{failure}",
        description: "Growths that the runtime refused.",
        instrument: Instrument::Counter,
        key: Key::Module,
        double: false,
    };

    /// Bytes that live instances have allocated and not freed. (development)
    pub const WASM_HEAP_LIVE: Metric = Metric {
        name: "wasm.heap.live",
        unit: "By",
        description: "Bytes that live instances have allocated and not freed.",
        instrument: Instrument::UpDownCounter,
        key: Key::Module,
        double: false,
    };

    /// Highest number of live bytes that one instance had. (development)
    pub const WASM_HEAP_LIVE_MAX: Metric = Metric {
        name: "wasm.heap.live_max",
        unit: "By",
        description: "Highest number of live bytes that one instance had.",
        instrument: Instrument::Gauge,
        key: Key::Module,
        double: false,
    };

    /// Allocations that failed. (development)
    pub const WASM_HEAP_ALLOCATION_FAILURES: Metric = Metric {
        name: "wasm.heap.allocation_failures",
        unit: "{failure}",
        description: "Allocations that failed.",
        instrument: Instrument::Counter,
        key: Key::Module,
        double: false,
    };

    /// Frees of an address whose last event was a free. (development)
    pub const WASM_HEAP_DOUBLE_FREES: Metric = Metric {
        name: "wasm.heap.double_frees",
        unit: "{free}",
        description: "Frees of an address whose last event was a free.",
        instrument: Instrument::Counter,
        key: Key::Module,
        double: false,
    };

    /// Frees of an address that was never seen. (development)
    pub const WASM_HEAP_UNKNOWN_FREES: Metric = Metric {
        name: "wasm.heap.unknown_frees",
        unit: "{free}",
        description: "Frees of an address that was never seen.",
        instrument: Instrument::Counter,
        key: Key::Module,
        double: false,
    };

    /// What was dropped or refused, by reason. (development)
    pub const WASPECT_DROPS: Metric = Metric {
        name: "waspect.drops",
        unit: "{item}",
        description: "What was dropped or refused, by reason.",
        instrument: Instrument::Counter,
        key: Key::Drop,
        double: false,
    };

    /// Spans that were made. (development)
    pub const WASPECT_SPANS: Metric = Metric {
        name: "waspect.spans",
        unit: "{span}",
        description: "Spans that were made.",
        instrument: Instrument::Counter,
        key: Key::Process,
        double: false,
    };

    /// Time inside calls from the host. (development)
    pub const WASPECT_BUSY_TIME: Metric = Metric {
        name: "waspect.busy_time",
        unit: "s",
        description: "Time inside calls from the host.",
        instrument: Instrument::Counter,
        key: Key::Process,
        double: true,
    };

    /// Estimated cost of the hooks within it: timed calls times the measured cost of a pair of hooks. (development)
    pub const WASPECT_HOOK_TIME: Metric = Metric {
        name: "waspect.hook_time",
        unit: "s",
        description: "Estimated cost of the hooks within it: timed calls times the measured cost of a pair of hooks.",
        instrument: Instrument::Counter,
        key: Key::Process,
        double: true,
    };

    /// Smallest step of the clock that calls are timed with. (development)
    pub const WASPECT_CLOCK_RESOLUTION: Metric = Metric {
        name: "waspect.clock.resolution",
        unit: "s",
        description: "Smallest step of the clock that calls are timed with.",
        instrument: Instrument::Gauge,
        key: Key::Process,
        double: true,
    };

    /// Every metric, in the order of the file.
    pub const ALL: &[Metric] = &[
        WASM_FUNCTION_CALLS,
        WASM_FUNCTION_TIME,
        WASM_FUNCTION_SELF_TIME,
        WASM_FUNCTION_DURATION,
        WASM_FUNCTION_ERRORS,
        WASM_FUNCTION_UNWOUND,
        WASM_FUNCTION_ALLOCATIONS,
        WASM_FUNCTION_ALLOCATED,
        WASM_FUNCTION_LIVE,
        WASM_FUNCTION_LEAKED,
        WASPECT_FUNCTION_UNTIMED,
        WASM_ERRORS,
        WASM_MODULE_INFO,
        WASM_INSTANCE_STARTED,
        WASM_INSTANCE_ACTIVE,
        WASM_MEMORY_SIZE,
        WASM_MEMORY_SIZE_MAX,
        WASM_MEMORY_FINAL_SIZE,
        WASM_MEMORY_GROWN,
        WASM_MEMORY_GROW_FAILURES,
        WASM_HEAP_LIVE,
        WASM_HEAP_LIVE_MAX,
        WASM_HEAP_ALLOCATION_FAILURES,
        WASM_HEAP_DOUBLE_FREES,
        WASM_HEAP_UNKNOWN_FREES,
        WASPECT_DROPS,
        WASPECT_SPANS,
        WASPECT_BUSY_TIME,
        WASPECT_HOOK_TIME,
        WASPECT_CLOCK_RESOLUTION,
    ];
}

/// The metrics of the export pipeline.
pub mod pipeline {
    use super::{Instrument, Key, Metric};

    /// Spans that the queue has let go: exported or given up, with `error.type` where they never reached the exporter. (development)
    pub const OTEL_SDK_PROCESSOR_SPAN_PROCESSED: Metric = Metric {
        name: "otel.sdk.processor.span.processed",
        unit: "{span}",
        description: "Spans that the queue has let go: exported or given up, with `error.type` where they never reached the exporter.",
        instrument: Instrument::Counter,
        key: Key::Pipeline,
        double: false,
    };

    /// Spans that wait to be exported. (development)
    pub const OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE: Metric = Metric {
        name: "otel.sdk.processor.span.queue.size",
        unit: "{span}",
        description: "Spans that wait to be exported.",
        instrument: Instrument::UpDownCounter,
        key: Key::Pipeline,
        double: false,
    };

    /// Spans that can wait, where their number is bounded. (development)
    pub const OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY: Metric = Metric {
        name: "otel.sdk.processor.span.queue.capacity",
        unit: "{span}",
        description: "Spans that can wait, where their number is bounded.",
        instrument: Instrument::UpDownCounter,
        key: Key::Pipeline,
        double: false,
    };

    /// Spans handed to the exporter and not yet settled. (development)
    pub const OTEL_SDK_EXPORTER_SPAN_INFLIGHT: Metric = Metric {
        name: "otel.sdk.exporter.span.inflight",
        unit: "{span}",
        description: "Spans handed to the exporter and not yet settled.",
        instrument: Instrument::UpDownCounter,
        key: Key::Pipeline,
        double: false,
    };

    /// Spans whose export has ended; with `error.type` where it failed. (development)
    pub const OTEL_SDK_EXPORTER_SPAN_EXPORTED: Metric = Metric {
        name: "otel.sdk.exporter.span.exported",
        unit: "{span}",
        description: "Spans whose export has ended; with `error.type` where it failed.",
        instrument: Instrument::Counter,
        key: Key::Pipeline,
        double: false,
    };

    /// Data points handed to the exporter and not yet settled. (development)
    pub const OTEL_SDK_EXPORTER_METRIC_DATA_POINT_INFLIGHT: Metric = Metric {
        name: "otel.sdk.exporter.metric_data_point.inflight",
        unit: "{data_point}",
        description: "Data points handed to the exporter and not yet settled.",
        instrument: Instrument::UpDownCounter,
        key: Key::Pipeline,
        double: false,
    };

    /// Data points whose export has ended; with `error.type` where it failed. (development)
    pub const OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED: Metric = Metric {
        name: "otel.sdk.exporter.metric_data_point.exported",
        unit: "{data_point}",
        description: "Data points whose export has ended; with `error.type` where it failed.",
        instrument: Instrument::Counter,
        key: Key::Pipeline,
        double: false,
    };

    /// Every metric, in the order of the file.
    pub const ALL: &[Metric] = &[
        OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE,
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY,
        OTEL_SDK_EXPORTER_SPAN_INFLIGHT,
        OTEL_SDK_EXPORTER_SPAN_EXPORTED,
        OTEL_SDK_EXPORTER_METRIC_DATA_POINT_INFLIGHT,
        OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED,
    ];
}

/// The metrics of the collector's own health.
pub mod collector {
    use super::{Instrument, Key, Metric};

    /// Spans, data points and log records that were acknowledged: they are safe on disk. (development)
    pub const WASPECT_COLLECTOR_ACCEPTED: Metric = Metric {
        name: "waspect.collector.accepted",
        unit: "{item}",
        description: "Spans, data points and log records that were acknowledged: they are safe on disk.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Items of acknowledged requests that were not taken: nobody could use them. (development)
    pub const WASPECT_COLLECTOR_REJECTED: Metric = Metric {
        name: "waspect.collector.rejected",
        unit: "{item}",
        description: "Items of acknowledged requests that were not taken: nobody could use them.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Batches that came again: acknowledged, and not stored once more. (development)
    pub const WASPECT_COLLECTOR_REPEATS: Metric = Metric {
        name: "waspect.collector.repeats",
        unit: "{request}",
        description: "Batches that came again: acknowledged, and not stored once more.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Requests that were not acknowledged, by reason. (development)
    pub const WASPECT_COLLECTOR_REFUSED: Metric = Metric {
        name: "waspect.collector.refused",
        unit: "{request}",
        description: "Requests that were not acknowledged, by reason.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Connections that are open. (development)
    pub const WASPECT_COLLECTOR_CONNECTIONS: Metric = Metric {
        name: "waspect.collector.connections",
        unit: "{connection}",
        description: "Connections that are open.",
        instrument: Instrument::UpDownCounter,
        key: Key::Collector,
        double: false,
    };

    /// Connections that were closed to make room for others. (development)
    pub const WASPECT_COLLECTOR_EVICTIONS: Metric = Metric {
        name: "waspect.collector.evictions",
        unit: "{connection}",
        description: "Connections that were closed to make room for others.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Requests that were committed to the log. (development)
    pub const WASPECT_COLLECTOR_LOG_RECORDS: Metric = Metric {
        name: "waspect.collector.log.records",
        unit: "{record}",
        description: "Requests that were committed to the log.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Commits of the log, each of one fsync. (development)
    pub const WASPECT_COLLECTOR_LOG_COMMITS: Metric = Metric {
        name: "waspect.collector.log.commits",
        unit: "{commit}",
        description: "Commits of the log, each of one fsync.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Commits that failed: nothing of them was acknowledged. (development)
    pub const WASPECT_COLLECTOR_LOG_FAILURES: Metric = Metric {
        name: "waspect.collector.log.failures",
        unit: "{commit}",
        description: "Commits that failed: nothing of them was acknowledged.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Bytes of the log on disk. (development)
    pub const WASPECT_COLLECTOR_LOG_SIZE: Metric = Metric {
        name: "waspect.collector.log.size",
        unit: "By",
        description: "Bytes of the log on disk.",
        instrument: Instrument::Gauge,
        key: Key::Collector,
        double: false,
    };

    /// Items that an exporter's endpoint took. (development)
    pub const WASPECT_COLLECTOR_FORWARD_SENT: Metric = Metric {
        name: "waspect.collector.forward.sent",
        unit: "{item}",
        description: "Items that an exporter's endpoint took.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Items that an exporter will not send any more, by reason. (development)
    pub const WASPECT_COLLECTOR_FORWARD_DROPPED: Metric = Metric {
        name: "waspect.collector.forward.dropped",
        unit: "{item}",
        description: "Items that an exporter will not send any more, by reason.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Requests that an exporter never saw, by reason: too old, or damaged. (development)
    pub const WASPECT_COLLECTOR_FORWARD_LOST: Metric = Metric {
        name: "waspect.collector.forward.lost",
        unit: "{record}",
        description: "Requests that an exporter never saw, by reason: too old, or damaged.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Attempts that failed and were made again. (development)
    pub const WASPECT_COLLECTOR_FORWARD_RETRIES: Metric = Metric {
        name: "waspect.collector.forward.retries",
        unit: "{request}",
        description: "Attempts that failed and were made again.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Requests in the log that an exporter has yet to send. (development)
    pub const WASPECT_COLLECTOR_FORWARD_BEHIND: Metric = Metric {
        name: "waspect.collector.forward.behind",
        unit: "{record}",
        description: "Requests in the log that an exporter has yet to send.",
        instrument: Instrument::Gauge,
        key: Key::Collector,
        double: false,
    };

    /// Requests in the log that the index has yet to read. (development)
    pub const WASPECT_COLLECTOR_INDEX_BEHIND: Metric = Metric {
        name: "waspect.collector.index.behind",
        unit: "{record}",
        description: "Requests in the log that the index has yet to read.",
        instrument: Instrument::Gauge,
        key: Key::Collector,
        double: false,
    };

    /// Times that the index was thrown away, and built again from the log. (development)
    pub const WASPECT_COLLECTOR_INDEX_REBUILDS: Metric = Metric {
        name: "waspect.collector.index.rebuilds",
        unit: "{rebuild}",
        description: "Times that the index was thrown away, and built again from the log.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Streams: sets of attributes of metrics, over all senders. (development)
    pub const WASPECT_COLLECTOR_STREAMS_ACTIVE: Metric = Metric {
        name: "waspect.collector.streams.active",
        unit: "{stream}",
        description: "Streams: sets of attributes of metrics, over all senders.",
        instrument: Instrument::Gauge,
        key: Key::Collector,
        double: false,
    };

    /// Memory that they take. (development)
    pub const WASPECT_COLLECTOR_STREAMS_MEMORY: Metric = Metric {
        name: "waspect.collector.streams.memory",
        unit: "By",
        description: "Memory that they take.",
        instrument: Instrument::Gauge,
        key: Key::Collector,
        double: false,
    };

    /// Streams that `/metrics` leaves out: Prometheus could not tell them from others. (development)
    pub const WASPECT_COLLECTOR_STREAMS_HIDDEN: Metric = Metric {
        name: "waspect.collector.streams.hidden",
        unit: "{stream}",
        description: "Streams that `/metrics` leaves out: Prometheus could not tell them from others.",
        instrument: Instrument::Gauge,
        key: Key::Collector,
        double: false,
    };

    /// Requests in the log that are yet to be added up. (development)
    pub const WASPECT_COLLECTOR_STREAMS_BEHIND: Metric = Metric {
        name: "waspect.collector.streams.behind",
        unit: "{record}",
        description: "Requests in the log that are yet to be added up.",
        instrument: Instrument::Gauge,
        key: Key::Collector,
        double: false,
    };

    /// Data points in the series of what is beyond a limit. (development)
    pub const WASPECT_COLLECTOR_STREAMS_OVERFLOWED: Metric = Metric {
        name: "waspect.collector.streams.overflowed",
        unit: "{item}",
        description: "Data points in the series of what is beyond a limit.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Data points in no stream, by reason. (development)
    pub const WASPECT_COLLECTOR_STREAMS_DROPPED: Metric = Metric {
        name: "waspect.collector.streams.dropped",
        unit: "{item}",
        description: "Data points in no stream, by reason.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Requests that were never added up, by reason: too old, or damaged. (development)
    pub const WASPECT_COLLECTOR_STREAMS_LOST: Metric = Metric {
        name: "waspect.collector.streams.lost",
        unit: "{record}",
        description: "Requests that were never added up, by reason: too old, or damaged.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Times that what was kept of streams was thrown away, and made again. (development)
    pub const WASPECT_COLLECTOR_STREAMS_REBUILDS: Metric = Metric {
        name: "waspect.collector.streams.rebuilds",
        unit: "{rebuild}",
        description: "Times that what was kept of streams was thrown away, and made again.",
        instrument: Instrument::Counter,
        key: Key::Collector,
        double: false,
    };

    /// Every metric, in the order of the file.
    pub const ALL: &[Metric] = &[
        WASPECT_COLLECTOR_ACCEPTED,
        WASPECT_COLLECTOR_REJECTED,
        WASPECT_COLLECTOR_REPEATS,
        WASPECT_COLLECTOR_REFUSED,
        WASPECT_COLLECTOR_CONNECTIONS,
        WASPECT_COLLECTOR_EVICTIONS,
        WASPECT_COLLECTOR_LOG_RECORDS,
        WASPECT_COLLECTOR_LOG_COMMITS,
        WASPECT_COLLECTOR_LOG_FAILURES,
        WASPECT_COLLECTOR_LOG_SIZE,
        WASPECT_COLLECTOR_FORWARD_SENT,
        WASPECT_COLLECTOR_FORWARD_DROPPED,
        WASPECT_COLLECTOR_FORWARD_LOST,
        WASPECT_COLLECTOR_FORWARD_RETRIES,
        WASPECT_COLLECTOR_FORWARD_BEHIND,
        WASPECT_COLLECTOR_INDEX_BEHIND,
        WASPECT_COLLECTOR_INDEX_REBUILDS,
        WASPECT_COLLECTOR_STREAMS_ACTIVE,
        WASPECT_COLLECTOR_STREAMS_MEMORY,
        WASPECT_COLLECTOR_STREAMS_HIDDEN,
        WASPECT_COLLECTOR_STREAMS_BEHIND,
        WASPECT_COLLECTOR_STREAMS_OVERFLOWED,
        WASPECT_COLLECTOR_STREAMS_DROPPED,
        WASPECT_COLLECTOR_STREAMS_LOST,
        WASPECT_COLLECTOR_STREAMS_REBUILDS,
    ];
}

/// The metrics that the collector derives from spans of others.
pub mod span_metric {
    use super::{Instrument, Key, Metric};

    /// Spans of scopes other than `waspect`, by service, name, kind and status. (development)
    pub const TRACES_SPAN_METRICS_CALLS: Metric = Metric {
        name: "traces.span.metrics.calls",
        unit: "",
        description: "Spans of scopes other than `waspect`, by service, name, kind and status.",
        instrument: Instrument::Counter,
        key: Key::Span,
        double: false,
    };

    /// Their durations. (development)
    pub const TRACES_SPAN_METRICS_DURATION: Metric = Metric {
        name: "traces.span.metrics.duration",
        unit: "s",
        description: "Their durations.",
        instrument: Instrument::Histogram,
        key: Key::Span,
        double: true,
    };

    /// Every metric, in the order of the file.
    pub const ALL: &[Metric] = &[TRACES_SPAN_METRICS_CALLS, TRACES_SPAN_METRICS_DURATION];
}

/// Why something was dropped or refused (rule D1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
pub enum DropReason {
    /// A frame beyond the depth limit (D2).
    Depth,
    /// A frame on a lane beyond the limit of lanes (L1).
    Lane,
    /// A module of an ABI that is not known (M4).
    Abi,
    /// A module for whose ids there is no room (M4).
    Module,
    /// A hook with an id that was refused or never given (M4).
    Function,
    /// A closing hook whose token names no open frame (T4).
    Token,
    /// A closing hook whose token names a frame of another kind (T5).
    Mismatch,
    /// A record of a ring that was overwritten before it was taken (R9).
    Record,
    /// A reading of the clock that was lower than the one before (W1).
    Clock,
    /// A call without a node of its own in the call tree; the overflow node has it (D3).
    Node,
    /// A call without a histogram of its own; the overflow series has it (D3).
    Histogram,
    /// An allocation whose liveness is not judged: the table is full.
    Allocation,
    /// An object whose type is not told: the table of types by function is full.
    Object,
    /// A span that found no room before the next drain.
    Span,
    /// A span that the cap of its root left out.
    Omitted,
    /// A root without spans, for want of randomness or of the calendar's time.
    Identity,
    /// A growth of a memory that the module does not have.
    Memory,
    /// A counter of a function or an instance that does not exist, or one that went backwards.
    Counter,
    /// A function that lives in the overflow series of metrics.
    Series,
    /// An error whose code and function have no series of their own.
    Error,
}

impl DropReason {
    /// Every reason, in the order of the file.
    pub const ALL: [DropReason; 20] = [
        DropReason::Depth,
        DropReason::Lane,
        DropReason::Abi,
        DropReason::Module,
        DropReason::Function,
        DropReason::Token,
        DropReason::Mismatch,
        DropReason::Record,
        DropReason::Clock,
        DropReason::Node,
        DropReason::Histogram,
        DropReason::Allocation,
        DropReason::Object,
        DropReason::Span,
        DropReason::Omitted,
        DropReason::Identity,
        DropReason::Memory,
        DropReason::Counter,
        DropReason::Series,
        DropReason::Error,
    ];

    /// Value of `waspect.drop.reason`.
    pub const fn name(self) -> &'static str {
        match self {
            DropReason::Depth => "depth",
            DropReason::Lane => "lane",
            DropReason::Abi => "abi",
            DropReason::Module => "module",
            DropReason::Function => "function",
            DropReason::Token => "token",
            DropReason::Mismatch => "mismatch",
            DropReason::Record => "record",
            DropReason::Clock => "clock",
            DropReason::Node => "node",
            DropReason::Histogram => "histogram",
            DropReason::Allocation => "allocation",
            DropReason::Object => "object",
            DropReason::Span => "span",
            DropReason::Omitted => "omitted",
            DropReason::Identity => "identity",
            DropReason::Memory => "memory",
            DropReason::Counter => "counter",
            DropReason::Series => "series",
            DropReason::Error => "error",
        }
    }
}
