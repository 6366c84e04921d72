//! The HTTP client of every AWS client: TLS is only prepared when the first `https` request is made.
//!
//! The SDK's own client loads the operating system's certificates as soon as a client is made, which costs more than all the
//! rest of a short command; against an `http` endpoint it is never needed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

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
            plain: connector_builder(settings, components).build_http(),
            secure: std::sync::OnceLock::new(),
            settings: settings.clone(),
            components: components.clone(),
        });
        pools.push((timeouts, connector.clone()));
        connector
    }
}

#[derive(Debug)]
struct BySchemeConnector {
    plain: Connector,
    secure: std::sync::OnceLock<Connector>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for BySchemeConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with("http://") {
            return self.plain.call(request);
        }
        self.secure
            .get_or_init(|| {
                connector_builder(&self.settings, &self.components)
                    .proxy_config(ProxyConfig::from_env())
                    .tls_provider(Provider::Rustls(CryptoMode::Ring))
                    .build()
            })
            .call(request)
    }
}

fn connector_builder(settings: &HttpConnectorSettings, components: &RuntimeComponents) -> ConnectorBuilder {
    let mut builder = Connector::builder().connector_settings(settings.clone());
    builder.set_sleep_impl(components.sleep_impl());
    builder
}
