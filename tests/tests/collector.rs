//! `waspect collect` between clients and upstreams that no one here wrote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use waspect_tests::assets;
use waspect_tests::back_ends::{Collect, Collector, Jaeger, Span, doctor, post_json, run};

/// Longest time that what was acknowledged may take to an upstream: a guard against waiting for ever.
const FORWARD_MAX: Duration = Duration::from_secs(60);

/// Sends spans with OpenTelemetry's SDK for Python; their ids.
fn python(protocol: &str, url: &str, service: &str, count: u32) -> BTreeSet<String> {
    python_with(&[], protocol, url, service, count)
}

fn python_with(
    environment: &[(&str, &Path)],
    protocol: &str,
    url: &str,
    service: &str,
    count: u32,
) -> BTreeSet<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/spans.py");
    let mut command = Command::new(assets::python());
    command.args([script, protocol, url, service, &count.to_string()]).envs(environment.iter().copied());
    let output = command.output().expect("Python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("ids are ASCII").lines().map(str::to_owned).collect()
}

fn ids<'s>(spans: impl IntoIterator<Item = &'s Span>) -> BTreeSet<String> {
    spans.into_iter().map(|span| span.ids[..2].join(" ")).collect()
}

/// Spans with all that they hold.
fn canonical(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| &*span.canonical).collect()
}

