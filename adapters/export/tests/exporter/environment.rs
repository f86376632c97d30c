//! The OpenTelemetry variables, and the page that lists them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use waspect_export::{Compression, ConfigError, Endpoint, ExportConfig, Protocol, Sampler, Signal, Temporality, Tls};

fn read(vars: &[(&str, &str)]) -> Result<ExportConfig, ConfigError> {
    ExportConfig::from_env(|name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn config(vars: &[(&str, &str)]) -> ExportConfig {
    let config = read(vars).unwrap();
    assert_eq!(config.warnings, [], "{vars:?}");
    config
}

fn urls(vars: &[(&str, &str)]) -> [String; 2] {
    let config = config(vars);
    Signal::ALL.map(|signal| config.endpoint(signal).unwrap().url.to_string())
}

#[test]
fn nothing_set_is_the_specifications_default() {
    let config = config(&[]);
    let endpoint = |path: &str| Endpoint {
        url: format!("http://localhost:4318{path}").parse().unwrap(),
        protocol: Protocol::HttpProtobuf,
        headers: Vec::new(),
        timeout: Duration::from_secs(10),
        compression: Compression::None,
        tls: Tls::default(),
    };
    assert_eq!(config.traces, Some(endpoint("/v1/traces")));
    assert_eq!(config.metrics, Some(endpoint("/v1/metrics")));
    assert!(!config.disabled);
    assert_eq!((config.service_name, config.resource_attributes), (None, Vec::new()));
    assert_eq!((config.sampler, config.temporality), (Sampler::ParentOrAlwaysOn, Temporality::Cumulative));
    assert_eq!((config.span_delay, config.metric_interval), (Duration::from_secs(5), Duration::from_secs(60)));
    assert_eq!((config.span_batch_max, config.trace_queue.items_max), (512, None));
    assert_eq!(config.trace_retry.total_max, Duration::from_secs(30));
}

#[test]
fn http_endpoints_get_their_path_only_from_the_general_variable() {
    for (vars, expected) in [
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1")][..], ["http://c:1/v1/traces", "http://c:1/v1/metrics"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:1/")], ["https://c:1/v1/traces", "https://c:1/v1/metrics"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/a/b/")], ["http://c/a/b/v1/traces", "http://c/a/b/v1/metrics"]),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/a?key=x")],
            ["http://c/a/v1/traces?key=x", "http://c/a/v1/metrics?key=x"],
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:2")],
            ["http://t:2/", "http://c/v1/metrics"],
        ),
        (
            &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m/api/v1/otlp/v1/metrics")],
            ["http://localhost:4318/v1/traces", "http://m/api/v1/otlp/v1/metrics"],
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:4318")],
            ["http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/metrics"],
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "  ")],
            ["http://localhost:4318/v1/traces", "http://localhost:4318/v1/metrics"],
        ),
    ] {
        assert_eq!(urls(vars), expected, "{vars:?}");
    }
}

#[test]
fn grpc_endpoints_have_no_path_and_may_have_no_scheme() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    for (vars, expected) in [
        (&[grpc][..], ["http://localhost:4317/", "http://localhost:4317/"]),
        (&[grpc, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1")], ["http://c:1/", "http://c:1/"]),
        (&[grpc, ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1")], ["https://c:1/", "https://c:1/"]),
        (
            &[grpc, ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1"), ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true")],
            ["http://c:1/", "https://c:1/"],
        ),
        (
            &[grpc, ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:1"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")],
            ["https://c:1/", "https://c:1/"],
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1")],
            ["http://c:1/", "http://c:1/v1/metrics"],
        ),
    ] {
        assert_eq!(urls(vars), expected, "{vars:?}");
    }
}

#[test]
fn a_bad_endpoint_is_an_error_with_its_place() {
    for (value, problem) in [
        ("localhost:4318", "has no scheme"),
        ("collector.example", "has no scheme"),
        ("ftp://c", "has the unknown scheme `ftp`"),
        ("http://", "is no URL"),
        ("http://:4318", "has no host"),
        ("http://a b", "is no URL"),
    ] {
        let error = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", value)]).unwrap_err().to_string();
        let place = format!("OTEL_EXPORTER_OTLP_ENDPOINT: `{value}` ");
        assert!(error.starts_with(&place) && error.contains(problem), "{error}");
    }
    let error = read(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "x")]).unwrap_err().to_string();
    assert!(error.starts_with("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "), "{error}");
}

