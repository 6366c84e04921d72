//! The HTTP client of every AWS client: TLS is only prepared when the first `https` request is made.
//!
//! The SDK's own client loads the operating system's certificates as soon as a client is made, which costs more than all the
//! rest of a short command; against an `http` endpoint it is never needed.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// A client that connects with or without TLS as the request's address says. Proxies are those of the environment
/// (`HTTPS_PROXY`, `NO_PROXY`); plain `http` goes straight to its address: emulators and the instance metadata service.
pub(crate) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Client::default())
}

#[derive(Debug, Default)]
struct Client {
    /// One connection pool for each pair of connect and read timeout: the services share one, the metadata service has its own.
    pools: Mutex<Vec<(Timeouts, SharedHttpConnector)>>,
}

type Timeouts = (Option<Duration>, Option<Duration>);

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = pools.iter().find(|(known, _)| *known == timeouts) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(BySchemeConnector {
            plain: patient(connector_builder(settings, components).build_http(), components),
            secure: OnceLock::new(),
            settings: settings.clone(),
            components: components.clone(),
        });
        pools.push((timeouts, connector.clone()));
        connector
    }
}

#[derive(Debug)]
struct BySchemeConnector {
    plain: PatientConnector,
    /// or why there is none
    secure: OnceLock<Result<PatientConnector, String>>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl BySchemeConnector {
    fn secure(&self) -> Result<PatientConnector, String> {
        let mut builder = connector_builder(&self.settings, &self.components)
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::Ring));
        if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            builder = builder.tls_context(trust_only(Path::new(&path))?);
        }
        Ok(patient(builder.build(), &self.components))
    }
}

impl HttpConnector for BySchemeConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with("http://") {
            return self.plain.call(request);
        }
        match self.secure.get_or_init(|| self.secure()) {
            Ok(connector) => connector.call(request),
            Err(reason) => HttpConnectorFuture::ready(Err(ConnectorError::user(reason.clone().into()))),
        }
    }
}

/// TLS that trusts the certificates in the file at `path`, as the AWS CLI does, instead of the operating system's.
fn trust_only(path: &Path) -> Result<TlsContext, String> {
    let wrong = |reason: &str| format!("AWS_CA_BUNDLE is \"{}\": {reason}", path.display());
    let bundle = std::fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    // The SDK's client takes for granted that it can read them.
    let certificates = CertificateDer::pem_slice_iter(&bundle)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(&error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in it"));
    }
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| wrong(&error.to_string()))?;
    }
    TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(bundle))
        .build()
        .map_err(|error| wrong(&error.to_string()))
}

/// The pauses before a connection that could not be made is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

fn patient(connector: Connector, components: &RuntimeComponents) -> PatientConnector {
    PatientConnector {
        connector: SharedHttpConnector::new(connector),
        sleep: components.sleep_impl(),
    }
}

/// Tries a connection that cannot be made again a few times, but not as long as a call that AWS throttles: a wrong address, a
/// machine without network or a server that is down stay so, and a person waits for the answer.
#[derive(Clone, Debug)]
struct PatientConnector {
    connector: SharedHttpConnector,
    sleep: Option<SharedAsyncSleep>,
}

impl HttpConnector for PatientConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            for pause in PAUSES {
                let Some(copy) = request.try_clone() else { break };
                match this.connector.call(copy).await {
                    Err(error) if is_not_connected(&error) => {}
                    answer => return answer,
                }
                if let Some(sleep) = &this.sleep {
                    sleep.sleep(pause).await;
                }
            }
            this.connector.call(request).await.map_err(|error| {
                if is_not_connected(&error) {
                    // No kind: the SDK does not try it again.
                    ConnectorError::other(error.into_source(), None)
                } else {
                    error
                }
            })
        })
    }
}

/// Whether not even a connection was made: nothing was sent.
fn is_not_connected(error: &ConnectorError) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        // What hyper's client says of it; its error's type is private.
        if error.to_string().starts_with("client error (Connect)") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn connector_builder(settings: &HttpConnectorSettings, components: &RuntimeComponents) -> ConnectorBuilder {
    let mut builder = Connector::builder().connector_settings(settings.clone());
    builder.set_sleep_impl(components.sleep_impl());
    builder
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers every request with an error that says `message`, and counts them.
    #[derive(Clone, Debug)]
    struct Failing {
        message: &'static str,
        count: Arc<AtomicUsize>,
    }

    impl HttpConnector for Failing {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.count.fetch_add(1, Ordering::Relaxed);
            HttpConnectorFuture::ready(Err(ConnectorError::io(self.message.into())))
        }
    }

    #[tokio::test]
    async fn only_a_connection_that_was_not_made_is_tried_again_and_then_given_up() {
        for (message, attempts, is_given_up) in [
            ("client error (Connect): connection refused", 3, true),
            ("connection reset", 1, false),
        ] {
            let failing = Failing {
                message,
                count: Arc::default(),
            };
            let connector = PatientConnector {
                connector: SharedHttpConnector::new(failing.clone()),
                sleep: None,
            };
            let error = connector.call(HttpRequest::empty()).await.unwrap_err();
            assert_eq!(failing.count.load(Ordering::Relaxed), attempts, "{message}");
            // The SDK tries errors of input and output again.
            assert_eq!(!error.is_io(), is_given_up, "{message}");
        }
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bundle.pem");
        let reason = || trust_only(&path).unwrap_err();
        assert!(reason().contains("bundle.pem\": No such file"), "{}", reason());
        std::fs::write(&path, "nothing").unwrap();
        assert!(reason().ends_with("there is no certificate in it"), "{}", reason());
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, certificate).unwrap();
        assert!(reason().starts_with("AWS_CA_BUNDLE is"), "{}", reason());
    }
}
