//! `/metrics`: what the collector says of itself, then the streams, in the form that the reader prefers.
//!
//! OpenMetrics, with examples; or Prometheus' protocol buffers, with native histograms, where the reader asks for them.

mod families;
mod histograms;
mod names;
mod text;

#[cfg(test)]
mod tests;

use prost::Message;

use super::Metrics;
use crate::health::Health;
use crate::manifests::Namer;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text form of OpenMetrics.
    OpenMetrics,
    /// Messages `io.prometheus.client.MetricFamily`, each after its length.
    Protobuf,
}

impl Format {
    /// What a reader prefers that accepts this.
    pub fn of(accept: &str) -> Format {
        let (mut text, mut protobuf) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let parameter = |name: &str| parameters.iter().find(|(said, _)| *said == name).map(|(_, value)| *value);
            let weight: f64 = parameter("q").and_then(|q| q.parse().ok()).unwrap_or(1.0);
            let delimited = parameter("proto") == Some("io.prometheus.client.MetricFamily")
                && parameter("encoding") == Some("delimited");
            match &*media_type {
                "application/vnd.google.protobuf" if delimited => protobuf = f64::max(protobuf, weight),
                "application/openmetrics-text" | "text/plain" | "text/*" | "*/*" => text = f64::max(text, weight),
                _ => {}
            }
        }
        if protobuf > text { Format::Protobuf } else { Format::OpenMetrics }
    }

    /// Its content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// An answer. Functions that nothing names have names there.
pub fn expose(health: &Health, metrics: &Metrics, namer: &mut Namer, format: Format, now_unix_ms: u64) -> Vec<u8> {
    let (families, left_out) =
        metrics.streams().map(|state| families::families(&state, namer, now_unix_ms)).unwrap_or_default();
    health.streams_hidden(left_out);
    match format {
        Format::OpenMetrics => {
            let mut out = health.open_metrics();
            text::write(&mut out, &families);
            out.push_str("# EOF\n");
            out.into_bytes()
        }
        Format::Protobuf => {
            let own = health.protobuf();
            let all = own.iter().chain(&families);
            all.flat_map(Message::encode_length_delimited_to_vec).collect()
        }
    }
}