#[test]
fn headers_are_decoded_and_the_signals_own_replace_the_general_ones() {
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_HEADERS", " Authorization = Basic%20dXNlcjpwYXNz , x-tenant=a%2Cb=c,,"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-tenant=metrics"),
    ]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let traces = config.traces.unwrap();
    assert_eq!(traces.headers, [pair("authorization", "Basic dXNlcjpwYXNz"), pair("x-tenant", "a,b=c")]);
    assert_eq!(config.metrics.unwrap().headers, [pair("x-tenant", "metrics")]);
    assert!(!format!("{traces:?}").contains("dXNl"), "a header's value is a secret");
}

#[test]
fn every_setting_of_an_endpoint_can_be_general_or_the_signals_own() {
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "/metrics.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/client.key"),
    ]);
    let (traces, metrics) = (config.traces.unwrap(), config.metrics.unwrap());
    assert_eq!(traces.timeout, Duration::from_millis(250));
    assert!(metrics.timeout > Duration::from_secs(3600 * 24 * 365), "0 is no limit");
    assert_eq!((traces.compression, metrics.compression), (Compression::Gzip, Compression::None));
    assert_eq!(traces.tls.ca_file, Some("/ca.pem".into()));
    assert_eq!(traces.tls.client_key_file, Some("/client.key".into()));
    assert_eq!(metrics.tls.ca_file, Some("/metrics.pem".into()));
    assert_eq!(metrics.tls.client_certificate_file, Some("/client.pem".into()));
    assert_eq!(metrics.tls.client_key_file, None);
}

#[test]
fn exporters_can_be_switched_off() {
    assert!(config(&[("OTEL_TRACES_EXPORTER", "none")]).traces.is_none());
    assert!(config(&[("OTEL_METRICS_EXPORTER", "none")]).metrics.is_none());
    assert!(config(&[("OTEL_TRACES_EXPORTER", "otlp")]).traces.is_some());
    let off = config(&[("OTEL_SDK_DISABLED", "TRUE")]);
    assert!(off.disabled && off.endpoint(Signal::Traces).is_none() && off.endpoint(Signal::Metrics).is_none());
    for (value, sent) in [("console", false), ("otlp,console", true), ("prometheus", false)] {
        let config = read(&[("OTEL_TRACES_EXPORTER", value)]).unwrap();
        assert_eq!((config.traces.is_some(), config.warnings.len()), (sent, 1), "{value}");
    }
}

