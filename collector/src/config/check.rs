//! What no single value shows: whether they fit together, and whether strangers could get in.

use std::net::SocketAddr;

use http::Uri;

use super::load::ConfigError;
use super::{Access, Config, Exporter, authentication, sampling};
use crate::otlp::Signal;

/// The kinds of exporters, by the first part of their names.
const KINDS: [&str; 4] = ["otlp", "otlp_grpc", "otlphttp", "otlp_http"];

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    authentication::check_extensions(config)?;
    let protocols = &config.receivers.otlp.protocols;
    if protocols.grpc.is_none() && protocols.http.is_none() {
        return Err(ConfigError::at("receivers.otlp.protocols", "nothing would come in; name grpc, http, or both"));
    }
    if let Some(grpc) = &protocols.grpc {
        let place = "receivers.otlp.protocols.grpc";
        at_least(place, "max_recv_msg_size_mib", grpc.max_recv_msg_size_mib, 1, 64)?;
        at_least(place, "max_concurrent_streams", grpc.max_concurrent_streams.into(), 1, 10_000)?;
        check_access(config, place, grpc.endpoint, &grpc.access())?;
    }
    if let Some(http) = &protocols.http {
        let place = "receivers.otlp.protocols.http";
        at_least(place, "max_request_body_size", http.max_request_body_size, 1 << 10, 64 << 20)?;
        check_access(config, place, http.endpoint, &http.access())?;
        let origins = http.cors.iter().flat_map(|cors| &cors.allowed_origins);
        check_origins(&format!("{place}.cors"), origins)?;
    }
    check_access(config, "query", config.query.endpoint, &config.query.access())?;
    let storage = &config.remote_storage;
    at_least("remote_storage", "max_recv_msg_size_mib", storage.max_recv_msg_size_mib, 1, 64)?;
    at_least("remote_storage", "max_concurrent_streams", storage.max_concurrent_streams.into(), 1, 10_000)?;
    check_access(config, "remote_storage", storage.endpoint, &storage.access())?;
    authentication::check_readers(config)?;
    check_storage(config)?;
    for (name, exporter) in &config.exporters {
        check_exporter(name, exporter)?;
    }
    check_pipelines(config)
}

fn check_access(config: &Config, place: &str, endpoint: SocketAddr, access: &Access) -> Result<(), ConfigError> {
    at_least(place, "max_connections", access.max_connections.into(), 1, 1 << 20)?;
    for (name, timeout) in [
        ("read_header_timeout", access.read_header_timeout),
        ("read_timeout", access.read_timeout),
        ("idle_timeout", access.idle_timeout),
    ] {
        if timeout.is_zero() {
            return Err(ConfigError::at(
                format!("{place}.{name}"),
                "a client could hold on for ever; write a time such as 30s",
            ));
        }
    }
    authentication::check_access(config, place, endpoint, access)
}

/// Web pages that may do something.
pub(super) fn check_origins<'a>(place: &str, origins: impl IntoIterator<Item = &'a String>) -> Result<(), ConfigError> {
    for (at, origin) in origins.into_iter().enumerate() {
        // A `*` may stand for a port or a name.
        let example = origin.replacen('*', "1", 1);
        let is_origin = origin == "*" || example.parse::<Uri>().is_ok_and(|uri| is_web(&uri) && !origin.ends_with('/'));
        if !is_origin || example.contains('*') {
            let message = format!("`{origin}` is no origin; write one such as https://shop.example, or *");
            return Err(ConfigError::at(format!("{place}.allowed_origins[{at}]"), message));
        }
    }
    Ok(())
}

fn check_storage(config: &Config) -> Result<(), ConfigError> {
    let storage = &config.storage;
    at_least("storage", "segment_size_mib", storage.segment_size_mib, 1, 1 << 20)?;
    at_least("storage", "max_size_mib", storage.max_size_mib, 2, 1 << 40)?;
    if storage.max_size_mib < 2 * storage.segment_size_mib {
        let message = format!(
            "{} is less than two segments of storage.segment_size_mib ({}); what is kept goes a segment at a time",
            storage.max_size_mib, storage.segment_size_mib
        );
        return Err(ConfigError::at("storage.max_size_mib", message));
    }
    if storage.max_age.is_zero() {
        return Err(ConfigError::at("storage.max_age", "nothing would be kept; write a time such as 24h"));
    }
    Ok(())
}

