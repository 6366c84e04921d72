//! TLS by certificate files, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::StartError;

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(10);

/// A certificate and its key, in PEM files.
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RustlsConfig,
    read: (Vec<u8>, Vec<u8>),
}

impl Tls {
    /// Reads the files. The certificate file holds the whole chain, the service's own certificate first.
    pub fn load(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, StartError> {
        let (certificate, key) = (certificate.into(), key.into());
        let read = (file(&certificate)?, file(&key)?);
        let config = RustlsConfig::from_config(parse(&read).map_err(StartError::Other)?);
        Ok(Self {
            certificate,
            key,
            config,
            read,
        })
    }

    pub(crate) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Uses changed files from the next connection on. Files that cannot be used leave the old certificate in use. Says
    /// whether there was a change.
    pub fn reload(&mut self) -> Result<bool, StartError> {
        let read = (file(&self.certificate)?, file(&self.key)?);
        if read == self.read {
            return Ok(false);
        }
        self.config.reload_from_config(parse(&read).map_err(StartError::Other)?);
        self.read = read;
        Ok(true)
    }

    /// Reloads forever. A change is often seen half: the certificate before the key; it is tried again.
    pub(crate) async fn keep(mut self) {
        let mut told = None;
        loop {
            tokio::time::sleep(POLL).await;
            match self.reload() {
                Ok(true) => {
                    told = None;
                    tracing::info!(certificate = %self.certificate.display(), "new TLS certificate in use");
                }
                Ok(false) => {}
                Err(error) => {
                    let reason = error.to_string();
                    if told.as_ref() != Some(&reason) {
                        tracing::error!(%reason, "the TLS certificate cannot be reloaded; the old one stays in use");
                        told = Some(reason);
                    }
                }
            }
        }
    }
}

fn file(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::Io {
        what: path.display().to_string(),
        source,
    })
}

fn parse((certificate, key): &(Vec<u8>, Vec<u8>)) -> Result<Arc<ServerConfig>, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the TLS certificate cannot be read: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the TLS key cannot be read: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("the TLS certificate cannot be used: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
