//! What is recorded and where it goes: the environment's variables, with the command line's options before them.
//!
//! Options become variables, so that there is one reading of both and `waspect run` means what any adapter means.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use waspect_export::ErrorHandler;
use waspect_recorder::Parent;
use waspect_wasmtime::{ExportConfig, Health, Observer, Signal};

use crate::beacon;
use crate::output;
use crate::summary::{Ledger, Sent};
use crate::table::{WARN, styled};
use crate::text::escape;
use crate::trace_file::TraceFile;

/// The port that OTLP over gRPC has by convention.
const GRPC_PORT: u16 = 4317;

/// Longest time that telemetry may take after the guest ended: with all the rest, the process ends within 5 s.
const SHUTDOWN: Duration = Duration::from_secs(4);

/// Where telemetry goes.
#[derive(Args)]
#[command(next_help_heading = "Telemetry")]
pub struct Telemetry {
    /// Sends traces and metrics over OTLP; default http://localhost:4318, or what OTEL_EXPORTER_OTLP_* say
    ///
    /// A URL whose port is 4317 is spoken to over gRPC, unless OTEL_EXPORTER_OTLP_PROTOCOL says otherwise. Without this option all is
    /// sent to the `waspect up` of this user, if one is running.
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    otlp: Option<String>,

    /// Sends nothing, though `waspect up` is running
    #[arg(long, conflicts_with = "otlp")]
    no_otlp: bool,

    /// The collector that is up, where nothing else is asked for.
    #[arg(skip)]
    up: Option<String>,

    /// Writes traces and metrics as OTLP/JSON lines, as the OpenTelemetry Collector's otlpjsonfile receiver reads them
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// Calls that take at least so long become spans, such as 50us, 1ms, 2s [default: 100us]
    #[arg(long, value_name = "TIME", value_parser = parse_microseconds)]
    min_duration: Option<u64>,

    /// Share of the time that hooks may cost, in percent, before the hottest functions go untimed; inf: any [default: 5]
    #[arg(long, value_name = "PERCENT")]
    budget: Option<f64>,
}

/// An observer and what has to be known of its export.
pub struct Started {
    /// The observer.
    pub observer: Observer,
    /// `service.name`.
    pub service: String,
    /// The trace that the environment says we belong to.
    pub parent: Option<Parent>,
    endpoint: Option<String>,
    errors: Arc<Mutex<Errors>>,
    trace_error: Arc<Mutex<Option<anyhow::Error>>>,
}

/// The exporter's last words on each signal.
#[derive(Default)]
struct Errors {
    traces: Option<String>,
    metrics: Option<String>,
}

impl Errors {
    fn of(&mut self, signal: Signal) -> &mut Option<String> {
        match signal {
            Signal::Traces => &mut self.traces,
            Signal::Metrics => &mut self.metrics,
        }
    }
}

impl Telemetry {
    /// Starts recording and export; `stem` names the service unless the environment does.
    pub fn start(&mut self, stem: &str) -> Result<Started> {
        self.up = self.find_up();
        let variable = |name: &str| self.variable(name);
        let mut export = ExportConfig::from_env(variable)?;
        for warning in &export.warnings {
            output::print_error(&format!("{} {}\n", styled(WARN, "warning:"), escape(&warning.to_string())));
        }
        if self.otlp.is_none() && self.up.is_none() {
            export.traces = None;
            export.metrics = None;
        }
        let errors = Arc::<Mutex<Errors>>::default();
        let last = errors.clone();
        export.on_error =
            ErrorHandler::new(move |report| *lock(&last).of(report.signal) = Some(report.message.clone()));
        let urls = [export.traces.as_ref(), export.metrics.as_ref()];
        let mut urls: Vec<String> = urls.into_iter().flatten().map(|endpoint| endpoint.url.to_string()).collect();
        urls.dedup();
        let service = export.service_name.clone().unwrap_or_else(|| stem.to_owned());
        let mut builder = Observer::builder().variables(variable)?.export(export).service_name(stem);
        let trace_error = Arc::new(Mutex::new(None));
        if let Some(path) = &self.trace {
            let mut file = TraceFile::create(path)?;
            let first = trace_error.clone();
            builder = builder.sink(move |signal, batch| {
                let mut error = lock(&first);
                if error.is_none() {
                    *error = file.write(signal, &batch.bytes).err();
                }
            });
        }
        Ok(Started {
            observer: builder.build().context("observation cannot start")?,
            service,
            parent: parent(),
            endpoint: (!urls.is_empty()).then(|| urls.join(" and ")),
            errors,
            trace_error,
        })
    }

    /// The collector that is up, unless something else is asked for.
    fn find_up(&self) -> Option<String> {
        let elsewhere = match self.otlp.as_deref() {
            None => self.no_otlp,
            // An endpoint of the environment's is meant, if there is one.
            Some("") => ["", "TRACES_", "METRICS_"].iter().any(|signal| {
                environment(&format!("OTEL_EXPORTER_OTLP_{signal}ENDPOINT")).is_some_and(|url| !url.is_empty())
            }),
            Some(_) => true,
        };
        if elsewhere { None } else { beacon::find().map(|address| address.otlp) }
    }

