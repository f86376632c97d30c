//! Real back ends, started for a test and ended with it, and the telemetry that they and `waspect run` tell of.

mod collect;
mod http;
mod jaeger;
mod otelcol;
mod run;
mod server;
mod telemetry;

pub use collect::{Collect, doctor};
pub use http::{Answer, get, post_json};
pub use jaeger::{Jaeger, JaegerSpan};
pub use otelcol::Collector;
pub use run::{Run, run};
pub use telemetry::{Span, Telemetry, canonical};