/// Waits until exporters have sent so many items.
fn wait_until_sent(collect: &Collect, items: u64) {
    let start = Instant::now();
    while collect.figure("waspect_collector_forward_sent_total") < items {
        assert!(start.elapsed() < FORWARD_MAX, "{} of {items}", collect.figure("waspect_collector_forward_sent_total"));
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn spans_of_the_python_sdk_reach_jaeger_and_the_collector() {
    let (jaeger, upstream) = (Jaeger::start(), Collector::listen());
    let store = tempfile::tempdir().expect("a folder can be made");
    let exporters = format!(
        "{{otlphttp/jaeger: {{endpoint: {:?}}}, otlp/upstream: {{endpoint: {:?}, tls: {{insecure: true}}}}}}",
        jaeger.http_url(),
        upstream.grpc_url()
    );
    let collect = Collect::start(store.path(), &exporters);
    let grpc = python("grpc", &collect.grpc_url(), "by-grpc", 40);
    let http = python("http", &collect.http_url(), "by-http", 40);
    assert_eq!((grpc.len(), http.len()), (80, 80));
    wait_until_sent(&collect, 320);
    collect.finish();

    for (service, sent) in [("by-grpc", &grpc), ("by-http", &http)] {
        let shown: BTreeSet<_> = jaeger.spans(service).iter().map(|span| span.ids[..2].join(" ")).collect();
        assert_eq!(shown, *sent, "{service}");
    }
    let received = upstream.finish();
    assert_eq!(ids(&received.spans), grpc.union(&http).cloned().collect());
    let report = doctor(store.path());
    assert_eq!((&report["damaged"], &report["positions_damaged"]), (&0.into(), &false.into()), "{report}");
    assert_eq!(report["positions"]["otlp/upstream"], report["next"], "{report}");
}

#[test]
fn over_tls_clients_show_certificates_and_a_jaeger_stores_here() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let [authority, certificate, key] = certificates(folder.path());
    let [ca, cert, private] = [&authority, &certificate, &key].map(|path| path.display());
    let identity = format!("cert_file: {cert}, key_file: {private}");
    let settings = format!("tls: {{{identity}, client_ca_file: {ca}}}");
    let collect = Collect::start_with(&folder.path().join("store"), "{}", &settings);
    let local = |address: &str| format!("localhost:{}", address.rsplit(':').next().expect("a port"));

    let environment = [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", &*authority),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificate),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &key),
    ];
    let [grpc, http] =
        [collect.grpc_address(), collect.http_address()].map(|address| format!("https://{}", local(address)));
    let mut sent = python_with(&environment, "grpc", &grpc, "shop", 10);
    sent.extend(python_with(&environment, "http", &http, "shop", 10));

    // By Python's own client, until the index has them.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/ask.py");
    let url = format!("https://{}/api/traces?service=shop", local(collect.query_address()));
    let start = Instant::now();
    loop {
        let asked = Command::new(assets::python()).args([script, &url]).args([&authority, &certificate, &key]).output();
        let output = asked.expect("Python can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it answers in JSON");
        let traces = answer["data"].as_array().map_or(0, Vec::len);
        if traces == 20 {
            break;
        }
        assert!(start.elapsed() < FORWARD_MAX, "{traces} traces of 20");
    }

    let jaeger = Jaeger::start_over(&local(collect.storage_address()), &format!("{{ca_file: {ca}, {identity}}}"));
    let shown: BTreeSet<_> = jaeger.spans("shop").iter().map(|span| span.ids[..2].join(" ")).collect();
    assert_eq!(shown, sent);
    drop(jaeger);
    collect.finish();
}

#[test]
fn top_shows_functions_in_a_terminal_and_hostile_names_as_text() {
    let store = tempfile::tempdir().expect("a folder can be made");
    let collect = Collect::start(store.path(), "{}");
    let hostile = [r"\u001b[31mred", r"\u001b]0;title\u0007", r"\u009b2J", r"a\u202eb", r"line\nbreak\r"];
    let point = |name: &str, value: &str| {
        let attribute = format!("{{\"key\":\"code.function.name\",\"value\":{{\"stringValue\":\"{name}\"}}}}");
        format!("{{\"attributes\":[{attribute}],\"timeUnixNano\":\"2\",\"startTimeUnixNano\":\"1\",{value}}}")
    };
    let metric = |metric: &str, unit: &str, value: &str| {
        let points = hostile.iter().chain([&"harmless"]).map(|name| point(name, value)).collect::<Vec<_>>().join(",");
        format!(
            "{{\"name\":\"{metric}\",\"unit\":\"{unit}\",\"sum\":{{\"aggregationTemporality\":1,\"isMonotonic\":true,\
             \"dataPoints\":[{points}]}}}}"
        )
    };
    let metrics = [
        metric("wasm.function.calls", "{call}", "\"asInt\":\"1234\""),
        metric("wasm.function.self_time", "s", "\"asDouble\":0.5"),
    ];
    let service = "{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\\u001b[2J\"}}]}";
    let body = format!(
        "{{\"resourceMetrics\":[{{\"resource\":{service},\"scopeMetrics\":[{{\"scope\":{{\"name\":\"waspect\"}},\
         \"metrics\":[{}]}}]}}]}}",
        metrics.join(",")
    );
    assert_eq!(post_json(collect.http_address(), "/v1/metrics", &body).status, 200);
    let url = format!("http://{}", collect.query_address());

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/terminal.py");
    let mut command = Command::new(assets::python());
    command.args([script, "harmless"]).arg(assets::waspect()).args(["top", "--interval", "0.1", &url]);
    let output = command.output().expect("Python can be started");
    assert!(output.status.success(), "{output:?}");
    let hex = String::from_utf8(output.stdout).expect("it is hex");
    let bytes = (0..hex.trim().len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("it is hex"));
    let shown = String::from_utf8(bytes.collect()).expect("a terminal is told UTF-8");
    for text in [
        "1,234",
        "harmless",
        r"\u{1b}[31mred",
        r"\u{1b}]0;title\u{7}",
        r"\u{9b}2J",
        r"a\u{202e}b",
        r"line\nbreak\r",
        r"shop\u{1b}[2J",
    ] {
        assert!(shown.contains(text), "{text}: {shown:?}");
    }
    // What is left are the command's own: clear, home, cursor, styles.
    let mut parts = shown.split('\u{1b}');
    let mut texts = vec![parts.next().expect("a first part")];
    for part in parts {
        let own = ["[H", "[2J", "[1;1H", "[0;0H", "[?25l", "[?25h", "[1m", "[2m", "[0m"]
            .iter()
            .find_map(|own| part.strip_prefix(own));
        texts.push(own.unwrap_or_else(|| panic!("not ours: {part:?}")));
    }
    let harmless = |c: char| c == '\r' || c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(texts.iter().all(|text| text.chars().all(harmless)), "{shown:?}");

    let json = Command::new(assets::waspect()).args(["top", "--json", &url]).output().expect("waspect can be started");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    let functions = json["functions"].as_array().expect("a list");
    assert_eq!(functions.len(), hostile.len() + 1, "{json}");
    assert!(
        functions.iter().all(|function| function["calls"] == 1234.0 && function["self_time_seconds"] == 0.5),
        "{json}"
    );
    collect.finish();
}

/// Files in a folder: who signs, and a certificate of `localhost` with its key, for both sides.
fn certificates(folder: &Path) -> [PathBuf; 3] {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Whoever has the name of whom they sign counts as signed by themselves.
    params.distinguished_name.push(DnType::CommonName, "authority");
    let new_key = || KeyPair::generate().expect("a key can be made");
    let authority = CertifiedIssuer::self_signed(params, new_key()).expect("it signs itself");
    let key = new_key();
    let params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
    let certificate = params.signed_by(&key, &authority).expect("it signs");
    [("ca.pem", authority.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())].map(
        |(name, pem)| {
            let path = folder.join(name);
            std::fs::write(&path, pem).expect("a file can be written");
            path
        },
    )
}

#[test]
fn what_waspect_run_sends_reaches_the_collector_as_it_was() {
    let upstream = Collector::listen();
    let store = tempfile::tempdir().expect("a folder can be made");
    let exporters = format!("{{otlphttp: {{endpoint: {:?}}}}}", upstream.http_url());
    let collect = Collect::start(store.path(), &exporters);
    let options = ["--min-duration", "0us", "--budget", "inf", &format!("--otlp={}", collect.http_url())];
    let run = run("c-work", &["300"], "", &options.map(str::to_owned), &[]);
    let sent = |what: &str| run.summary["sent"][what]["exported"].as_u64().expect("a count");
    wait_until_sent(&collect, sent("spans") + sent("points"));
    collect.finish();
    let received = upstream.finish();
    assert!(received.spans.len() > 1 && !received.points.is_empty());
    assert_eq!(canonical(&received.spans), canonical(&run.trace.spans));
    let lasting = |points: &[String]| -> Vec<String> {
        // What is said of the export itself goes on changing while it goes on.
        points.iter().filter(|point| !point.starts_with("otel.sdk.")).cloned().collect()
    };
    assert_eq!(lasting(&received.points), lasting(&run.trace.points));
}

#[test]
fn a_canary_goes_through_each_exporter_and_back() {
    let (jaeger, upstream) = (Jaeger::start(), Collector::listen());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = folder.path().join("collector.yaml");
    let text = format!(
        "exporters: {{otlphttp/jaeger: {{endpoint: {:?}}}, otlp/upstream: {{endpoint: {:?}, tls: {{insecure: true}}}}, \
         otlphttp/nobody: {{endpoint: \"http://127.0.0.1:1\"}}}}\n",
        jaeger.http_url(),
        upstream.grpc_url()
    );
    std::fs::write(&config, text).expect("a file can be written");
    let query = format!("otlphttp/jaeger=http://{}", jaeger.query_address());
    let mut command = Command::new(assets::waspect());
    command.args(["collect", "doctor", "--canary", "--json", "--query", &query, "--config"]).arg(&config);
    let output = command.output().expect("waspect can be started");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let of = |name: &str| {
        let mut all = told.as_array().expect("a list").iter();
        all.find(|one| one["exporter"] == name).unwrap_or_else(|| panic!("{name} is not in {told}"))
    };
    assert!(of("otlphttp/jaeger")["read_back_ms"].is_u64(), "{told}");
    assert_eq!(of("otlp/upstream")["taken"], true, "{told}");
    assert_eq!(of("otlphttp/nobody")["taken"], false, "{told}");
    let why = of("otlphttp/nobody")["refused"].as_str().expect("it says why");
    assert!(why.contains("refused"), "{why}");
    let [shown] = &jaeger.spans("waspect-canary")[..] else { panic!("Jaeger shows one span") };
    assert_eq!(shown.ids[0], of("otlphttp/jaeger")["trace_id"].as_str().expect("an id"));
    let received = upstream.finish();
    assert_eq!(received.spans[0].ids[0], of("otlp/upstream")["trace_id"].as_str().expect("an id"));
}
