//! Spans, sums and gauges through the host's own OpenTelemetry providers, for hosts that want one pipeline and not the best one.
//!
//! [`Carrier::carry`] takes the same encoded requests as [`Exporter::send`](crate::Exporter::send) and replays them through a
//! `TracerProvider` and a `MeterProvider`. It knows no endpoint; [`otlp_providers`] makes providers that have one.
//!
//! What the API of OpenTelemetry cannot carry, and what becomes of it:
//!
//! | what | what becomes of it |
//! |---|---|
//! | trace and span ids | new ones, unless the provider was built with [`CarriedIds`]. Spans of one request still hang together; a span whose parent of ours came in another request then names a parent that nobody sent |
//! | resource | the provider's own stands in its place |
//! | sampling | the provider's sampler decides again |
//! | histograms, exponential ones included | left out and counted: single values are gone |
//! | exemplars | left out |
//! | times of data points | the provider's own times of collection |
//! | dropped-counts of spans | left out |
//! | attributes that are bytes, maps or mixed lists | left out: the API has no such values |

mod ids;
mod otlp;
mod points;
mod spans;
mod value;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::{DecodeError, Message};

use crate::Signal;
use points::Instruments;

pub use ids::CarriedIds;
pub use otlp::{OtlpProviders, ProviderError, otlp_providers};

/// Replays encoded requests through providers. Keeps the last value of each cumulative series, since instruments take
/// differences; so give it every request, in order.
#[derive(Debug)]
pub struct Carrier<T, M> {
    tracers: T,
    meters: M,
    instruments: Instruments,
}

/// What became of a request's items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Spans or data points that the providers got.
    pub carried: u64,
    /// Those that they could not take.
    pub left_out: u64,
}

impl<T: TracerProvider, M: MeterProvider> Carrier<T, M> {
    /// Carries to these providers.
    pub fn new(tracers: T, meters: M) -> Carrier<T, M> {
        Carrier { tracers, meters, instruments: Instruments::default() }
    }

    /// Replays one encoded request. Bytes that are none change nothing.
    pub fn carry(&mut self, signal: Signal, request: &[u8]) -> Result<Carried, DecodeError> {
        Ok(match signal {
            Signal::Traces => spans::carry(&self.tracers, ExportTraceServiceRequest::decode(request)?),
            Signal::Metrics => self.instruments.carry(&self.meters, ExportMetricsServiceRequest::decode(request)?),
        })
    }
}