fn check_exporter(name: &str, exporter: &Exporter) -> Result<(), ConfigError> {
    let place = format!("exporters.{name}");
    let kind = name.split('/').next().unwrap_or_default();
    if !KINDS.contains(&kind) {
        let message = format!("`{kind}` is no kind of exporter; write otlp or otlphttp, and a name of yours after a /");
        return Err(ConfigError::at(place, message));
    }
    let http = matches!(kind, "otlphttp" | "otlp_http");
    let uri = exporter.url(name);
    let bad =
        |message: &str| Err(ConfigError::at(format!("{place}.endpoint"), format!("`{}` {message}", exporter.endpoint)));
    match uri.as_deref().map(str::parse::<Uri>) {
        Some(Ok(uri)) if is_web(&uri) => {}
        _ if http => return bad("is no URL; write one such as http://jaeger:4318"),
        _ => return bad("is no address; write one such as jaeger:4317"),
    }
    let retry = &exporter.retry_on_failure;
    if !(1.0..=100.0).contains(&retry.multiplier) {
        return Err(ConfigError::at(format!("{place}.retry_on_failure.multiplier"), "it must be between 1 and 100"));
    }
    if !(0.0..=1.0).contains(&retry.randomization_factor) {
        return Err(ConfigError::at(
            format!("{place}.retry_on_failure.randomization_factor"),
            "it must be between 0 and 1",
        ));
    }
    let zero = [
        ("timeout", exporter.timeout),
        ("retry_on_failure.initial_interval", retry.initial_interval),
        ("metrics_interval", exporter.metrics_interval),
    ];
    if let Some((which, _)) = zero.iter().find(|(_, time)| time.is_zero()) {
        return Err(ConfigError::at(format!("{place}.{which}"), "it must be more than 0"));
    }
    if let Some(sampling) = &exporter.sampling {
        sampling::check(&place, sampling)?;
    }
    for (header, value) in &exporter.headers {
        let valid = http::HeaderName::try_from(header).is_ok() && http::HeaderValue::try_from(value.reveal()).is_ok();
        if !valid {
            return Err(ConfigError::at(
                format!("{place}.headers.{header}"),
                "not a header: plain ASCII, without line breaks",
            ));
        }
    }
    Ok(())
}

fn check_pipelines(config: &Config) -> Result<(), ConfigError> {
    for (signal, pipeline) in &config.service.pipelines {
        let place = format!("service.pipelines.{signal}");
        if !Signal::ALL.iter().any(|known| known.name() == signal) {
            return Err(ConfigError::at(place, "no signal is called so; write traces, metrics or logs"));
        }
        if let Some(other) = pipeline.receivers.iter().find(|name| *name != "otlp") {
            let message = format!("`{other}` is no receiver; write otlp");
            return Err(ConfigError::at(format!("{place}.receivers"), message));
        }
        if let Some(other) = pipeline.exporters.iter().find(|name| !config.exporters.contains_key(*name)) {
            let message = format!("`{other}` is not under `exporters`; add it there, or take it out here");
            return Err(ConfigError::at(format!("{place}.exporters"), message));
        }
    }
    Ok(())
}

pub(super) fn at_least(place: &str, name: &str, value: u64, min: u64, max: u64) -> Result<(), ConfigError> {
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(ConfigError::at(format!("{place}.{name}"), format!("{value} is not between {min} and {max}"))),
    }
}

fn is_web(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
}

impl Exporter {
    /// Where it sends, as a URL without the signal's path. `None`: it is none.
    pub(crate) fn url(&self, name: &str) -> Option<String> {
        let endpoint = self.endpoint.trim_end_matches('/');
        let scheme = if self.tls.insecure { "http" } else { "https" };
        match endpoint.contains("://") {
            true => Some(endpoint.to_owned()),
            // As in the OpenTelemetry Collector: gRPC takes an address, HTTP a URL.
            false => (!is_http(name)).then(|| format!("{scheme}://{endpoint}")),
        }
    }
}

/// True for an exporter that speaks HTTP.
pub(crate) fn is_http(name: &str) -> bool {
    matches!(name.split('/').next(), Some("otlphttp" | "otlp_http"))
}
