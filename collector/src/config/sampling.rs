//! Which traces an exporter gets: the OpenTelemetry Collector's tail_sampling, as far as we have it, under each exporter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::load::ConfigError;
use super::values;

/// Which traces an exporter gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// How long after a request came a trace's other spans are waited for.
    #[serde(default = "ten_seconds", with = "values::duration")]
    pub decision_wait: Duration,
    /// Traces that are remembered.
    #[serde(default = "fifty_thousand")]
    pub num_traces: u64,
    /// A trace goes on if one of them says so.
    pub policies: Vec<Policy>,
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const fn fifty_thousand() -> u64 {
    50_000
}

/// A reason to send a trace.
///
/// Why no enum? serde no longer knows where in the file an error is, once it has looked for the type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// For whom reads the file.
    pub name: String,
    /// Which of the settings below it has.
    #[serde(rename = "type")]
    pub kind: PolicyKind,
    /// Statuses, of which one span has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<StatusCodes>,
    /// How long it takes from its first span's begin to its last one's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// Chance, by the trace's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probabilistic: Option<Probabilistic>,
}

/// Kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// The status of a span.
    StatusCode,
    /// How long the trace takes.
    Latency,
    /// Chance.
    Probabilistic,
}

/// Statuses.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusCodes {
    /// Which.
    pub status_codes: Vec<StatusCode>,
}

/// A span's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatusCode {
    /// None.
    Unset = 0,
    /// Well.
    Ok = 1,
    /// Not.
    Error = 2,
}

/// How long a trace takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// At least so long.
    pub threshold_ms: u64,
}

/// Chance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probabilistic {
    /// Of a hundred traces so many.
    pub sampling_percentage: f64,
}

/// What no single value shows.
pub(super) fn check(place: &str, sampling: &Sampling) -> Result<(), ConfigError> {
    let place = format!("{place}.sampling");
    if sampling.decision_wait > Duration::from_secs(60 * 60) {
        return Err(ConfigError::at(format!("{place}.decision_wait"), "it must not be longer than 1h"));
    }
    if !(1..=1_000_000).contains(&sampling.num_traces) {
        let message = format!("{} is not between 1 and 1000000", sampling.num_traces);
        return Err(ConfigError::at(format!("{place}.num_traces"), message));
    }
    if sampling.policies.is_empty() {
        return Err(ConfigError::at(
            format!("{place}.policies"),
            "nothing would be sent; name a policy, or take it out",
        ));
    }
    for (at, policy) in sampling.policies.iter().enumerate() {
        let place = format!("{place}.policies[{at}]");
        let given = [
            (PolicyKind::StatusCode, "status_code", policy.status_code.is_some()),
            (PolicyKind::Latency, "latency", policy.latency.is_some()),
            (PolicyKind::Probabilistic, "probabilistic", policy.probabilistic.is_some()),
        ];
        for (kind, name, given) in given {
            if given != (kind == policy.kind) {
                let message = if given { "its type is another; take it out" } else { "its type needs this setting" };
                return Err(ConfigError::at(format!("{place}.{name}"), message));
            }
        }
        if policy.status_code.as_ref().is_some_and(|policy| policy.status_codes.is_empty()) {
            let message = "no span has none of them; write such as [ERROR]";
            return Err(ConfigError::at(format!("{place}.status_code.status_codes"), message));
        }
        let percentage = policy.probabilistic.as_ref().map_or(0.0, |policy| policy.sampling_percentage);
        if !(0.0..=100.0).contains(&percentage) {
            let message = format!("{percentage} is not between 0 and 100");
            return Err(ConfigError::at(format!("{place}.probabilistic.sampling_percentage"), message));
        }
    }
    Ok(())
}
