//! TLS of our own ports: who has no certificate, certificates that change while we run, and those that cannot be used.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use waspect_collector::{Collector, config};

use crate::support::{Running, figure, spans};

/// Who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A client that trusts whom it signed.
    fn trusting(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.0.pem()))
    }
}

/// The files of a collector.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn identity(&self, (certificate, key): &(String, String)) -> String {
        let (certificate, key) = (self.write("cert.pem", certificate), self.write("key.pem", key));
        format!("cert_file: {}, key_file: {}", certificate.display(), key.display())
    }
}

async fn connect(
    address: SocketAddr,
    tls: ClientTlsConfig,
) -> Result<TraceServiceClient<Channel>, tonic::transport::Error> {
    let endpoint = Endpoint::new(format!("https://localhost:{}", address.port())).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await.map(TraceServiceClient::new)
}

#[tokio::test]
async fn only_who_has_a_certificate_gets_in() {
    let (ours, theirs, strangers, files) = (Authority::new(), Authority::new(), Authority::new(), Files::new());
    let clients = files.write("clients.pem", &theirs.0.pem());
    let tls = format!("{}, client_ca_file: {}", files.identity(&ours.sign("localhost")), clients.display());
    let running =
        Running::start(&format!("{{receivers: {{otlp: {{protocols: {{grpc: {{tls: {{{tls}}}}}, http: }}}}}}}}")).await;
    let identified = |authority: &Authority| {
        let (certificate, key) = authority.sign("client");
        ours.trusting().identity(Identity::from_pem(certificate, key))
    };
    let mut client = connect(running.grpc(), identified(&theirs)).await.unwrap();
    client.export(spans(0, 3)).await.unwrap();
    // A client may learn only at its first request that it is not let in.
    for (who, tls) in [("nobody", ours.trusting()), ("a stranger", identified(&strangers))] {
        let refused = match connect(running.grpc(), tls).await {
            Ok(mut client) => client.export(spans(3, 1)).await.is_err(),
            Err(_) => true,
        };
        assert!(refused, "{who}");
    }
    assert!(connect(running.grpc(), strangers.trusting()).await.is_err(), "a client sees who we are");

    // Plain text is no handshake, and is told nothing.
    let mut plain = TcpStream::connect(running.grpc()).await.unwrap();
    plain.write_all(b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = plain.read_to_end(&mut said).await;
    assert!(!said.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&said));
    until(async || figure(&running, "waspect_collector_refused_total{waspect_drop_reason=\"handshake\"}").await >= 3)
        .await;
    assert_eq!(running.stored().await.len(), 1, "what the one client sent");
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let (ours, files) = (Authority::new(), Files::new());
    let tls = files.identity(&ours.sign("localhost"));
    let grpc = format!("grpc: {{read_header_timeout: 300ms, tls: {{{tls}}}}}");
    let running = Running::start(&format!("{{receivers: {{otlp: {{protocols: {{{grpc}}}}}}}}}")).await;
    let mut stream = TcpStream::connect(running.grpc()).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut [0; 10])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
}

#[tokio::test]
async fn certificates_that_change_are_read_again_and_broken_ones_are_not_used() {
    let (first, second, files) = (Authority::new(), Authority::new(), Files::new());
    let tls = files.identity(&first.sign("localhost"));
    let grpc = format!("grpc: {{tls: {{{tls}, reload_interval: 1ms}}}}");
    let running = Running::start(&format!("{{receivers: {{otlp: {{protocols: {{{grpc}}}}}}}}}")).await;
    connect(running.grpc(), first.trusting()).await.unwrap();
    files.write("cert.pem", "half a certifi");
    tokio::time::sleep(Duration::from_millis(2)).await;
    connect(running.grpc(), first.trusting()).await.unwrap();
    files.identity(&second.sign("localhost"));
    until(async || connect(running.grpc(), second.trusting()).await.is_ok()).await;
    assert!(connect(running.grpc(), first.trusting()).await.is_err());
}

#[tokio::test]
async fn files_that_cannot_be_used_are_said_at_start() {
    let (authority, files) = (Authority::new(), Files::new());
    let ((certificate, _), (_, key)) = (authority.sign("localhost"), authority.sign("other"));
    let certificate = files.write("cert.pem", &certificate);
    let [other, empty] = [files.write("other.pem", &key), files.write("empty.pem", "")];
    let nowhere = Path::new("/nowhere/cert.pem");
    for (settings, expected) in [
        (
            [nowhere, &other, &certificate],
            "cert_file: `NOWHERE` cannot be read: No such file or directory (os error 2)",
        ),
        ([&certificate, &empty, &certificate], "key_file: `EMPTY` holds no private key in PEM"),
        ([&certificate, &certificate, &certificate], "key_file: `CERT` holds no private key in PEM"),
        (
            [&certificate, &other, &certificate],
            "key_file: `OTHER` cannot be used: keys may not be consistent: KeyMismatch",
        ),
        ([&certificate, &other, &empty], "client_ca_file: `EMPTY` holds no certificate in PEM"),
    ] {
        let [certificate_file, key, clients] = settings.map(Path::display);
        let yaml =
            format!("query: {{tls: {{cert_file: {certificate_file}, key_file: {key}, client_ca_file: {clients}}}}}");
        // What a failed start had open is let go a moment later.
        let store = tempfile::tempdir().unwrap();
        let store = store.path().display().to_string();
        let config = config::load(&yaml, [("WASPECT_COLLECT__STORAGE__DIRECTORY".to_owned(), store)]).unwrap();
        let error = Collector::start(&config).await.err().expect("it cannot speak TLS").to_string();
        let names = [("NOWHERE", nowhere), ("EMPTY", &empty), ("OTHER", &other), ("CERT", &certificate)];
        let expected = names
            .iter()
            .fold(expected.to_owned(), |text, (name, path)| text.replace(name, &path.display().to_string()));
        assert_eq!(error, format!("query.tls.{expected}"));
    }
}

/// Asks until it is so: a guard against waiting for ever, not a measurement.
async fn until(is: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is().await {
        assert!(began.elapsed() < Duration::from_secs(60), "it takes too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
