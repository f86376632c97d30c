//! How an [`Observer`] is put together. It reads variables only when asked to, and only through the caller's function.

use std::sync::Arc;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use waspect_abi::semconv::attribute::SERVICE_NAME;
use waspect_export::provider::Carrier;
use waspect_export::{ExportConfig, Exporter, HealthMetrics, ProfilePush, Signal};
use waspect_recorder::{Aggregator, Batch, Config, Resource, Sampling, Temporality, Value};

use crate::error::Error;
use crate::observer::Observer;
use crate::outcome::ExitCode;
use crate::pump::{self, Requests, Schedule, Sink};
use crate::shared::Shared;
use crate::{clock, cost, profiles, variables};

/// Who does not say what it is, as the SDK specification has it.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// Configures an [`Observer`]. Without any call it records for [`Observer::snapshot`] and [`Observer::profile`] alone.
#[derive(Default)]
pub struct Builder {
    config: Config,
    export: Option<ExportConfig>,
    exporter: Option<Exporter>,
    service_name: Option<String>,
    attributes: Vec<(String, Value)>,
    sinks: Vec<Sink>,
    exit_code: Option<ExitCode>,
}

impl Builder {
    /// Configures recording and export from the process's environment: see [`Builder::variables`].
    pub fn environment(self) -> Result<Builder, Error> {
        self.variables(|name| std::env::var(name).ok())
    }

