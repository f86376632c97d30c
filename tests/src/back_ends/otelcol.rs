//! A real OpenTelemetry Collector: OTLP in, a file of OTLP/JSON lines out.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Telemetry;
use super::server::{SILENCE_MAX, Server};
use crate::assets;

/// The file that it writes.
const RECEIVED: &str = "received.jsonl";

/// A running Collector.
pub struct Collector {
    server: Server,
    /// Address of its gRPC receiver, and of its HTTP one; empty when it reads a file.
    ports: Vec<String>,
}

impl Collector {
    /// Starts a Collector that listens for OTLP on the loopback.
    pub fn listen() -> Collector {
        Collector::listening(false)
    }

    /// The same, and it derives metrics from spans.
    pub fn deriving() -> Collector {
        Collector::listening(true)
    }

    fn listening(derives: bool) -> Collector {
        let mut server = Server::start(&assets::back_end("otelcol"), |folder| {
            let any = "{endpoint: \"127.0.0.1:0\"}";
            configuration(folder, &format!("otlp: {{protocols: {{grpc: {any}, http: {any}}}}}"), "otlp", derives)
        });
        let ports = ["Starting GRPC server", "Starting HTTP server"].map(|message| {
            server.wait_for(message, |line| {
                let line = said(line, message)?;
                Some(line["endpoint"].as_str()?.to_owned())
            })
        });
        server.wait_for("readiness", |line| said(line, "Everything is ready. Begin running and processing data."));
        Collector { server, ports: ports.to_vec() }
    }

    /// Starts a Collector that reads a file of OTLP/JSON lines.
    pub fn read(file: &Path) -> Collector {
        let server = Server::start(&assets::back_end("otelcol"), |folder| {
            let receiver = format!(
                "otlp_json_file: {{include: [{:?}], start_at: beginning, include_file_name: false}}",
                file.display().to_string()
            );
            configuration(folder, &receiver, "otlp_json_file", false)
        });
        Collector { server, ports: Vec::new() }
    }

    /// Where to send OTLP over gRPC.
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.ports[0])
    }

    /// Where to send OTLP over HTTP.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.ports[1])
    }

    /// Waits until it told of so many spans and data points, and has them in its file: it tells before it writes, and one that is
    /// asked to end in between panics.
    pub fn wait_until_seen(&mut self, spans: u64, points: u64) {
        let (mut spans_seen, mut points_seen) = (0, 0);
        while spans_seen < spans || points_seen < points {
            let batch = |line: &str| said(line, "Traces").or_else(|| said(line, "Metrics"));
            let batch = self.server.wait_for(&format!("{spans} spans and {points} points"), batch);
            spans_seen += batch["spans"].as_u64().unwrap_or(0);
            points_seen += batch["data points"].as_u64().unwrap_or(0);
        }
        let start = Instant::now();
        loop {
            let written = self.received();
            if written.spans.len() as u64 >= spans && written.points.len() as u64 >= points {
                return;
            }
            assert!(start.elapsed() < SILENCE_MAX, "the Collector does not write what it told of");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// All that it has written by now.
    pub fn received(&self) -> Telemetry {
        let text = fs::read_to_string(self.server.folder().join(RECEIVED)).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Telemetry::parse(whole)
    }

    /// Ends the Collector, and gives all that it had received.
    pub fn finish(mut self) -> Telemetry {
        let status = self.server.finish();
        assert!(status.success(), "the Collector ended with {status}; it said:\n{}", self.server.said());
        let text = fs::read_to_string(self.server.folder().join(RECEIVED)).expect("the Collector has written its file");
        Telemetry::parse(&text)
    }
}

/// `derives`: it also writes the metrics that its spanmetrics connector derives.
fn configuration(folder: &Path, receiver: &str, name: &str, derives: bool) -> String {
    let (connectors, derive, derived) = match derives {
        true => (
            "connectors: {spanmetrics: {metrics_flush_interval: 200ms, histogram: {unit: s}, exclude_dimensions: [collector.instance.id]}}\n",
            ", spanmetrics",
            "    metrics/derived: {receivers: [spanmetrics], exporters: [file]}\n",
        ),
        false => ("", "", ""),
    };
    let received = folder.join(RECEIVED).display().to_string();
    format!(
        "{connectors}receivers:\n  {receiver}\nexporters:\n  file: {{path: {received:?}, flush_interval: 20ms}}\n  debug: {{sampling_initial: 1000000}}\nservice:\n  \
         telemetry: {{metrics: {{level: none}}, logs: {{encoding: json}}}}\n  pipelines:\n    \
         traces: {{receivers: [{name}], exporters: [file, debug{derive}]}}\n    \
         metrics: {{receivers: [{name}], exporters: [file, debug]}}\n{derived}"
    )
}

/// A line of its log, if it says this.
fn said(line: &str, message: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(|line: &Value| line["msg"] == message)
}
