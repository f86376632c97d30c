//! What an exporter can be told, as plain data. Reading it from variables is [`env`]; nothing here opens a file.

mod env;
mod parse;

use std::fmt;
use std::time::Duration;

use waspect_otlp_client::Endpoint;

use crate::Signal;
use crate::report::ErrorHandler;
use crate::retry::RetryPolicy;

pub(crate) use env::TIMEOUT_DEFAULT;
pub use parse::ConfigError;

/// Where each signal goes, and what the OpenTelemetry variables say to whoever records.
///
/// [`ExportConfig::default`] is what an empty environment gives: OTLP over HTTP/protobuf to `localhost:4318`.
#[derive(Clone, Debug)]
pub struct ExportConfig {
    /// `OTEL_SDK_DISABLED`: nothing is to be recorded, and nothing is sent.
    pub disabled: bool,
    /// Where traces go; `None`: nowhere (`OTEL_TRACES_EXPORTER=none`).
    pub traces: Option<Endpoint>,
    /// Where metrics go; `None`: nowhere (`OTEL_METRICS_EXPORTER=none`).
    pub metrics: Option<Endpoint>,
    /// Where profiles go (`WASPECT_PROFILE_ENDPOINT`); `None`: nowhere.
    pub profiles: Option<Endpoint>,
    /// `WASPECT_PROFILE_INTERVAL`: how often profiles are handed over.
    pub profile_interval: Duration,
    /// `OTEL_SERVICE_NAME`, else `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES` without `service.name`, in the order given, the last of equal keys only.
    pub resource_attributes: Vec<(String, String)>,
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    pub sampler: Sampler,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
    pub temporality: Temporality,
    /// `OTEL_BSP_SCHEDULE_DELAY`: how long spans may wait before they are handed over.
    pub span_delay: Duration,
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`: how many spans a request holds at most.
    pub span_batch_max: usize,
    /// `OTEL_METRIC_EXPORT_INTERVAL`: how often metrics are handed over.
    pub metric_interval: Duration,
    /// How many requests for traces may wait; `OTEL_BSP_MAX_QUEUE_SIZE` bounds their spans.
    pub trace_queue: QueueLimits,
    /// How many requests for metrics may wait.
    pub metric_queue: QueueLimits,
    /// How traces are tried again; `OTEL_BSP_EXPORT_TIMEOUT` is its longest time.
    pub trace_retry: RetryPolicy,
    /// How metrics are tried again; `OTEL_METRIC_EXPORT_TIMEOUT` is its longest time.
    pub metric_retry: RetryPolicy,
    /// Told of what goes wrong, seldom, on the exporter's own thread.
    pub on_error: ErrorHandler,
    /// Values that were not understood and are therefore ignored, as the specification asks.
    pub warnings: Vec<Warning>,
}

impl ExportConfig {
    /// Where a signal goes; `None` when it goes nowhere, or everything is disabled.
    pub fn endpoint(&self, signal: Signal) -> Option<&Endpoint> {
        let endpoint = match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
        };
        endpoint.filter(|_| !self.disabled)
    }

    /// How much of a signal may wait.
    pub fn queue(&self, signal: Signal) -> QueueLimits {
        match signal {
            Signal::Traces => self.trace_queue,
            Signal::Metrics => self.metric_queue,
        }
    }

    /// How a signal is tried again.
    pub fn retry(&self, signal: Signal) -> RetryPolicy {
        match signal {
            Signal::Traces => self.trace_retry,
            Signal::Metrics => self.metric_retry,
        }
    }
}

/// How much may wait for the network. Whatever bound is met first drops the newest batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Bytes of all waiting requests, the one in flight included.
    pub bytes_max: usize,
    /// Waiting requests.
    pub batches_max: usize,
    /// Waiting spans or points; `None`: bytes and batches say enough.
    pub items_max: Option<u64>,
}

impl Default for QueueLimits {
    fn default() -> QueueLimits {
        QueueLimits { bytes_max: 32 << 20, batches_max: 1024, items_max: None }
    }
}

/// Which temporality metrics are to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Everything since the start.
    #[default]
    Cumulative,
    /// Counters and histograms since the last export; up-down counters cumulative.
    Delta,
    /// As `Delta` for synchronous instruments; asynchronous counters cumulative.
    LowMemory,
}

/// Which traces to record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sampler {
    /// `always_on`
    AlwaysOn,
    /// `always_off`
    AlwaysOff,
    /// `traceidratio`: this part of all trace ids, 0 to 1.
    Ratio(f64),
    /// `parentbased_always_on`, the default: as the parent says; roots always.
    #[default]
    ParentOrAlwaysOn,
    /// `parentbased_always_off`: as the parent says; roots never.
    ParentOrAlwaysOff,
    /// `parentbased_traceidratio`: as the parent says; of the roots this part.
    ParentOrRatio(f64),
}

/// A value that was ignored: which variable, what is wrong, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The variable's name.
    pub variable: String,
    /// What is wrong with its value, and what helps. Holds no value that may be a secret.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.variable, self.message)
    }
}
