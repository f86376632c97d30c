//! What one value may look like. Each parser says what is wrong in words that hold no secret.

use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use waspect_otlp_client::{Compression, Protocol};

use super::{Sampler, Temporality};

/// A value that cannot be ignored: telemetry must not go to another place than the one that was meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The URL of an endpoint.
    #[error("{variable}: `{value}` {problem}; write it as http://host:port or https://host:port/path")]
    Endpoint {
        /// The variable that holds it.
        variable: String,
        /// What it says.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The result of a parser: its error is what is wrong and what helps.
pub(super) type Parsed<T> = Result<T, String>;

/// No time limit, as far as a process lives.
const UNLIMITED: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

pub(super) fn boolean(value: &str) -> Parsed<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither `true` nor `false`; taken as false".into()),
    }
}

/// Milliseconds, of which 0 means 'no limit'.
pub(super) fn timeout(value: &str) -> Parsed<Duration> {
    match milliseconds(value)? {
        Duration::ZERO => Ok(UNLIMITED),
        timeout => Ok(timeout),
    }
}

/// Milliseconds, at least 1.
pub(super) fn interval(value: &str) -> Parsed<Duration> {
    match milliseconds(value)? {
        Duration::ZERO => Err("is 0; use a number of milliseconds from 1 up".into()),
        interval => Ok(interval),
    }
}

fn milliseconds(value: &str) -> Parsed<Duration> {
    let millis: u64 = value.parse().map_err(|_| format!("`{value}` is no whole number of milliseconds"))?;
    Ok(Duration::from_millis(millis).min(UNLIMITED))
}

pub(super) fn positive(value: &str) -> Parsed<u64> {
    value.parse().ok().filter(|&number| number > 0).ok_or_else(|| format!("`{value}` is no whole number from 1 up"))
}

pub(super) fn protocol(value: &str) -> Parsed<Protocol> {
    match value {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        _ => Err(format!("`{value}` is unknown; use grpc, http/protobuf or http/json")),
    }
}

pub(super) fn compression(value: &str) -> Parsed<Compression> {
    match value {
        "none" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        _ => Err(format!("`{value}` is unknown; use gzip, zstd or none")),
    }
}

pub(super) fn temporality(value: &str) -> Parsed<Temporality> {
    match value.to_ascii_lowercase().as_str() {
        "cumulative" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        "lowmemory" => Ok(Temporality::LowMemory),
        _ => Err(format!("`{value}` is unknown; use cumulative, delta or lowmemory")),
    }
}

/// The sampler of this name; `ratio` serves those that take one.
pub(super) fn sampler(value: &str, ratio: f64) -> Parsed<Sampler> {
    match value {
        "always_on" => Ok(Sampler::AlwaysOn),
        "always_off" => Ok(Sampler::AlwaysOff),
        "traceidratio" => Ok(Sampler::Ratio(ratio)),
        "parentbased_always_on" => Ok(Sampler::ParentOrAlwaysOn),
        "parentbased_always_off" => Ok(Sampler::ParentOrAlwaysOff),
        "parentbased_traceidratio" => Ok(Sampler::ParentOrRatio(ratio)),
        _ => Err(format!(
            "`{value}` is unknown; use always_on, always_off or traceidratio, or one of them after `parentbased_`"
        )),
    }
}

pub(super) fn ratio(value: &str) -> Parsed<f64> {
    let ratio = value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("`{value}` is no number from 0 to 1; taken as 1"))
}

/// Whether a signal is exported by OTLP: the value is a list of exporters.
pub(super) fn exporters(value: &str) -> Parsed<bool> {
    let names: Vec<_> = value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    match names[..] {
        ["none"] => Ok(false),
        _ if names.iter().all(|&name| name == "otlp") => Ok(true),
        _ if names.contains(&"otlp") => Err(format!("of `{value}` only otlp is spoken here; the rest is left out")),
        _ => Err(format!("`{value}` is not spoken here; nothing is sent: use otlp or none")),
    }
}

/// `name=value` pairs between commas, values percent-encoded, as in W3C baggage. A bad pair is told by its number: it may be a
/// secret.
pub(super) fn pairs(value: &str) -> Vec<Parsed<(String, String)>> {
    let pair = |(index, text): (usize, &str)| {
        let place = |problem: &str| format!("pair {} {problem}", index + 1);
        let (name, value) = text.split_once('=').ok_or_else(|| place("has no `=`; write name=value"))?;
        let decode = |text: &str| percent_decode_str(text.trim()).decode_utf8().map(String::from);
        match (decode(name), decode(value)) {
            (Ok(name), _) if name.is_empty() => Err(place("has no name; write name=value")),
            (Ok(name), Ok(value)) => Ok((name, value)),
            _ => Err(place("is not UTF-8 once percent-decoded")),
        }
    };
    value.split(',').filter(|text| !text.trim().is_empty()).enumerate().map(pair).collect()
}

/// A header for HTTP and gRPC alike: a lower-case name, a value of visible ASCII.
pub(super) fn header((name, value): (String, String)) -> Parsed<(String, String)> {
    let name = http::HeaderName::try_from(&name).map_err(|_| format!("`{name}` is no header name"))?;
    if name.as_str().ends_with("-bin") || name.as_str().starts_with("grpc-") {
        return Err(format!("`{name}` is reserved by gRPC"));
    }
    match http::HeaderValue::try_from(&value).ok().filter(|value| value.to_str().is_ok()) {
        Some(_) => Ok((name.to_string(), value)),
        None => Err(format!("the value of `{name}` has characters that no header may have")),
    }
}

/// An endpoint: `http` or `https` and a host. Without a scheme (gRPC only) `scheme` is put in.
pub(super) fn endpoint(value: &str, scheme: Option<&str>) -> Parsed<Uri> {
    let text = match scheme {
        Some(scheme) if !value.contains("://") => format!("{scheme}://{value}"),
        _ => value.to_owned(),
    };
    let uri: Uri = text.parse().map_err(|error| format!("is no URL: {error}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => (),
        Some(other) => return Err(format!("has the unknown scheme `{other}`")),
        None => return Err("has no scheme".into()),
    }
    let host = uri.authority().map(Authority::host).unwrap_or_default();
    match host.is_empty() {
        true => Err("has no host".into()),
        false => Ok(uri),
    }
}

/// The URL with a path added to its own.
pub(super) fn with_path(base: &Uri, path: &str) -> Uri {
    let mut parts = base.clone().into_parts();
    let old = parts.path_and_query.as_ref();
    let query = old.and_then(PathAndQuery::query).map(|query| format!("?{query}")).unwrap_or_default();
    let old = old.map(PathAndQuery::path).unwrap_or_default();
    let new = format!("{}/{path}{query}", old.trim_end_matches('/'));
    parts.path_and_query = Some(PathAndQuery::try_from(new).expect("a valid path with a plain suffix is valid"));
    parts.scheme = parts.scheme.or(Some(Scheme::HTTP));
    Uri::from_parts(parts).expect("scheme, host and path make a URL")
}
