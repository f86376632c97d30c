//! TLS of the places where we listen: PEM files in, handshakes out. Knows no HTTP.
//!
//! Certificates are renewed while we run: files are read again, when a client comes and what is known of them is old. Files that are
//! broken then, or not all written yet, change nothing: what was read last is good until it expires.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

use crate::config::ServerTls;

/// What a client may speak then, the one that we prefer first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a place cannot speak TLS: the setting, the file, and what is wrong with it.
#[derive(Debug, Error)]
#[error("{setting}: `{}` {problem}", path.display())]
pub struct TlsError {
    setting: &'static str,
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("holds no {0} in PEM")]
    Nothing(&'static str),
    #[error("cannot be used: {0}")]
    Unusable(String),
}

/// What a place needs to speak TLS.
pub struct Tls {
    place: &'static str,
    files: ServerTls,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    /// Whether it was told already that they cannot be read again.
    stale: bool,
    looked: Instant,
}

impl Tls {
    /// Reads the files.
    pub fn read(place: &'static str, files: &ServerTls) -> Result<Tls, TlsError> {
        let config = read(files)?;
        let current = Mutex::new(Current { config, stale: false, looked: Instant::now() });
        Ok(Tls { place, files: files.clone(), current })
    }

    /// One handshake.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        if self.is_old() {
            let files = self.files.clone();
            let again = tokio::task::spawn_blocking(move || read(&files)).await.map_err(io::Error::other)?;
            self.renew(again);
        }
        let config = self.lock().config.clone();
        TlsAcceptor::from(config).accept(stream).await
    }

    /// True once an interval: whoever is told so looks at the files.
    fn is_old(&self) -> bool {
        let interval = self.files.reload_interval;
        let mut current = self.lock();
        let old = !interval.is_zero() && current.looked.elapsed() >= interval;
        if old {
            current.looked = Instant::now();
        }
        old
    }

    fn renew(&self, again: Result<Arc<ServerConfig>, TlsError>) {
        let mut current = self.lock();
        match again {
            Ok(config) => {
                current.config = config;
                if std::mem::take(&mut current.stale) {
                    info!(place = self.place, "the files of TLS can be read again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut current.stale, true) {
                    let why = format!("{}.tls.{error}", self.place);
                    warn!(why, "what was read before goes on being used");
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(files: &ServerTls) -> Result<Arc<ServerConfig>, TlsError> {
    // Named here, so that nothing depends on what else the process has linked or installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring speaks the default TLS versions");
    let builder = match &files.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let unusable = |error: &dyn Error| TlsError::new("client_ca_file", path, Problem::unusable(error));
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client_ca_file", path)? {
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(&error))?)
        }
    };
    let (chain, key) = (certificates("cert_file", &files.cert_file)?, key(&files.key_file)?);
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::new("key_file", &files.key_file, Problem::unusable(&error)))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(config.into())
}

fn certificates(setting: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |problem| TlsError::new(setting, path, problem);
    let pem = fs::read(path).map_err(|error| fail(Problem::Unreadable(error)))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(fail(Problem::Nothing("certificate"))),
        Ok(found) => Ok(found),
        Err(error) => Err(fail(Problem::unusable(&error))),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let fail = |problem| TlsError::new("key_file", path, problem);
    let pem = fs::read(path).map_err(|error| fail(Problem::Unreadable(error)))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        pem::Error::NoItemsFound => fail(Problem::Nothing("private key")),
        error => fail(Problem::unusable(&error)),
    })
}

impl TlsError {
    fn new(setting: &'static str, path: &Path, problem: Problem) -> TlsError {
        TlsError { setting, path: path.to_owned(), problem }
    }
}

impl Problem {
    fn unusable(error: &dyn Error) -> Problem {
        Problem::Unusable(error.to_string())
    }
}
