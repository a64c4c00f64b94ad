//! TCP with mutual TLS: who has no certificate of our authority is not heard.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Who may speak to us over TCP, and as whom we answer.
#[derive(Debug, Clone)]
pub struct Tls(pub(crate) Arc<ServerConfig>);

impl Tls {
    /// Reads the three files: the authority that clients' certificates must come from, our certificate and its key.
    ///
    /// # Errors
    /// A file cannot be read or is not what it should be.
    pub fn read(authority: &Path, certificate: &Path, key: &Path) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for root in certificates(authority)? {
            roots.add(root).map_err(|error| about(authority, error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| about(authority, error))?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| about(key, error))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(certificate)?, private)
            .map_err(|error| about(certificate, error))?;
        Ok(Self(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<_, _>>).map_err(|error| about(path, error))?;
    if found.is_empty() { Err(about(path, "no certificate in it")) } else { Ok(found) }
}

fn about(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
