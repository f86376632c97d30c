//! Families as OpenMetrics writes them. The library writes its own registry so; these hold what its encoder has no door for: examples
//! of histograms, and figures that nobody registered.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Exemplar, Histogram, LabelPair, MetricFamily, MetricType,
};

/// Appends families.
pub fn write(out: &mut String, families: &[MetricFamily]) {
    for family in families {
        let suffix = match family.r#type() {
            MetricType::Counter => "_total",
            _ if family.name == super::families::TARGET_INFO => "_info",
            _ => "",
        };
        let name = family.name.strip_suffix(suffix).unwrap_or(&family.name);
        let kind = match family.r#type() {
            MetricType::Counter => "counter",
            MetricType::Histogram => "histogram",
            _ if suffix == "_info" => "info",
            _ => "gauge",
        };
        line(out, format_args!("# TYPE {name} {kind}"));
        if !family.unit.is_empty() {
            line(out, format_args!("# UNIT {name} {}", family.unit));
        }
        if !family.help.is_empty() {
            line(out, format_args!("# HELP {name} {}", escaped(&family.help)));
        }
        for metric in &family.metric {
            let labels = &metric.label;
            if let Some(counter) = &metric.counter {
                sample(out, &family.name, labels, None, counter.value, counter.exemplar.as_ref());
            } else if let Some(gauge) = &metric.gauge {
                sample(out, &family.name, labels, None, gauge.value, None);
            } else if let Some(of_metric) = &metric.histogram {
                histogram(out, name, labels, of_metric);
            }
        }
    }
}

fn histogram(out: &mut String, name: &str, labels: &[LabelPair], histogram: &Histogram) {
    for bucket in &histogram.bucket {
        let count = bucket.cumulative_count as f64;
        sample(out, &format!("{name}_bucket"), labels, Some(bucket.upper_bound), count, bucket.exemplar.as_ref());
    }
    sample(out, &format!("{name}_count"), labels, None, histogram.sample_count as f64, None);
    sample(out, &format!("{name}_sum"), labels, None, histogram.sample_sum, None);
}

fn sample(
    out: &mut String,
    name: &str,
    labels: &[LabelPair],
    bound: Option<f64>,
    value: f64,
    exemplar: Option<&Exemplar>,
) {
    out.push_str(name);
    let bound = bound.map(|bound| LabelPair { name: "le".into(), value: canonical(bound) });
    if bound.is_some() || !labels.is_empty() {
        set(out, labels.iter().chain(&bound));
    }
    let _ = write!(out, " {}", number(value));
    if let Some(exemplar) = exemplar {
        out.push_str(" # ");
        set(out, &exemplar.label);
        let _ = write!(out, " {}", number(exemplar.value));
        let time = exemplar.timestamp.and_then(|time| SystemTime::try_from(time).ok());
        if let Some(since) = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
            let _ = write!(out, " {}.{:09}", since.as_secs(), since.subsec_nanos());
        }
    }
    out.push('\n');
}

fn set<'l>(out: &mut String, labels: impl IntoIterator<Item = &'l LabelPair>) {
    let mut before = '{';
    for label in labels {
        let _ = write!(out, "{before}{}=\"{}\"", label.name, escaped(&label.value));
        before = ',';
    }
    if before == '{' {
        out.push('{');
    }
    out.push('}');
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn number(value: f64) -> String {
    match value {
        _ if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
        _ => canonical(value),
    }
}

/// A bound is a label, and so the same only if it is written the same: `1.0`.
fn canonical(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        _ if value.is_nan() => "NaN".into(),
        _ => format!("{value:?}"),
    }
}
