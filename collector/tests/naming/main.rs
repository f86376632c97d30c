//! Names that come by a manifest: before or after what they name, in all that is read, shown and sent on.

#[path = "../forwarding/sink.rs"]
#[allow(dead_code)]
mod sink;
#[path = "../receiving/support.rs"]
#[allow(dead_code)]
mod support;

mod refusals;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::{Value, json};
use sink::Sink;
use support::{Answer, JSON, Running, get, post, send};
use waspect_abi::manifest::{Function, Kind};
use waspect_abi::pprof::{self, Line, Location, Profile, Sample, ValueType};
use waspect_abi::{BuildId, Manifest};
use waspect_collector::log::{Directory, Options, Store};

const BUILD: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";
const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";

/// Function 7 is `parse`, 2 an import, 9 has no name.
fn manifest() -> Manifest {
    let function = |index, name: &str| Function { index, name: name.into(), ..Function::default() };
    Manifest {
        build: u64::from_str_radix(BUILD, 16).unwrap(),
        name: "shop.wasm".into(),
        function_count: 10,
        functions: vec![
            Function { kind: Kind::Import as i32, ..function(2, "fd_write") },
            Function { file: 1, line: 12, ..function(7, "parse") },
            function(9, ""),
        ],
        files: vec!["src/lib.rs".into()],
        ..Manifest::default()
    }
}

async fn put(running: &Running, build: &str, body: Vec<u8>) -> Answer {
    send(running.http(), Request::put(format!("/api/manifests/{build}")), body.into()).await
}