    /// A variable: the option that overrides it, else the environment's.
    fn variable(&self, name: &str) -> Option<String> {
        if let (Some(up), Some(setting)) = (&self.up, name.strip_prefix("OTEL_EXPORTER_OTLP_")) {
            // The others, headers with their secrets first of all, are for another endpoint.
            return match setting {
                "ENDPOINT" => Some(up.clone()),
                "METRICS_TEMPORALITY_PREFERENCE" => environment(name),
                _ => None,
            };
        }
        if let (Some(up), "WASPECT_PROFILE_ENDPOINT" | "WASPECT_PROFILE_HEADERS") = (&self.up, name) {
            return environment("WASPECT_PROFILE_ENDPOINT").map_or_else(
                || (name == "WASPECT_PROFILE_ENDPOINT").then(|| format!("{up}/api/pprof")),
                |_| environment(name),
            );
        }
        let url = self.otlp.as_deref().filter(|url| !url.is_empty());
        match (name, url) {
            ("OTEL_EXPORTER_OTLP_ENDPOINT", Some(url)) => Some(url.to_owned()),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" | "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", Some(_)) => None,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", Some(url)) => {
                let conventional =
                    || url.trim_end_matches('/').ends_with(&format!(":{GRPC_PORT}")).then(|| "grpc".to_owned());
                environment(name).or_else(conventional)
            }
            ("WASPECT_SPAN_MIN_DURATION_US", _) if self.min_duration.is_some() => {
                self.min_duration.map(|us| us.to_string())
            }
            ("WASPECT_OVERHEAD_BUDGET", _) if self.budget.is_some() => {
                self.budget.map(|percent| (percent / 100.0).to_string())
            }
            _ => environment(name),
        }
    }
}

impl Started {
    /// Sends what is left, at most for a few seconds; tells what became of it all.
    pub fn finish(&self) -> Result<Option<Sent>> {
        let health = self.observer.shutdown(SHUTDOWN);
        if health.profiles.dropped > 0 {
            let text = "a profile was not taken: look at the collector's log, or take it by --pprof FILE";
            output::print_error(&format!("{} {text}\n", styled(WARN, "warning:")));
        }
        if let Some(error) = lock(&self.trace_error).take() {
            return Err(error);
        }
        Ok(self.endpoint.as_ref().map(|endpoint| self.sent(endpoint, &health)))
    }

    fn sent(&self, endpoint: &str, health: &Health) -> Sent {
        let ledger = |signal| {
            let health = health.export.signal(signal);
            Ledger {
                made: health.made,
                exported: health.exported,
                dropped: health.dropped_total(),
                unconfirmed: health.unconfirmed(),
                error: lock(&self.errors).of(signal).take(),
            }
        };
        Sent { endpoint: endpoint.to_owned(), spans: ledger(Signal::Traces), points: ledger(Signal::Metrics) }
    }
}

/// The parent that a caller handed over, as build tools and job runners do.
fn parent() -> Option<Parent> {
    waspect_wasmtime::parent_from_headers(&environment("TRACEPARENT")?, environment("TRACESTATE").as_deref())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `100us`, `1.5ms`, `2s`; whole microseconds.
fn parse_microseconds(text: &str) -> Result<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let scale = match unit.trim() {
        "us" | "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => bail!("expected a number and a unit, us, ms or s: such as 100us"),
    };
    let number: f64 = number.parse().context("expected a number and a unit, such as 100us")?;
    Ok((number * scale).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let parsed = ["100us", "1.5ms", "2s", "0us"].map(|text| parse_microseconds(text).unwrap());
        assert_eq!(parsed, [100, 1500, 2_000_000, 0]);
        assert!(parse_microseconds("100").is_err() && parse_microseconds("ms").is_err());
        assert!(parse_microseconds("1.2.3s").is_err());
    }

    #[test]
    fn a_url_on_the_command_line_goes_before_the_environment() {
        let telemetry = |otlp: &str| Telemetry {
            otlp: Some(otlp.into()),
            no_otlp: false,
            up: None,
            trace: None,
            min_duration: Some(5),
            budget: Some(2.5),
        };
        let grpc = telemetry("http://collector:4317/");
        assert_eq!(grpc.variable("OTEL_EXPORTER_OTLP_ENDPOINT").as_deref(), Some("http://collector:4317/"));
        assert_eq!(grpc.variable("OTEL_EXPORTER_OTLP_PROTOCOL").as_deref(), Some("grpc"));
        assert_eq!(grpc.variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), None);
        assert_eq!(grpc.variable("WASPECT_SPAN_MIN_DURATION_US").as_deref(), Some("5"));
        assert_eq!(grpc.variable("WASPECT_OVERHEAD_BUDGET").as_deref(), Some("0.025"));
        assert_eq!(telemetry("http://collector:4318").variable("OTEL_EXPORTER_OTLP_PROTOCOL"), None);
    }
}
