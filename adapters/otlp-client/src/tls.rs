//! Whom to trust and who we are: PEM files to what gRPC and HTTP need of them.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::endpoint::{Endpoint, Tls};

/// PEM files that were read and hold what they should.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// Certificates to trust instead of the system's.
    ca: Option<Vec<u8>>,
    /// Our certificate chain and key.
    client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Credentials {
    /// What an endpoint needs; nothing if it speaks plain text.
    pub fn for_endpoint(endpoint: &Endpoint) -> Result<Option<Credentials>, String> {
        match endpoint.url.scheme_str() {
            Some("https") => Credentials::read(&endpoint.tls).map(Some),
            _ => Ok(None),
        }
    }

    fn read(tls: &Tls) -> Result<Credentials, String> {
        let ca = tls.ca_file.as_deref().map(read_certificates).transpose()?;
        let client = match (&tls.client_certificate_file, &tls.client_key_file) {
            (Some(certificate), Some(key)) => Some((read_certificates(certificate)?, read_key(key)?)),
            (None, None) => None,
            (Some(_), None) => return Err("a client certificate is given without its key; give both or none".into()),
            (None, Some(_)) => return Err("a client key is given without its certificate; give both or none".into()),
        };
        Ok(Credentials { ca, client })
    }

    /// As tonic takes them.
    pub fn tonic(&self) -> ClientTlsConfig {
        let tls = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match &self.client {
            Some((certificate, key)) => tls.identity(Identity::from_pem(certificate, key)),
            None => tls,
        }
    }

    /// As an HTTP client on rustls takes them.
    pub fn rustls(&self) -> Result<ClientConfig, String> {
        let builder = builder().with_root_certificates(self.roots()?);
        let Some((certificate, key)) = &self.client else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| error.to_string())?;
        builder.with_client_auth_cert(chain, key).map_err(|error| format!("client certificate and key: {error}"))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(ca) => {
                for certificate in certificates(ca)? {
                    roots.add(certificate).map_err(|error| format!("CA certificate: {error}"))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err("the system has no CA certificates; install them or name a file of them".into());
                }
            }
        }
        Ok(roots)
    }
}

/// For an HTTP client that will meet no `https`: it trusts nobody.
pub(crate) fn no_trust() -> ClientConfig {
    builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// The crypto provider is named here, so that nothing depends on what else the process has linked or installed.
fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks the default TLS versions")
}

fn read_certificates(path: &Path) -> Result<Vec<u8>, String> {
    let pem = read(path)?;
    match certificates(&pem)?.is_empty() {
        true => Err(format!("{}: holds no PEM certificate", path.display())),
        false => Ok(pem),
    }
}

fn read_key(path: &Path) -> Result<Vec<u8>, String> {
    let pem = read(path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err(format!("{}: holds no PEM private key", path.display())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| format!("certificates: {error}"))
}
