//! What a collector's `/metrics` says of functions. Pure: bytes in, figures out; they are a stranger's.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::MetricFamily;
use prost::Message;
use waspect_abi::semconv::{Metric, attribute, metric};

/// What is asked for: names in it are bytes with a length, and no text that has to be parsed.
pub const ACCEPT: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// A function, by what it calls itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub service: String,
    pub function: String,
}

/// What is counted of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    pub calls: f64,
    pub errors: f64,
    pub seconds: f64,
    pub self_seconds: f64,
}

/// One of the figures.
type Figure = fn(&mut Figures) -> &mut f64;

impl Figures {
    /// What is new. A sum that went down began anew.
    pub fn since(&self, earlier: &Figures) -> Figures {
        let since = |now: f64, earlier: f64| if now < earlier { now } else { now - earlier };
        Figures {
            calls: since(self.calls, earlier.calls),
            errors: since(self.errors, earlier.errors),
            seconds: since(self.seconds, earlier.seconds),
            self_seconds: since(self.self_seconds, earlier.self_seconds),
        }
    }
}

/// The functions of an answer; those of one name are one.
pub fn read(mut answer: &[u8]) -> Result<BTreeMap<Name, Figures>> {
    let metrics: [(String, Figure); 4] = [
        (exposed(&metric::WASM_FUNCTION_CALLS), |figures| &mut figures.calls),
        (exposed(&metric::WASM_FUNCTION_ERRORS), |figures| &mut figures.errors),
        (exposed(&metric::WASM_FUNCTION_TIME), |figures| &mut figures.seconds),
        (exposed(&metric::WASM_FUNCTION_SELF_TIME), |figures| &mut figures.self_seconds),
    ];
    let function = label(attribute::CODE_FUNCTION_NAME);
    let mut functions = BTreeMap::<Name, Figures>::new();
    while !answer.is_empty() {
        let family = MetricFamily::decode_length_delimited(&mut answer);
        let family = family.context("it is no collector of ours: its /metrics are no protocol buffers")?;
        let Some((_, figure)) = metrics.iter().find(|(name, _)| *name == family.name) else { continue };
        for metric in family.metric {
            let said = |wanted: &str| metric.label.iter().find(|label| label.name == wanted);
            let Some(function) = said(&function) else { continue };
            let service = said("job").map(|label| label.value.clone()).unwrap_or_default();
            let name = Name { service, function: function.value.clone() };
            let value = metric.counter.as_ref().map_or(0.0, |counter| counter.value);
            *figure(functions.entry(name).or_default()) += value;
        }
    }
    Ok(functions)
}

/// What Prometheus calls a counter of ours.
fn exposed(metric: &Metric) -> String {
    let unit = if metric.unit == "s" { "_seconds" } else { "" };
    format!("{}{unit}_total", label(metric.name))
}

fn label(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_what_was_added_or_all_after_a_new_start() {
        let figures = |calls, self_seconds| Figures { calls, self_seconds, ..Figures::default() };
        assert_eq!(figures(5.0, 1.5).since(&figures(3.0, 1.0)), figures(2.0, 0.5));
        assert_eq!(figures(2.0, 1.5).since(&figures(3.0, 1.0)), figures(2.0, 0.5));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert_eq!(read(b"").unwrap(), BTreeMap::new());
        assert!(read(b"# TYPE a counter\n").is_err());
        assert!(read(&[0xff; 20]).is_err());
    }
}
