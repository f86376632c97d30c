//! Endpoints that speak TLS, and want to know who we are.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::sink::Sink;
use crate::{figure, send, start, until};

const QUICK: &str = "retry_on_failure: {initial_interval: 20ms, max_interval: 100ms}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_wants_a_certificate_gets_ours_and_until_then_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let signed = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem())
    };
    let file = |name: &str, pem: &str| {
        let path = directory.path().join(name);
        fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = signed("localhost");
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority.pem()));
    let sink = Sink::start_with(Some(tls)).await;
    let (certificate, key) = signed("collector");
    let trust = format!("ca_file: {}", file("ca.pem", &authority.pem()));
    let identity = format!("cert_file: {}, key_file: {}", file("cert.pem", &certificate), file("key.pem", &key));
    let exporters =
        |tls: &str| format!("{{otlp: {{endpoint: \"localhost:{}\", tls: {{{tls}}}, {QUICK}}}}}", sink.grpc.port());
    let store = directory.path().join("store");

    let collector = start(&store, &exporters(&trust), "").await;
    send(&collector, 0..10).await;
    until("it tries again", async || figure(&collector, "waspect_collector_forward_retries_total", "").await > 1).await;
    assert!(collector.shutdown(std::time::Duration::from_secs(20)).await.unwrap());
    assert_eq!(sink.grpc_count(), 0);

    let collector = start(&store, &exporters(&format!("{trust}, {identity}")), "").await;
    until("it has all of it", async || sink.grpc_count() == 10).await;
    assert!(collector.shutdown(std::time::Duration::from_secs(20)).await.unwrap());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_said_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "exporters: {otlp: {endpoint: \"localhost:1\", tls: {ca_file: /nowhere/ca.pem}}}";
    let place = ("WASPECT_COLLECT__STORAGE__DIRECTORY".to_owned(), directory.path().display().to_string());
    let config = waspect_collector::config::load(yaml, [place].into_iter()).unwrap();
    let error = waspect_collector::Collector::start(&config).await.err().expect("it has no certificates");
    assert_eq!(error.to_string(), "exporters.otlp: /nowhere/ca.pem: No such file or directory (os error 2)");
}
