//! A real Jaeger: OTLP in, its own query API out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::http;
use super::server::Server;
use crate::assets;

const CONFIGURATION: &str = r#"
extensions:
  jaeger_storage: {backends: {store: STORE}}
  jaeger_query:
    storage: {traces: store}
    http: {endpoint: "127.0.0.1:0"}
    grpc: {endpoint: "127.0.0.1:0"}
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
exporters:
  jaeger_storage_exporter: {trace_storage: store}
service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
"#;

/// A running Jaeger.
pub struct Jaeger {
    _server: Server,
    query: String,
    otlp_http: String,
}

/// A span as Jaeger gives it back.
#[derive(Clone, Debug, PartialEq)]
pub struct JaegerSpan {
    /// Trace, span, and parent, in hex; no parent: empty.
    pub ids: [String; 3],
    /// Operation name.
    pub name: String,
    /// Start since 1970 and duration, in microseconds.
    pub start_and_duration_us: [u64; 2],
    /// Its attributes, and what Jaeger makes of kind, status and scope, as text.
    pub tags: BTreeMap<String, String>,
    /// Its events: their fields, as text.
    pub events: Vec<BTreeMap<String, String>>,
}

impl Jaeger {
    /// Starts a Jaeger that keeps traces in memory and listens on the loopback.
    pub fn start() -> Jaeger {
        Jaeger::start_with("{memory: {max_traces: 10000}}")
    }

    /// Starts a Jaeger that keeps traces in a remote storage, at that address.
    pub fn start_on(storage: &str) -> Jaeger {
        Jaeger::start_over(storage, "{insecure: true}")
    }

    /// The same with TLS, whose settings are in YAML.
    pub fn start_over(storage: &str, tls: &str) -> Jaeger {
        Jaeger::start_with(&format!("{{grpc: {{endpoint: {storage:?}, tls: {tls}}}}}"))
    }

    fn start_with(store: &str) -> Jaeger {
        let configuration = CONFIGURATION.replace("STORE", store);
        let mut server = Server::start(&assets::back_end("jaeger"), |_| configuration);
        let (mut query, mut otlp_http, mut ready) = (None, None, false);
        // Its parts start in no certain order.
        while query.is_none() || otlp_http.is_none() || !ready {
            let line: Value = server.wait_for("port or readiness", |line| serde_json::from_str(line).ok());
            ready |= line["msg"] == "Everything is ready. Begin running and processing data.";
            match (line["msg"].as_str(), line["otelcol.component.id"].as_str()) {
                (Some("Starting HTTP server"), Some("otlp")) => {
                    otlp_http = line["endpoint"].as_str().map(str::to_owned)
                }
                (Some("Starting HTTP server"), Some("jaeger_query")) => {
                    query = line["port"].as_u64().map(|port| format!("127.0.0.1:{port}"));
                }
                _ => {}
            }
        }
        let addresses = query.zip(otlp_http).expect("both ports are known");
        Jaeger { _server: server, query: addresses.0, otlp_http: addresses.1 }
    }

    /// Where to send OTLP over HTTP.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.otlp_http)
    }

    /// Where it takes OTLP over HTTP.
    pub fn http_address(&self) -> &str {
        &self.otlp_http
    }

    /// The services that Jaeger knows.
    pub fn services(&self) -> Vec<String> {
        let answer = self.get("/api/services");
        // It says `null` when it knows none.
        let names = answer["data"].as_array().into_iter().flatten();
        names.map(|name| name.as_str().expect("a service is a name").to_owned()).collect()
    }

    /// The spans of a service's traces, in the order of their ids.
    pub fn spans(&self, service: &str) -> Vec<JaegerSpan> {
        let answer = self.get(&format!("/api/traces?service={service}&limit=1000"));
        let traces = answer["data"].as_array().unwrap_or_else(|| panic!("no traces: {answer}"));
        let mut spans = Vec::new();
        for trace in traces {
            for span in trace["spans"].as_array().expect("a trace has spans") {
                let process = span["processID"].as_str().expect("a span has a process");
                assert_eq!(trace["processes"][process]["serviceName"], service);
                spans.push(JaegerSpan::read(span));
            }
        }
        spans.sort_by(|a, b| a.ids.cmp(&b.ids));
        spans
    }

    /// Where its query API listens.
    pub fn query_address(&self) -> &str {
        &self.query
    }

    fn get(&self, path: &str) -> Value {
        let answer = http::get(&self.query, path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {answer:?}"))
    }
}

impl JaegerSpan {
    fn read(span: &Value) -> JaegerSpan {
        let references = span["references"].as_array().expect("references are a list");
        assert!(references.len() <= 1, "more than one reference: {span}");
        let parent = references.first().map_or("", |reference| {
            assert_eq!(reference["refType"], "CHILD_OF");
            reference["spanID"].as_str().expect("a reference has an id")
        });
        let text = |key: &str| span[key].as_str().unwrap_or_else(|| panic!("no {key} in {span}")).to_owned();
        let number = |key: &str| span[key].as_u64().unwrap_or_else(|| panic!("no {key} in {span}"));
        let events = span["logs"].as_array().into_iter().flatten();
        JaegerSpan {
            ids: [text("traceID"), text("spanID"), parent.to_owned()],
            name: text("operationName"),
            start_and_duration_us: [number("startTime"), number("duration")],
            tags: fields(&span["tags"]),
            events: events.map(|event| fields(&event["fields"])).collect(),
        }
    }
}

/// Jaeger's list of keys and values.
fn fields(list: &Value) -> BTreeMap<String, String> {
    let fields = list.as_array().into_iter().flatten();
    let field = |field: &Value| {
        let value = field["value"].as_str().map_or_else(|| field["value"].to_string(), str::to_owned);
        (field["key"].as_str().expect("a field has a key").to_owned(), value)
    };
    fields.map(field).collect()
}