    /// Configures recording from the `WASPECT_*` variables, and export from the `OTEL_*` variables, as the specification of
    /// OpenTelemetry describes them: without any, to `http://localhost:4318`.
    ///
    /// | variable | meaning | default |
    /// |---|---|---|
    /// | `WASPECT_SPAN_MIN_DURATION_US` | calls that take at least so many microseconds become spans | 100 |
    /// | `WASPECT_SPANS_PER_ROOT_MAX` | most spans a call from the host; the slowest are kept | 1000 |
    /// | `WASPECT_SPANS_ALWAYS` | functions whose every call becomes a span: names with `*`, separated by commas | |
    /// | `WASPECT_OVERHEAD_BUDGET` | share of time that hooks may cost before the hottest functions are only counted; `inf`: any | 0.05 |
    /// | `WASPECT_ATTRIBUTE_SETS_MAX` | most functions a metric; the rest share the overflow series | 1000 |
    /// | `WASPECT_LEAK_AGE_S` | age in seconds from which an instance's unfreed memory is a leak | 60 |
    ///
    /// `WASPECT_PROFILE_ENDPOINT` (with `WASPECT_PROFILE_HEADERS` and `WASPECT_PROFILE_INTERVAL`) says where pprof profiles are pushed, once
    /// a minute and at the end; without it, nowhere.
    ///
    /// An `OTEL_*` value that cannot be used is ignored, as the specification demands, and listed in
    /// [`ExportConfig::warnings`]; to see them, read [`ExportConfig::from_env`] yourself and call [`Builder::export`].
    pub fn variables(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Builder, Error> {
        variables::apply(&mut self.config, &variable)?;
        Ok(self.export(ExportConfig::from_env(variable)?))
    }

    /// Exports to OTLP endpoints. Sampling, temporality and resource follow this configuration too.
    pub fn export(mut self, export: ExportConfig) -> Builder {
        self.config.sampling = sampling(export.sampler);
        self.config.temporality = temporality(export.temporality);
        self.export = Some(export);
        self
    }

    /// Exports through an exporter of the caller's own, with the schedule of [`Builder::export`]'s configuration.
    pub fn exporter(mut self, exporter: Exporter) -> Builder {
        self.exporter = Some(exporter);
        self
    }

    /// Gives every encoded OTLP request to `sink`, on the background thread. It may block: calls never wait for it.
    pub fn sink(mut self, sink: impl FnMut(Signal, &Batch) + Send + 'static) -> Builder {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Sends spans, sums and gauges through the host's own OpenTelemetry providers.
    ///
    /// What their API cannot carry is in the table of [`waspect_export::provider`]: ids, histograms, exemplars.
    pub fn providers<T, M>(self, tracers: T, meters: M) -> Builder
    where
        T: TracerProvider + Send + 'static,
        M: MeterProvider + Send + 'static,
    {
        let mut carrier = Carrier::new(tracers, meters);
        // Our own bytes are always requests; what providers cannot take is documented.
        self.sink(move |signal, batch| _ = carrier.carry(signal, &batch.bytes))
    }

    /// Sets what is recorded: span policy, limits, overhead budget. What a pair of hooks costs is measured in any case.
    pub fn recording(mut self, config: Config) -> Builder {
        self.config = config;
        self
    }

    /// Names the service: the host's name, never the module's. `OTEL_SERVICE_NAME` goes before it.
    pub fn service_name(mut self, name: impl Into<String>) -> Builder {
        self.service_name = Some(name.into());
        self
    }

    /// Adds an attribute of the process to the resource. `OTEL_RESOURCE_ATTRIBUTES` goes before it.
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<Value>) -> Builder {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// Tells exits from failures where the host has an error type of its own for them: the code, if the error is an exit.
    ///
    /// With the feature `wasi`, on by default, `proc_exit` of `wasmtime-wasi` is known already.
    pub fn exit_code(mut self, exit_code: impl Fn(&wasmtime::Error) -> Option<i32> + Send + Sync + 'static) -> Builder {
        self.exit_code = Some(Arc::new(exit_code));
        self
    }

    /// Calibrates the clock, measures what hooks cost, starts the exporter and the background thread.
    pub fn build(mut self) -> Result<Observer, Error> {
        clock::calibrate();
        self.config.hook_pair_ns = cost::hook_pair_ns();
        self.config.record_pair_ns = cost::record_pair_ns();
        // Nobody asked for export: then the defaults' endpoint is none of ours.
        let nowhere = || ExportConfig { traces: None, metrics: None, ..ExportConfig::default() };
        let export = self.export.take().unwrap_or_else(nowhere);
        let exporter = match self.exporter.take() {
            None if exports(&export) => Some(Exporter::start(export.clone())?),
            exporter => exporter,
        };
        let spans = exporter.as_ref().is_some_and(|exporter| exporter.wants(Signal::Traces)) || !self.sinks.is_empty();
        let aggregator = Aggregator::new(&self.config, self.resource(&export), clock::wall_unix_ns());
        let health = exporter.as_ref().map(|_| HealthMetrics::new(&export, clock::wall_unix_ns()));
        let shared = Arc::new(Shared::new(!export.disabled, spans, self.config, aggregator, self.exit_code));
        *shared.exporter.write().expect("nobody else has it yet") = exporter;
        let requests = Arc::new(Requests::default());
        let schedule = Schedule { traces: export.span_delay, metrics: export.metric_interval };
        pump::start(shared.clone(), requests.clone(), self.sinks, health, schedule)?;
        let profiles = push_profiles(&export, self.service_name.as_deref(), &shared)?;
        Ok(Observer::new(shared, requests, profiles))
    }

    fn resource(&self, export: &ExportConfig) -> Resource {
        let mut attributes: Vec<(String, Value)> = Vec::new();
        let mut add = |key: &str, value: Value| {
            if !attributes.iter().any(|(known, _)| known == key) {
                attributes.push((key.to_owned(), value));
            }
        };
        if let Some(name) = export.service_name.as_ref().or(self.service_name.as_ref()) {
            add(SERVICE_NAME, name.as_str().into());
        }
        for (key, value) in &export.resource_attributes {
            add(key, value.as_str().into());
        }
        for (key, value) in &self.attributes {
            add(key, value.clone());
        }
        Resource { attributes }
    }
}

/// Pushes profiles to where the configuration says.
fn push_profiles(
    export: &ExportConfig,
    service: Option<&str>,
    shared: &Arc<Shared>,
) -> Result<Option<ProfilePush>, Error> {
    let Some(endpoint) = export.profiles.clone().filter(|_| !export.disabled) else { return Ok(None) };
    let service = export.service_name.as_deref().or(service).unwrap_or(UNKNOWN_SERVICE).to_owned();
    let push = ProfilePush::start(endpoint, service, export.profile_interval, profiles::pieces(shared));
    push.map(Some).map_err(Error::Thread)
}

fn exports(export: &ExportConfig) -> bool {
    !export.disabled && (export.traces.is_some() || export.metrics.is_some())
}

fn sampling(sampler: waspect_export::Sampler) -> Sampling {
    use waspect_export::Sampler;
    let (parent_based, ratio) = match sampler {
        Sampler::AlwaysOn => (false, 1.0),
        Sampler::AlwaysOff => (false, 0.0),
        Sampler::Ratio(ratio) => (false, ratio),
        Sampler::ParentOrAlwaysOn => (true, 1.0),
        Sampler::ParentOrAlwaysOff => (true, 0.0),
        Sampler::ParentOrRatio(ratio) => (true, ratio),
    };
    Sampling { parent_based, ratio }
}

fn temporality(temporality: waspect_export::Temporality) -> Temporality {
    match temporality {
        waspect_export::Temporality::Cumulative => Temporality::Cumulative,
        waspect_export::Temporality::Delta => Temporality::Delta,
        waspect_export::Temporality::LowMemory => Temporality::LowMemory,
    }
}
