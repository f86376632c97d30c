//! Metrics through `waspect collect`: deltas of many senders become one stream with exact totals, for readers and upstreams.
//!
//! `WASPECT_PAGES=1000` is the full count of web pages.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use waspect_abi::Manifest;
use waspect_abi::manifest::Function;
use waspect_recorder::{Aggregator, Config, Outcome, Recorder, Resource, Temporality, Timestamp};
use waspect_tests::assets;
use waspect_tests::back_ends::{Collect, Collector, get, post_json};

/// Web pages unless the environment says otherwise.
const PAGES: u64 = 200;

/// Batches of metrics that each page sends.
const ROUNDS: u64 = 3;

/// One request in so many is repeated.
const REPEATED: u64 = 10;

/// Longest time that what was acknowledged may take to be added up: a guard against waiting for ever.
const SUM_MAX: Duration = Duration::from_secs(60);

/// A sample as a foreign parser reads it.
#[derive(Debug)]
struct Sample {
    line: Value,
}

impl Sample {
    fn is(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.line["name"] == name && labels.iter().all(|(label, value)| self.line["labels"][label] == *value)
    }

    fn value(&self) -> f64 {
        self.line["value"].as_f64().expect("a number")
    }
}

/// `/metrics`, as Prometheus' own parser of OpenMetrics reads it.
fn read(collect: &Collect) -> Vec<Sample> {
    let answer = get(collect.query_address(), "/metrics");
    assert_eq!(answer.status, 200, "{answer:?}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/exposition.py");
    let lines = pipe(Command::new(assets::python()).arg(script), answer.body.as_bytes());
    lines.into_iter().map(|line| Sample { line }).collect()
}

/// What a program makes of an input: lines of JSON.
fn pipe(command: &mut Command, input: &[u8]) -> Vec<Value> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be started");
    let mut stdin = child.stdin.take().expect("it reads");
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("it ends")
    });
    assert!(output.status.success(), "it cannot read this");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// The sum of the samples of that name with these labels.
fn total(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    samples.iter().filter(|sample| sample.is(name, labels)).map(Sample::value).sum()
}

