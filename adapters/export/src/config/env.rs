//! The OpenTelemetry variables, read through a function: this crate touches no environment by itself.
//!
//! `docs/environment.md` lists every variable, those that are not honoured included.

use std::cell::RefCell;
use std::time::Duration;

use waspect_abi::semconv::attribute::SERVICE_NAME;
use waspect_otlp_client::{Compression, Endpoint, Protocol, Tls};

use super::parse::{self, ConfigError, Parsed};
use super::{ExportConfig, QueueLimits, Sampler, Warning};
use crate::Signal;
use crate::report::ErrorHandler;
use crate::retry::RetryPolicy;

/// How long one request may take when nothing is said.
pub(crate) const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

impl ExportConfig {
    /// Reads every variable of the SDK and OTLP exporter specifications that has a meaning here, through `vars`.
    ///
    /// Bad values are ignored with a [`Warning`], as the specification asks; only a bad endpoint is an error. To give a setting
    /// of the host's own precedence, let `vars` answer with it.
    ///
    /// ```
    /// # use waspect_export::{ExportConfig, Protocol};
    /// let config = ExportConfig::from_env(|name| match name {
    ///     "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("https://collector.example:4318".into()),
    ///     "OTEL_EXPORTER_OTLP_TIMEOUT" => Some("soon".into()),
    ///     _ => None,
    /// })?;
    /// assert_eq!(config.traces.unwrap().url, "https://collector.example:4318/v1/traces");
    /// assert_eq!(
    ///     config.warnings[0].to_string(),
    ///     "OTEL_EXPORTER_OTLP_TIMEOUT: `soon` is no whole number of milliseconds"
    /// );
    /// # Ok::<(), waspect_export::ConfigError>(())
    /// ```
    pub fn from_env(vars: impl Fn(&str) -> Option<String>) -> Result<ExportConfig, ConfigError> {
        let env = Env { vars: &vars, warnings: RefCell::default() };
        let (service_name, resource_attributes) = env.resource();
        let config = ExportConfig {
            disabled: env.get("OTEL_SDK_DISABLED", parse::boolean).unwrap_or(false),
            traces: env.endpoint(Signal::Traces)?,
            metrics: env.endpoint(Signal::Metrics)?,
            profiles: env.profiles()?,
            profile_interval: env.get("WASPECT_PROFILE_INTERVAL", parse::interval).unwrap_or(Duration::from_secs(60)),
            service_name,
            resource_attributes,
            sampler: env.sampler(),
            temporality: env.otlp(Signal::Metrics, "TEMPORALITY_PREFERENCE", parse::temporality).unwrap_or_default(),
            span_delay: env.get("OTEL_BSP_SCHEDULE_DELAY", parse::interval).unwrap_or(Duration::from_secs(5)),
            span_batch_max: env.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", parse::positive).map_or(512, saturate),
            metric_interval: env.get("OTEL_METRIC_EXPORT_INTERVAL", parse::interval).unwrap_or(Duration::from_secs(60)),
            trace_queue: QueueLimits {
                items_max: env.get("OTEL_BSP_MAX_QUEUE_SIZE", parse::positive),
                ..QueueLimits::default()
            },
            metric_queue: QueueLimits::default(),
            trace_retry: env.retry("OTEL_BSP_EXPORT_TIMEOUT"),
            metric_retry: env.retry("OTEL_METRIC_EXPORT_TIMEOUT"),
            on_error: ErrorHandler::default(),
            warnings: Vec::new(),
        };
        Ok(ExportConfig { warnings: env.warnings.into_inner(), ..config })
    }
}

impl Default for ExportConfig {
    fn default() -> ExportConfig {
        ExportConfig::from_env(|_| None).expect("no value is no bad value")
    }
}

/// The variables, and what was wrong with them so far.
struct Env<'a> {
    vars: &'a dyn Fn(&str) -> Option<String>,
    warnings: RefCell<Vec<Warning>>,
}