#[test]
fn what_recorders_want_to_know_is_read_too() {
    let config = config(&[
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=a%2Cb,k=1,k=2"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "LowMemory"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4096"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "2000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "3000"),
    ]);
    assert_eq!(config.service_name.as_deref(), Some("shop"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(config.resource_attributes, [pair("deployment.environment.name", "a,b"), pair("k", "2")]);
    assert_eq!((config.sampler, config.temporality), (Sampler::ParentOrRatio(0.25), Temporality::LowMemory));
    assert_eq!((config.span_delay, config.span_batch_max), (Duration::from_millis(100), 64));
    assert_eq!((config.trace_queue.items_max, config.metric_queue.items_max), (Some(4096), None));
    assert_eq!(config.trace_retry.total_max, Duration::from_secs(1));
    assert_eq!(config.metric_interval, Duration::from_secs(2));
    assert_eq!(config.metric_retry.total_max, Duration::from_secs(3));
}

#[test]
fn the_service_may_be_named_among_the_attributes() {
    let config = config(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop")]);
    assert_eq!((config.service_name.as_deref(), config.resource_attributes.len()), (Some("shop"), 0));
}

#[test]
fn every_sampler_has_its_name() {
    for (name, sampler) in [
        ("always_on", Sampler::AlwaysOn),
        ("always_off", Sampler::AlwaysOff),
        ("traceidratio", Sampler::Ratio(1.0)),
        ("parentbased_always_on", Sampler::ParentOrAlwaysOn),
        ("parentbased_always_off", Sampler::ParentOrAlwaysOff),
        ("parentbased_traceidratio", Sampler::ParentOrRatio(1.0)),
    ] {
        assert_eq!(config(&[("OTEL_TRACES_SAMPLER", name)]).sampler, sampler);
    }
}

/// One bad value each: it is ignored, the next best one is used, and there is one warning that names the variable.
#[test]
fn bad_values_are_ignored_with_a_warning() {
    for (variable, value, warning) in [
        ("OTEL_SDK_DISABLED", "yes", "is neither `true` nor `false`; taken as false"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http", "`http` is unknown; use grpc, http/protobuf or http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "lz4", "`lz4` is unknown; use gzip, zstd or none"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "`10s` is no whole number of milliseconds"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1", "`-1` is no whole number of milliseconds"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,secret", "pair 2 has no `=`; write name=value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "=1", "pair 1 has no name; write name=value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%ff", "pair 1 is not UTF-8 once percent-decoded"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=1", "`a b` is no header name"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1%0a2", "the value of `a` has characters that no header may have"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "grpc-timeout=1", "`grpc-timeout` is reserved by gRPC"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b", "pair 2 has no `=`; write name=value; all of it is ignored"),
        (
            "OTEL_TRACES_SAMPLER",
            "jaeger_remote",
            "`jaeger_remote` is unknown; use always_on, always_off or traceidratio, or one of them after `parentbased_`",
        ),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "`2` is no number from 0 to 1; taken as 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN", "`NaN` is no number from 0 to 1; taken as 1"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "both",
            "`both` is unknown; use cumulative, delta or lowmemory",
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "is 0; use a number of milliseconds from 1 up"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "`0` is no whole number from 1 up"),
        (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "99999999999999999999",
            "`99999999999999999999` is no whole number of milliseconds",
        ),
        ("OTEL_TRACES_EXPORTER", "otlp,zipkin", "of `otlp,zipkin` only otlp is spoken here; the rest is left out"),
    ] {
        let config = read(&[(variable, value)]).unwrap();
        let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, [format!("{variable}: {warning}")]);
        let default = ExportConfig::default();
        assert_eq!(config.traces.unwrap().timeout, default.traces.unwrap().timeout);
        assert_eq!((config.disabled, config.sampler), (default.disabled, default.sampler));
    }
    let config = read(&[("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "x"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "7")]).unwrap();
    assert_eq!(config.traces.unwrap().timeout, Duration::from_millis(7), "the general value is the next best one");
}

/// `docs/environment.md` has a row for every variable that is read, and for none that is not.
#[test]
fn the_page_lists_what_is_read() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/environment.md")).unwrap();
    let (honoured, rest) = page.split_once("## What is not honoured").expect("the page has both parts");
    let rows = |text: &str| -> BTreeSet<String> {
        let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name));
        cells.map(str::to_owned).collect()
    };
    let asked = RefCell::new(BTreeSet::new());
    ExportConfig::from_env(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    })
    .unwrap();
    let general = |name: &String| name.replace("OTLP_TRACES_", "OTLP_").replace("OTLP_METRICS_", "OTLP_");
    // The temporality exists for metrics only, and has no general form.
    let asked = asked.into_inner().iter().map(general).collect::<BTreeSet<_>>();
    let listed = rows(honoured).iter().map(general).collect::<BTreeSet<_>>();
    assert_eq!(listed, asked);
    assert!(rows(rest).is_disjoint(&rows(honoured)));
    assert!(!rows(rest).is_empty());
}