/// Sends metrics in deltas with OpenTelemetry's SDK for Python.
fn python(protocol: &str, url: &str, service: &str, rounds: u32) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/metrics.py");
    let output = Command::new(assets::python()).args([script, protocol, url, service, &rounds.to_string()]).output();
    let output = output.expect("Python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until all that was acknowledged is added up.
fn wait_until_summed(collect: &Collect, records: u64) {
    let start = Instant::now();
    while collect.figure("waspect_collector_log_records_total") < records
        || collect.figure("waspect_collector_streams_behind") > 0
    {
        assert!(start.elapsed() < SUM_MAX, "it is not added up");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn deltas_of_the_python_sdk_are_one_stream_for_readers_and_an_upstream() {
    let upstream = Collector::listen();
    let store = tempfile::tempdir().expect("a folder can be made");
    let exporters = format!("{{otlphttp: {{endpoint: {:?}, metrics_interval: 100ms}}}}", upstream.http_url());
    let collect = Collect::start(store.path(), &exporters);
    let urls = [("grpc", collect.grpc_url()), ("http", collect.http_url()), ("http", collect.http_url())];
    thread::scope(|scope| {
        for (protocol, url) in &urls {
            scope.spawn(move || python(protocol, url, "shop", 4));
        }
    });
    wait_until_summed(&collect, 3 * 5);

    let samples = read(&collect);
    let shop = ("job", "shop");
    let value = |name: &str, labels: &[(&str, &str)]| total(&samples, name, &[&[shop], labels].concat());
    assert_eq!(value("calls_total", &[("parity", "odd")]), 6.0);
    assert_eq!(value("calls_total", &[("otel_scope_name", "metrics.py"), ("otel_scope_version", "1")]), 12.0);
    assert_eq!(value("busy_seconds_total", &[]), 3.0);
    assert_eq!((value("latency_seconds_count", &[]), value("latency_seconds_sum", &[])), (12.0, 4.5));
    let latency = |le| value("latency_seconds_bucket", &[("le", le)]);
    assert_eq!([latency("0.5"), latency("1.0"), latency("+Inf")], [9.0, 12.0, 12.0]);
    let size = |le| value("size_bytes_bucket", &[("le", le)]);
    assert_eq!([size("1.0"), size("2.0"), size("4.0"), size("8.0"), size("+Inf")], [3.0, 6.0, 9.0, 12.0, 12.0]);
    assert_eq!((value("active", &[]), value("load_ratio", &[])), (4.0, 4.0), "nobody adds these up");
    assert_eq!(value("target_info", &[]), 1.0, "one source");
    let of = |name: &str| samples.iter().filter(|sample| sample.is(name, &[shop])).count();
    assert_eq!((of("calls_total"), of("busy_seconds_total")), (2, 1), "each is one stream");

    // The other form, read by Prometheus' own library.
    let families = pipe(&mut Command::new(assets::program("exposition")), &protobuf(collect.query_address()));
    let family = |name: &str| families.iter().find(|family| family["name"] == name).expect("it is shown");
    let calls = family("calls_total")["metric"].as_array().expect("a list");
    assert_eq!(calls.iter().map(|metric| metric["counter"]["value"].as_f64().expect("a number")).sum::<f64>(), 12.0);
    let native = &family("size_bytes")["metric"][0]["histogram"];
    assert_eq!((&native["sampleCount"], native["sampleSum"].as_f64()), (&"12".into(), Some(45.0)), "{native}");
    let spans = native["positiveSpan"].as_array().expect("it is native");
    assert!(native["schema"].as_i64().expect("a number") >= 0 && !spans.is_empty(), "{native}");
    assert!(families.iter().any(|family| family["name"] == "waspect_collector_accepted_total"), "ours are there, too");

    // The upstream gets the sums, each higher than the one before, from one start on; through a restart as well.
    collect.finish();
    let collect = Collect::start(store.path(), &exporters);
    python("http", &collect.http_url(), "shop", 2);
    wait_until_summed(&collect, 3);
    collect.finish();
    let received = upstream.finish();
    let mut last = BTreeMap::new();
    for point in received.points.iter().filter(|point| point.starts_with("calls ")) {
        assert!(!point.contains("spanmetrics"), "{point}");
        let value: i64 = field(point, "asInt:").parse().expect("a number");
        let (start, time) = (field(point, "startTimeUnixNano:"), field(point, ",timeUnixNano:"));
        last.entry(field(point, "stringValue:").to_owned()).or_insert_with(Vec::new).push((
            time.to_owned(),
            start.to_owned(),
            value,
        ));
    }
    for (parity, expected) in [("odd", 7), ("even", 7)] {
        let mut told = last.remove(parity).expect("it was told");
        told.sort();
        assert!(told.is_sorted_by(|a, b| a.2 <= b.2 && a.1 == b.1), "{told:?}");
        assert_eq!(told.last().expect("it was told").2, expected);
    }
}

/// Names, units, kinds and attributes that ask for every rule.
const NAMES: &[(&str, &str, &str, &str)] = &[
    ("wasm.function.duration", "s", "histogram", "code.function.name"),
    ("wasm.function.calls", "{call}", "counter", "http.request.method"),
    ("wasm.memory.size", "By", "updowncounter", "a..b"),
    ("system.memory.usage", "KiBy", "gauge", "7th"),
    ("cpu.used", "1", "gauge", "\u{e9}t\u{e9}"),
    ("ratio.of.hits", "1", "gauge", "a-b"),
    ("open.requests", "1", "updowncounter", "A"),
    ("requests.total", "1", "counter", "x_"),
    ("total.seen", "{item}", "counter", "x:y"),
    ("net.io", "By/s", "gauge", "a b"),
    ("rate", "{hit}/s", "gauge", "n.1"),
    ("speed", "m/h", "gauge", "q"),
    ("seconds.busy", "s", "counter", "_private"),
    ("load", "%", "gauge", "k"),
    ("(lambda).executions(#)", "", "counter", "l"),
    ("2xx.answers", "{answer}", "counter", "m"),
    ("temperature", "Cel", "gauge", "o"),
    ("odd.unit", "a b/c d", "gauge", "p"),
    ("clock", "ns", "histogram", "r"),
    ("a:colon", "h", "counter", "s"),
];

#[test]
fn names_are_those_of_prometheus_own_library() {
    let said = NAMES.iter().map(|(name, unit, kind, attribute)| {
        serde_json::json!({ "name": name, "unit": unit, "kind": kind, "attribute": attribute }).to_string()
    });
    let input = said.collect::<Vec<_>>().join("\n");
    let expected = pipe(Command::new(assets::program("exposition")).arg("names"), input.as_bytes());
    assert_eq!(expected.len(), NAMES.len());

    let metrics: Vec<_> = NAMES
        .iter()
        .map(|(name, unit, kind, attribute)| {
            let attributes = serde_json::json!([{ "key": attribute, "value": { "stringValue": "here" } }]);
            let number = serde_json::json!([{ "asInt": "1", "attributes": attributes }]);
            let data = match *kind {
                "gauge" => serde_json::json!({ "dataPoints": number }),
                "histogram" => serde_json::json!({ "aggregationTemporality": 1, "dataPoints": [{
                "count": "1", "sum": 1.0, "bucketCounts": ["1"], "explicitBounds": [], "attributes": attributes,
            }] }),
                kind => serde_json::json!({
                    "aggregationTemporality": 1, "isMonotonic": kind == "counter", "dataPoints": number,
                }),
            };
            let field = match *kind {
                "gauge" | "histogram" => kind,
                _ => "sum",
            };
            serde_json::json!({ "name": name, "unit": unit, field: data })
        })
        .collect();
    let request = serde_json::json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": metrics }] }] });
    let store = tempfile::tempdir().expect("a folder can be made");
    let collect = Collect::start(store.path(), "{}");
    let answer = post_json(collect.http_address(), "/v1/metrics", &request.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_until_summed(&collect, 1);
    let samples = read(&collect);
    for ((said, _, kind, _), expected) in NAMES.iter().zip(&expected) {
        let text = |what: &str| expected[what].as_str().expect("a name").to_owned();
        let name = text("name") + if *kind == "histogram" { "_count" } else { "" };
        let shown = samples.iter().find(|sample| sample.is(&name, &[(&text("label"), "here")]));
        assert!(shown.is_some(), "`{said}` is not shown as {name} with {}", text("label"));
    }
    collect.finish();
}

/// The points of metrics derived from spans, of one scope: attributes and figures, the last of each.
fn derived(points: &[String], scope: &str) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    for point in points.iter().filter(|point| point.starts_with("traces.span.metrics.") && point.contains(scope)) {
        let name = point.split(' ').next().expect("it has a name");
        let mut attributes: Vec<_> = field_list(point, "attributes:[").split("{key:").collect();
        attributes.iter_mut().for_each(|attribute| *attribute = attribute.trim_end_matches(','));
        attributes.sort_unstable();
        let attributes = attributes.join(" ");
        let figure = |figure: &str, ends: &[char]| {
            let rest = point.rsplit_once(figure).map_or("", |(_, rest)| rest);
            rest.split(ends).next().unwrap_or_default().to_owned()
        };
        let [calls, count] = ["asInt:", "count:"].map(|name| figure(name, &[',', '}']));
        let [buckets, bounds] = ["bucketCounts:[", "explicitBounds:["].map(|name| figure(name, &[']']));
        // Which of two is added first shows in the last digit.
        let sum: f64 = figure("sum:", &[',', '}']).parse().unwrap_or_default();
        let figures = format!("{calls} {count} {sum:.12} {buckets} {bounds}");
        let time: u64 = field(point, ",timeUnixNano:").parse().expect("a number");
        let entry = last.entry(format!("{name} {attributes}")).or_insert((0, String::new()));
        if time >= entry.0 {
            *entry = (time, figures);
        }
    }
    last.into_iter().map(|(series, (_, figures))| (series, figures)).collect()
}

/// The list that follows, in the last place where it does.
fn field_list<'p>(point: &'p str, before: &str) -> &'p str {
    point.rsplit_once(before).expect("it is there").1.split(']').next().expect("a list ends")
}

#[test]
fn metrics_of_spans_equal_those_of_the_spanmetrics_connector() {
    let upstream = Collector::deriving();
    let store = tempfile::tempdir().expect("a folder can be made");
    let exporters = format!("{{otlphttp: {{endpoint: {:?}, metrics_interval: 100ms}}}}", upstream.http_url());
    let collect = Collect::start(store.path(), &exporters);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/spans.py");
    for service in ["shop", "till"] {
        let output = Command::new(assets::python()).args([script, "http", &collect.http_url(), service, "40"]).output();
        let output = output.expect("Python can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let start = Instant::now();
    let (ours, theirs) = loop {
        let points = upstream.received().points;
        let both = (derived(&points, "name:waspect.collector"), derived(&points, "name:spanmetricsconnector"));
        // Of calls the first figure is a count, of durations the second; where it is 0 JSON leaves it out.
        let counted = |figures: &BTreeMap<String, String>| -> u64 {
            let counts =
                figures.values().map(|figures| figures.split(' ').take(2).find_map(|count| count.parse().ok()));
            counts.map(|count: Option<u64>| count.unwrap_or(0)).sum()
        };
        if counted(&both.0) == 2 * 160 && counted(&both.1) == 2 * 160 {
            break both;
        }
        assert!(start.elapsed() < SUM_MAX, "{both:?}");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(
        ours.len(),
        2 * 2 * (40 + 2),
        "calls and durations, of 40 names and one with two statuses, of 2 services"
    );
    for (series, figures) in &ours {
        assert_eq!(Some(figures), theirs.get(series), "{series}");
    }
    assert_eq!(ours.len(), theirs.len());
    let samples = read(&collect);
    let inner = [("job", "shop"), ("span_name", "inner"), ("status_code", "STATUS_CODE_ERROR")];
    assert_eq!(total(&samples, "traces_span_metrics_calls_total", &inner), 20.0);
    let calls =
        samples.iter().find(|sample| sample.is("traces_span_metrics_calls_total", &inner)).expect("it is shown");
    assert_eq!(calls.line["exemplar"]["labels"]["trace_id"].as_str().map(str::len), Some(32), "it leads to a trace");
    collect.finish();
    upstream.finish();
    println!("{} series of 160 spans: as the connector has them", ours.len());
}

/// What follows a word in a point's canonical form.
#[track_caller]
fn field<'p>(point: &'p str, before: &str) -> &'p str {
    let (_, rest) = point.rsplit_once(before).unwrap_or_else(|| panic!("{before} is not in {point}"));
    rest.split([',', '}']).next().expect("a text ends")
}

/// `/metrics` in protocol buffers.
fn protobuf(address: &str) -> Vec<u8> {
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n").expect("it takes a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
    answer.split_off(head + 4)
}

/// A web page: the recorder that every adapter has, and what it counted.
struct Page {
    recorder: Recorder,
    aggregator: Aggregator,
    now: u64,
}

const FUNCTIONS: [&str; 3] = ["draw", "parse", "hash"];

impl Page {
    fn open(number: u64) -> Page {
        let config = Config { temporality: Temporality::Delta, ..Config::default() };
        let functions = FUNCTIONS.iter().zip(0..);
        let function =
            |(name, index): (&&str, u32)| Function { index, name: (*name).to_owned(), ..Function::default() };
        let manifest = Manifest {
            build: 1 << 32 | 2,
            function_count: FUNCTIONS.len() as u32,
            functions: functions.map(function).collect(),
            ..Manifest::default()
        };
        let mut recorder = Recorder::new(&config, Some([1; 16]));
        recorder.add_manifest(Arc::new(manifest));
        recorder.module(Timestamp(0), 0, 1, 2, FUNCTIONS.len() as u32);
        let mut resource = Resource::default();
        resource.attributes.push(("service.name".into(), "page".into()));
        let start = 1_790_000_000_000_000_000 + number * 1_000_000;
        Page { recorder, aggregator: Aggregator::new(&config, resource, start), now: start }
    }

    /// Calls a function so often, 1 ms each.
    fn call(&mut self, function: u32, count: u64) {
        for _ in 0..count {
            let scope = self.recorder.scope_begin(Timestamp(self.now), self.now, None);
            let token = self.recorder.enter(Timestamp(self.now), function);
            self.now += 1_000_000;
            self.recorder.exit(Timestamp(self.now), token);
            self.recorder.scope_end(Timestamp(self.now), scope, &Outcome::Returned);
        }
    }

    /// What there is to send.
    fn metrics(&mut self) -> Vec<u8> {
        self.aggregator.merge(self.recorder.drain(Timestamp(self.now)));
        self.aggregator.metrics(self.now).bytes
    }
}

/// R12: pages of a browser, one request in ten repeated, and the collector killed meanwhile: the totals are exact.
#[test]
fn totals_of_a_thousand_pages_are_exact_though_requests_are_repeated_and_the_collector_is_killed() {
    let pages = std::env::var("WASPECT_PAGES").map_or(PAGES, |count| count.parse().expect("a number"));
    let store = tempfile::tempdir().expect("a folder can be made");
    let started = Collect::start(store.path(), "{}");
    let address = Mutex::new(started.http_address().to_owned());
    let mut collect = Some(started);
    let (next, sent, repeated) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let working = AtomicUsize::new(8);
    let calls = |page: u64, round: u64, function: u64| (page * 7 + round * 3 + function) % 11;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= pages {
                        break;
                    }
                    let mut page = Page::open(number);
                    for round in 0..ROUNDS {
                        (0..3).for_each(|function| page.call(function as u32, calls(number, round, function)));
                        let (id, body) = (format!("{number:x}-{round}"), page.metrics());
                        insist(&address, &id, &body);
                        if sent.fetch_add(1, Relaxed) % REPEATED == 0 {
                            insist(&address, &id, &body);
                            repeated.fetch_add(1, Relaxed);
                        }
                    }
                }
                working.fetch_sub(1, Relaxed);
            });
        }
        // Twice, in the middle of their work.
        for third in 1..3 {
            while sent.load(Relaxed) < pages * ROUNDS * third / 3 && working.load(Relaxed) > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            // Nobody sends to whoever has its port next.
            let mut current = address.lock().expect("nobody panics");
            collect.take().expect("it runs").kill();
            let started = Collect::start(store.path(), "{}");
            *current = started.http_address().to_owned();
            collect = Some(started);
        }
    });
    let collect = collect.expect("it runs");
    wait_until_summed(&collect, 0);
    let samples = read(&collect);
    let mut all = 0;
    for (function, name) in (0..).zip(FUNCTIONS) {
        let expected: u64 = (0..pages)
            .flat_map(|page| (0..ROUNDS).map(move |round| (page, round)))
            .map(|(p, r)| calls(p, r, function))
            .sum();
        let labels = [("job", "page"), ("code_function_name", name)];
        assert_eq!(total(&samples, "wasm_function_calls_total", &labels), expected as f64, "{name}");
        assert_eq!(total(&samples, "wasm_function_duration_seconds_count", &labels), expected as f64, "{name}");
        let time = total(&samples, "wasm_function_time_seconds_total", &labels);
        assert!((time - expected as f64 / 1000.0).abs() < 1e-6, "{name}: {time}");
        all += expected;
    }
    let (sent, repeated) = (sent.into_inner(), repeated.into_inner());
    println!("{pages} pages, {sent} requests, {repeated} repeated, 2 kills: {all} calls of {all}");
}

/// Sends until it is acknowledged, as adapters do.
fn insist(address: &Mutex<String>, id: &str, body: &[u8]) {
    let start = Instant::now();
    loop {
        let to = address.lock().expect("nobody panics").clone();
        match post(&to, &format!("/v1/metrics?waspect.batch={id}"), body) {
            Ok(200) => return,
            // Cut off or refused: nobody knows what became of it.
            outcome => assert!(start.elapsed() < SUM_MAX, "{outcome:?}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// HTTP/1.0: the answer ends where the connection does.
fn post(address: &str, path: &str, body: &[u8]) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    let head = format!("POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n");
    stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