impl Env<'_> {
    /// A variable's value; an empty one is as good as none.
    fn text(&self, variable: &str) -> Option<String> {
        (self.vars)(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A variable's value if it is a good one.
    fn get<T>(&self, variable: &str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let value = self.text(variable)?;
        parse(&value).map_err(|message| self.warn(variable, message)).ok()
    }

    /// The first good value of an OTLP variable: the signal's own, then the one for all.
    fn otlp<T>(&self, signal: Signal, suffix: &str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let [own, general] = names(signal, suffix);
        self.get(&own, &parse).or_else(|| self.get(&general, &parse))
    }

    /// Says a thing once, also where both signals meet the same variable.
    fn warn(&self, variable: &str, message: String) {
        let warning = Warning { variable: variable.to_owned(), message };
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    fn endpoint(&self, signal: Signal) -> Result<Option<Endpoint>, ConfigError> {
        let exporter = format!("OTEL_{}_EXPORTER", signal.name().to_uppercase());
        if let Some(value) = self.text(&exporter) {
            let spoken = parse::exporters(&value);
            let wanted = *spoken.as_ref().unwrap_or(&value.contains("otlp"));
            if let Err(message) = spoken {
                self.warn(&exporter, message);
            }
            if !wanted {
                return Ok(None);
            }
        }
        let protocol: Protocol = self.otlp(signal, "PROTOCOL", parse::protocol).unwrap_or_default();
        Ok(Some(Endpoint {
            url: self.url(signal, protocol)?,
            protocol,
            headers: self.headers(signal),
            timeout: self.otlp(signal, "TIMEOUT", parse::timeout).unwrap_or(TIMEOUT_DEFAULT),
            compression: self.otlp(signal, "COMPRESSION", parse::compression).unwrap_or(Compression::None),
            tls: Tls {
                ca_file: self.otlp(signal, "CERTIFICATE", |path| Ok(path.into())),
                client_certificate_file: self.otlp(signal, "CLIENT_CERTIFICATE", |path| Ok(path.into())),
                client_key_file: self.otlp(signal, "CLIENT_KEY", |path| Ok(path.into())),
            },
        }))
    }

    /// A URL that is taken as it is, as the one of a signal; without it, profiles go nowhere.
    fn profiles(&self) -> Result<Option<Endpoint>, ConfigError> {
        let variable = "WASPECT_PROFILE_ENDPOINT";
        let headers = self.pairs_of("WASPECT_PROFILE_HEADERS").unwrap_or_default();
        let Some(value) = self.text(variable) else { return Ok(None) };
        let url = parse::endpoint(&value, None);
        let url = url.map_err(|problem| ConfigError::Endpoint { variable: variable.to_owned(), value, problem })?;
        Ok(Some(Endpoint {
            url,
            protocol: Protocol::HttpProtobuf,
            headers,
            timeout: TIMEOUT_DEFAULT,
            compression: Compression::Gzip,
            tls: Tls::default(),
        }))
    }

    /// HTTP: the signal's own URL is taken as it is, the general one gets the signal's path. gRPC: neither has a path.
    fn url(&self, signal: Signal, protocol: Protocol) -> Result<http::Uri, ConfigError> {
        let grpc = protocol == Protocol::Grpc;
        let path = format!("v1/{}", signal.name());
        let insecure = self.otlp(signal, "INSECURE", parse::boolean).unwrap_or(false);
        let scheme = grpc.then_some(if insecure { "http" } else { "https" });
        let url = |variable: &str, value: &str| {
            parse::endpoint(value, scheme).map_err(|problem| ConfigError::Endpoint {
                variable: variable.to_owned(),
                value: value.to_owned(),
                problem,
            })
        };
        let [own, general] = names(signal, "ENDPOINT");
        if let Some(value) = self.text(&own) {
            return url(&own, &value);
        }
        let default = if grpc { "http://localhost:4317" } else { "http://localhost:4318" };
        let base = url(&general, self.text(&general).as_deref().unwrap_or(default))?;
        Ok(if grpc { base } else { parse::with_path(&base, &path) })
    }

    /// The signal's own headers replace the general ones. A bad pair is left out, the others stay.
    fn headers(&self, signal: Signal) -> Vec<(String, String)> {
        names(signal, "HEADERS").iter().find_map(|variable| self.pairs_of(variable)).unwrap_or_default()
    }

    fn pairs_of(&self, variable: &str) -> Option<Vec<(String, String)>> {
        let value = self.text(variable)?;
        let pairs = parse::pairs(&value).into_iter().map(|pair| pair.and_then(parse::header));
        Some(pairs.filter_map(|pair| pair.map_err(|message| self.warn(variable, message)).ok()).collect())
    }

    /// The service's name and the other attributes. One bad pair spoils them all, as the specification asks.
    fn resource(&self) -> (Option<String>, Vec<(String, String)>) {
        let pairs = self.get("OTEL_RESOURCE_ATTRIBUTES", |value| {
            let pairs: Parsed<Vec<_>> = parse::pairs(value).into_iter().collect();
            pairs.map_err(|message| format!("{message}; all of it is ignored"))
        });
        let mut attributes: Vec<(String, String)> = Vec::new();
        for (key, value) in pairs.unwrap_or_default() {
            attributes.retain(|(known, _)| *known != key);
            attributes.push((key, value));
        }
        let named = attributes.iter().position(|(key, _)| key == SERVICE_NAME);
        let named = named.map(|index| attributes.remove(index).1);
        (self.text("OTEL_SERVICE_NAME").or(named), attributes)
    }

    fn sampler(&self) -> Sampler {
        let ratio = self.get("OTEL_TRACES_SAMPLER_ARG", parse::ratio).unwrap_or(1.0);
        self.get("OTEL_TRACES_SAMPLER", |value| parse::sampler(value, ratio)).unwrap_or_default()
    }

    fn retry(&self, variable: &str) -> RetryPolicy {
        let policy = RetryPolicy::default();
        RetryPolicy { total_max: self.get(variable, parse::timeout).unwrap_or(policy.total_max), ..policy }
    }
}

/// The signal's own variable, and the one for all signals.
fn names(signal: Signal, suffix: &str) -> [String; 2] {
    [format!("OTEL_EXPORTER_OTLP_{}_{suffix}", signal.name().to_uppercase()), format!("OTEL_EXPORTER_OTLP_{suffix}")]
}

fn saturate(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