/// Spans and points of functions 7, 2 and 9 of a build, and of function 7 of another.
async fn tell(running: &Running) {
    let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let functions = [(7, BUILD), (2, BUILD), (9, BUILD), (7, OTHER)];
    let attributes = |(index, build): (u32, &str)| {
        [text("code.function.name", &format!("func[{index}]")), text("wasm.module.build_id", build)]
    };
    let span = |(at, function): (usize, (u32, &str))| {
        json!({
            "traceId": TRACE, "spanId": format!("{:016x}", at + 1), "name": format!("func[{}]", function.0), "kind": 1,
            "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000000000001000",
            "attributes": attributes(function),
        })
    };
    let point = |(at, function): (usize, (u32, &str))| {
        let [name, build] = attributes(function);
        let attributes = [name, build, text("wasm.function.kind", "guest")];
        json!({"asInt": format!("{}", at + 1), "timeUnixNano": "1790000000000000000", "attributes": attributes})
    };
    let resource = json!({"attributes": [text("service.name", "shop")]});
    let spans: Vec<Value> = functions.into_iter().enumerate().map(span).collect();
    let points: Vec<Value> = functions.into_iter().enumerate().map(point).collect();
    let sum = |temporality| json!({"isMonotonic": true, "aggregationTemporality": temporality, "dataPoints": points});
    let metrics = [
        json!({"name": "wasm.function.calls", "unit": "{call}", "sum": sum(1)}),
        json!({"name": "kept", "unit": "1", "sum": sum(2)}),
    ];
    let scope = json!({"name": "waspect"});
    for (path, body) in [
        (
            "/v1/traces",
            json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}),
        ),
        (
            "/v1/metrics",
            json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": scope, "metrics": metrics}]}]}),
        ),
    ] {
        let answer = post(running.http(), path, &[("content-type", JSON)], body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let function = |id: u64, name: i64| pprof::Function { id, name, ..pprof::Function::default() };
    let location =
        |id: u64| Location { id, line: vec![Line { function_id: id, ..Line::default() }], ..Location::default() };
    let profile = Profile {
        sample_type: vec![ValueType { kind: 1, unit: 2 }],
        sample: vec![Sample { location_id: vec![2, 1], value: vec![5], label: Vec::new() }],
        location: vec![location(1), location(2)],
        function: vec![function(1, 3), function(2, 4)],
        string_table: ["", "calls", "count", "func[7]", "func[9]"].map(str::to_owned).to_vec(),
        ..Profile::default()
    };
    let path = format!("/api/pprof?service=shop&build={BUILD}&start=1000&end=2000");
    assert_eq!(post(running.http(), &path, &[], profile.encode_to_vec()).await.status, 204);
}

/// Asks until an answer has what is wanted of it.
async fn until<T>(running: &Running, path: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        let answer = get(running.query(), path, &[]).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if let Some(found) = wanted(&text) {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{path}: {text}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn answer(running: &Running, path: &str) -> Value {
    let answer = get(running.query(), path, &[]).await;
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{path}: {answer:?}"))
}

/// Names of a trace's spans, in the order of their ids, in both of Jaeger's forms.
async fn names(running: &Running) -> [Vec<String>; 2] {
    let of = |spans: &Value, id: &str, name: &str| {
        let mut named: Vec<_> =
            spans.as_array().unwrap().iter().map(|span| (span[id].clone(), span[name].clone())).collect();
        named.sort_by_key(|(id, _)| id.to_string());
        named.into_iter().map(|(_, name)| name.as_str().unwrap().to_owned()).collect()
    };
    let old = answer(running, &format!("/api/traces/{TRACE}")).await;
    let new = answer(running, &format!("/api/v3/traces/{TRACE}")).await;
    [
        of(&old["data"][0]["spans"], "spanID", "operationName"),
        of(&new["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"], "spanId", "name"),
    ]
}

/// Ids of the traces that a search finds, by both of its forms.
async fn found(running: &Running, old: &str, new: &str) -> [usize; 2] {
    let times = "start=1789999999000000&end=1790000001000000";
    let old = answer(running, &format!("/api/traces?service=shop&{times}&{old}")).await;
    let times = "query.startTimeMin=2026-09-21T00:00:00Z&query.startTimeMax=2026-09-23T00:00:00Z";
    let new = answer(running, &format!("/api/v3/trace-summaries?query.serviceName=shop&{times}&{new}")).await;
    [old["data"].as_array().unwrap().len(), new["summaries"].as_array().unwrap().len()]
}

async fn calls(running: &Running, function: &str, build: &str) -> Option<String> {
    let text = get(running.query(), "/metrics", &[]).await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    let labels = [format!("code_function_name=\"{function}\""), format!("wasm_module_build_id=\"{build}\"")];
    let mut lines = text.lines().filter(|line| line.starts_with("wasm_function_calls_total"));
    lines.find(|line| labels.iter().all(|label| line.contains(label))).map(str::to_owned)
}

async fn profiled(running: &Running) -> Vec<String> {
    let answer = get(running.query(), "/api/pprof?service=shop", &[]).await;
    let mut bytes = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut bytes).unwrap();
    let profile = Profile::decode(&*bytes).unwrap();
    let text = |place: i64| profile.string_table[place as usize].as_str();
    let functions = profile.function.iter();
    functions
        .map(|function| format!("{} {}:{}", text(function.name), text(function.filename), function.start_line))
        .collect()
}

async fn all_is_named(running: &Running) {
    let expected = ["parse", "fd_write", "func[9]", "func[7]"];
    assert_eq!(names(running).await, [expected, expected]);
    until(running, "/api/services/shop/operations", |text| text.contains("parse").then_some(())).await;
    let listed = answer(running, "/api/services/shop/operations").await;
    assert_eq!(listed["data"], json!(["fd_write", "func[7]", "func[9]", "parse"]), "one func[7] is of another build");
    let listed = answer(running, "/api/v3/operations?service=shop").await;
    assert_eq!(listed["operations"].as_array().unwrap().len(), 4, "{listed}");
    let attributes = |text: &str| format!("query.attributes={text}");
    for (old, new, count) in [
        ("operation=parse", "query.operationName=parse", 1),
        ("operation=func[7]", "query.operationName=func[7]", 1),
        ("operation=other", "query.operationName=other", 0),
        ("tag=code.function.name:parse", &*attributes("{%22code.function.name%22:%22parse%22}"), 1),
        ("tag=code.file.path:src/lib.rs", &*attributes("{%22code.file.path%22:%22src/lib.rs%22}"), 1),
        ("tag=code.line.number:12", &*attributes("{%22code.line.number%22:%2212%22}"), 1),
        ("tag=wasm.module.name:shop.wasm", &*attributes("{%22wasm.module.name%22:%22shop.wasm%22}"), 1),
        ("tag=code.file.path:src/main.rs", &*attributes("{%22code.file.path%22:%22src/main.rs%22}"), 0),
        (
            "operation=parse&tag=code.line.number:13",
            "query.operationName=parse&query.attributes={%22code.line.number%22:%2213%22}",
            0,
        ),
    ] {
        assert_eq!(found(running, old, new).await, [count, count], "{old}");
    }
    let line = calls(running, "parse", BUILD).await.expect("it is on /metrics");
    assert!(line.contains("wasm_function_index=\"7\"") && line.contains("wasm_module_name=\"shop.wasm\""), "{line}");
    assert!(calls(running, "fd_write", BUILD).await.unwrap().contains("wasm_function_kind=\"import\""));
    assert!(calls(running, "func[9]", BUILD).await.is_some() && calls(running, "func[7]", OTHER).await.is_some());
    assert!(calls(running, "func[7]", BUILD).await.is_none());
    assert_eq!(profiled(running).await, ["parse src/lib.rs:12", "func[9] :0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_come_later_are_in_all_that_was_stored_and_survive_a_restart() {
    let running = Running::start("").await;
    tell(&running).await;
    let raw = ["func[7]", "func[2]", "func[9]", "func[7]"];
    until(&running, &format!("/api/traces/{TRACE}"), |text| text.contains("func[7]").then_some(())).await;
    until(&running, "/metrics", |text| text.contains("wasm_function_calls_total").then_some(())).await;
    until(&running, "/api/profiles?service=shop", |text| text.contains(BUILD).then_some(())).await;
    assert_eq!(names(&running).await, [raw, raw]);
    assert_eq!(found(&running, "operation=parse", "query.operationName=parse").await, [0, 0]);

    assert_eq!(put(&running, BUILD, manifest().encode_bytes()).await.status, 201);
    all_is_named(&running).await;
    let list = answer(&running, "/api/manifests").await;
    assert_eq!((&list["data"][0]["build"], &list["data"][0]["module"]), (&json!(BUILD), &json!("shop.wasm")), "{list}");
    assert!(list["data"][0]["used"].is_u64(), "{list}");

    let running = running.restart("").await;
    until(&running, "/metrics", |text| text.contains("wasm_function_calls_total").then_some(())).await;
    until(&running, &format!("/api/traces/{TRACE}"), |text| text.contains("parse").then_some(())).await;
    all_is_named(&running).await;
    let sent = get(running.query(), &format!("/api/manifests/{BUILD}"), &[]).await;
    assert_eq!(&sent.body[..], &manifest().encode_bytes()[..]);

    // Another one in its place, with other names.
    let mut other = manifest();
    other.functions[1].name = "render".into();
    assert_eq!(put(&running, BUILD, other.encode_bytes()).await.status, 204);
    assert_eq!(names(&running).await[0][0], "render");
    assert_eq!(found(&running, "operation=parse", "query.operationName=parse").await, [0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_on_has_the_names_that_were_here_when_it_went() {
    let sink = Sink::start().await;
    let exporters = format!("exporters: {{otlphttp: {{endpoint: \"http://{}\", metrics_interval: 20ms}}}}", sink.http);
    let running = Running::start(&exporters).await;
    assert_eq!(put(&running, BUILD, manifest().encode_bytes()).await.status, 201);
    tell(&running).await;
    let expected = ["parse", "fd_write", "func[9]", "func[7]"];
    let start = Instant::now();
    let (spans, points) = loop {
        let requests =
            sink.bodies("/v1/traces").into_iter().map(|body| ExportTraceServiceRequest::decode(&*body).unwrap());
        let spans: Vec<_> = requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|of_resource| of_resource.scope_spans)
            .flat_map(|of_scope| of_scope.spans)
            .collect();
        let requests =
            sink.bodies("/v1/metrics").into_iter().map(|body| ExportMetricsServiceRequest::decode(&*body).unwrap());
        let points: Vec<_> = requests
            .flat_map(|request| request.resource_metrics)
            .flat_map(|of_resource| of_resource.scope_metrics)
            .flat_map(|of_scope| of_scope.metrics)
            .collect();
        let has = |name: &str| points.iter().any(|metric| metric.name == name);
        if spans.len() == 4 && has("kept") && has("wasm.function.calls") {
            break (spans, points);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{spans:?} {points:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, expected);
    let keys: Vec<&str> = spans[0].attributes.iter().map(|attribute| &*attribute.key).collect();
    assert!(keys.contains(&"code.file.path") && keys.contains(&"wasm.module.build_id"), "{keys:?}");
    // What its sender adds up goes by another way than what we add up.
    for wanted in ["kept", "wasm.function.calls"] {
        let metric = points.iter().find(|metric| metric.name == wanted).unwrap();
        let told = format!("{:?}", metric.data);
        assert!(expected.iter().all(|name| told.contains(&format!("StringValue(\"{name}\")"))), "{wanted}: {told}");
    }
    // The log has what came.
    let directory = running.end().await;
    let disk = Directory::open(directory.path()).expect("the collector has let go of it");
    let (store, _) = Store::open(Arc::new(disk), Options::default()).unwrap();
    let mut reader = store.reader_at(0);
    let records: Vec<_> = std::iter::from_fn(|| reader.read().unwrap()).collect();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| !record.payload.windows(5).any(|text| text == b"parse")));
}

#[test]
fn the_build_ids_of_this_test_are_some() {
    assert_eq!([BUILD, OTHER].map(|build| BuildId(u64::from_str_radix(build, 16).unwrap()).hex()), [BUILD, OTHER]);
}
