//! TLS with certificates of the tests' own: who is trusted, and who we are.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use waspect_export::{DropReason, Exporter, Protocol, Tls};

use crate::support::grpc::GrpcServer;
use crate::support::raw::RawPeer;
use crate::support::{config, send_and_flush};

/// A certificate authority, and a directory for what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Authority { issuer, directory: TempDir::new().unwrap() }
    }

    /// A certificate for a name, and its key, in PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn file(&self, name: &str, pem: &str) -> Option<PathBuf> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, pem).unwrap();
        Some(path)
    }

    /// A gRPC server for `localhost` that demands a certificate of this authority if told so.
    fn server(&self, demands: bool) -> GrpcServer {
        let (certificate, key) = self.sign("localhost");
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        let tls = match demands {
            true => tls.client_ca_root(Certificate::from_pem(self.issuer.pem())),
            false => tls,
        };
        GrpcServer::start_with(Some(tls), |_| Ok(ExportTraceServiceResponse::default()))
    }

    /// An HTTPS server that takes everything it can decrypt.
    fn http_server(&self, demands: bool) -> String {
        let (certificate, key) = self.sign("localhost");
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = match demands {
            true => {
                let mut roots = RootCertStore::empty();
                roots.add(self.issuer.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
            false => builder.with_no_client_auth(),
        };
        let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
        let peer = RawPeer::start(move |tcp| {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp);
            if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        });
        peer.address.replace("http://127.0.0.1", "https://localhost")
    }

    fn trusted(&self) -> Tls {
        Tls { ca_file: self.file("ca.pem", &self.issuer.pem()), ..Tls::default() }
    }

    fn identified(&self) -> Tls {
        let (certificate, key) = self.sign("client");
        Tls {
            client_certificate_file: self.file("client.pem", &certificate),
            client_key_file: self.file("client.key", &key),
            ..self.trusted()
        }
    }
}

/// What became of 5 spans.
fn export(address: &str, protocol: Protocol, tls: Tls) -> (u64, u64) {
    let mut config = config(address, protocol);
    config.trace_retry.total_max = std::time::Duration::ZERO;
    config.traces.as_mut().unwrap().tls = tls;
    config.metrics = None;
    let health = send_and_flush(config, 5);
    (health.exported, health.dropped_for(DropReason::RetriesExhausted) + health.unanswered)
}

#[test]
fn a_trusted_server_gets_it_another_does_not() {
    let (ours, other) = (Authority::new(), Authority::new());
    let grpc = ours.server(false);
    let http = ours.http_server(false);
    for (address, protocol) in [(&grpc.address, Protocol::Grpc), (&http, Protocol::HttpProtobuf)] {
        assert_eq!(export(address, protocol, ours.trusted()), (5, 0), "{protocol:?}");
        assert_eq!(export(address, protocol, other.trusted()), (0, 5), "{protocol:?}");
    }
}

#[test]
fn a_server_that_demands_to_know_us_gets_our_certificate() {
    let authority = Authority::new();
    let grpc = authority.server(true);
    let http = authority.http_server(true);
    for (address, protocol) in [(&grpc.address, Protocol::Grpc), (&http, Protocol::HttpProtobuf)] {
        assert_eq!(export(address, protocol, authority.identified()), (5, 0), "{protocol:?}");
        assert_eq!(export(address, protocol, authority.trusted()), (0, 5), "{protocol:?}");
    }
}

#[test]
fn files_that_hold_no_certificate_are_found_at_the_start() {
    let authority = Authority::new();
    let nonsense = authority.file("nonsense.pem", "nonsense");
    let identified = authority.identified();
    for (tls, problem) in [
        (Tls { ca_file: nonsense.clone(), ..Tls::default() }, "nonsense.pem: holds no PEM certificate"),
        (Tls { ca_file: Some("/nowhere/ca.pem".into()), ..Tls::default() }, "/nowhere/ca.pem: No such file"),
        (Tls { client_key_file: None, ..identified.clone() }, "given without its key; give both or none"),
        (
            Tls { client_certificate_file: None, ..identified.clone() },
            "given without its certificate; give both or none",
        ),
        (Tls { client_key_file: nonsense, ..identified }, "nonsense.pem: holds no PEM private key"),
    ] {
        for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
            let mut config = config("https://localhost:1", protocol);
            config.traces.as_mut().unwrap().tls = tls.clone();
            let error = Exporter::start(config).unwrap_err().to_string();
            assert!(error.starts_with("traces endpoint https://localhost:1") && error.contains(problem), "{error}");
        }
    }
}
