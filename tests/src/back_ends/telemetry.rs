//! OTLP/JSON lines, read without any code that writes them: from `--trace FILE` and from the Collector's file exporter.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a file of OTLP/JSON lines holds.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Every span, in the order of its ids.
    pub spans: Vec<Span>,
    /// Every data point of every metric, in canonical form (see [`canonical`]), sorted.
    pub points: Vec<String>,
    /// Metric name, the point's `code.function.name`, and its value: the points of sums, in the order of the file.
    pub sums: Vec<(String, String, Value)>,
}

/// A span.
#[derive(Clone, Debug)]
pub struct Span {
    /// Trace, span, and parent, in hex; no parent: empty.
    pub ids: [String; 3],
    /// Its name.
    pub name: String,
    /// Start and end since 1970, in nanoseconds.
    pub start_and_end_ns: [u64; 2],
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// True when its status is an error.
    pub is_error: bool,
    /// Its events: name, and attributes as text.
    pub events: Vec<(String, BTreeMap<String, String>)>,
    /// All of it, with its resource and scope, in canonical form.
    pub canonical: String,
}

impl Telemetry {
    /// Reads the lines.
    pub fn parse(lines: &str) -> Telemetry {
        let mut telemetry = Telemetry::default();
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            for resource in list(&line["resourceSpans"]) {
                for scope in list(&resource["scopeSpans"]) {
                    let around = format!("{} {}", canonical(&resource["resource"]), canonical(&scope["scope"]));
                    telemetry.spans.extend(list(&scope["spans"]).map(|span| Span::read(span, &around)));
                }
            }
            for resource in list(&line["resourceMetrics"]) {
                for scope in list(&resource["scopeMetrics"]) {
                    let around = format!("{} {}", canonical(&resource["resource"]), canonical(&scope["scope"]));
                    list(&scope["metrics"]).for_each(|metric| telemetry.read_metric(metric, &around));
                }
            }
        }
        telemetry.spans.sort_by(|a, b| a.ids.cmp(&b.ids));
        telemetry.points.sort();
        telemetry
    }

    /// The exact sum that a metric tells for each function, the points of a delta stream added up.
    pub fn sums_by_function(&self, metric: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (_, function, value) in self.sums.iter().filter(|(name, ..)| name == metric) {
            *sums.entry(function.clone()).or_insert(0.0) += number(value);
        }
        sums
    }

    fn read_metric(&mut self, metric: &Value, around: &str) {
        let name = text(&metric["name"]);
        for kind in ["sum", "gauge", "histogram", "exponentialHistogram"] {
            let data = &metric[kind];
            for point in list(&data["dataPoints"]) {
                let facts =
                    [&metric["unit"], &metric["description"], &data["aggregationTemporality"], &data["isMonotonic"]];
                let facts = facts.map(canonical).join(" ");
                self.points.push(format!("{name} {kind} {facts} {around} {}", canonical(point)));
                if kind == "sum" {
                    let value = if point["asInt"].is_null() { &point["asDouble"] } else { &point["asInt"] };
                    let function = attributes(&point["attributes"]).remove("code.function.name").unwrap_or_default();
                    self.sums.push((name.clone(), function, value.clone()));
                }
            }
        }
    }
}

impl Span {
    fn read(span: &Value, around: &str) -> Span {
        let events = list(&span["events"]);
        Span {
            ids: ["traceId", "spanId", "parentSpanId"].map(|key| text(&span[key])),
            name: text(&span["name"]),
            start_and_end_ns: ["startTimeUnixNano", "endTimeUnixNano"].map(|key| time(&span[key])),
            attributes: attributes(&span["attributes"]),
            is_error: span["status"]["code"] == 2,
            events: events.map(|event| (text(&event["name"]), attributes(&event["attributes"]))).collect(),
            canonical: format!("{around} {}", canonical(span)),
        }
    }
}

/// A value in one form, whichever of OTLP/JSON's liberties its writer took: fields at their defaults are left out, numbers
/// are text, keys are sorted.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "true".to_owned(),
        Value::Number(_) if number(value) == 0.0 => String::new(),
        // `5.0` and `5` are one number; an integer of 64 bits is not squeezed through a double.
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text == "0" => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(key, value)| (key, canonical(value))).filter(|(_, value)| !value.is_empty());
            let fields: BTreeMap<_, _> = fields.collect();
            let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}:{value}")).collect();
            if fields.is_empty() { String::new() } else { format!("{{{}}}", fields.join(",")) }
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// OTLP's list of keys and typed values, the values as text.
fn attributes(value: &Value) -> BTreeMap<String, String> {
    let pairs = list(value).map(|pair| {
        let typed = pair["value"].as_object().and_then(|value| value.iter().next());
        let shown = typed.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        (text(&pair["key"]), shown.unwrap_or_default())
    });
    pairs.collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn time(value: &Value) -> u64 {
    text(value).parse().unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// A number, also one that is written as text, as 64-bit integers are.
fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap_or_else(|error| panic!("{error}: {text}")),
        other => other.as_f64().unwrap_or_default(),
    }
}
