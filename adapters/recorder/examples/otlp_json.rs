//! Prints an OTLP request as OTLP's JSON, decoded by OpenTelemetry's own crate: `otlp_json traces|metrics < REQUEST`.
//!
//! For hosts whose language decodes no protocol buffers: their tests must not trust a decoder of ours.

use std::io::{Read, Write};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    let json = match std::env::args().nth(1).as_deref() {
        Some("traces") => serde_json::to_vec(&ExportTraceServiceRequest::decode(&*request)?)?,
        Some("metrics") => serde_json::to_vec(&ExportMetricsServiceRequest::decode(&*request)?)?,
        _ => return Err("say `traces` or `metrics`".into()),
    };
    Ok(std::io::stdout().write_all(&json)?)
}
