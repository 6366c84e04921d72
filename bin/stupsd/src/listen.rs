//! The sockets that services listen on.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use url::Url;

use crate::config::{ServiceSettings, Settings};

/// A socket, and how callers reach it.
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    /// How callers reach it.
    pub(crate) public_url: Url,
    /// How services in the same process reach it.
    pub(crate) inside_url: Url,
}

/// Takes the service's address. A default port that is taken is replaced by a free one, with a word about it; a configured one
/// is an error.
pub(crate) async fn bind(settings: &Settings, service: &ServiceSettings) -> anyhow::Result<Listening> {
    let name = service.name;
    let listener = match &service.common.listen {
        Some(listen) => TcpListener::bind(listen)
            .await
            .with_context(|| format!("{name} cannot listen on {listen}"))?,
        None => default(service).await?,
    };
    let address = listener.local_addr()?;
    let tls = service.common.tls_certificate.is_some();
    let loopback = address.ip().is_loopback();
    if !loopback && !tls && service.common.trusted_proxies.is_empty() && !settings.insecure_plain_http {
        bail!(
            "{name} would take tokens in the clear on {address}: set {name}.tls_certificate and {name}.tls_key, name the proxies \
             that end TLS in {name}.trusted_proxies, or type --insecure-plain-http"
        );
    }
    let reached = if address.ip().is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        address.ip()
    };
    let here: Url = format!(
        "{}://{}",
        if tls { "https" } else { "http" },
        SocketAddr::new(reached, address.port())
    )
    .parse()?;
    let public_url = service.common.public_url.clone().unwrap_or_else(|| here.clone());
    // A certificate is for the public name, not for loopback.
    let inside_url = if tls { public_url.clone() } else { here };
    Ok(Listening {
        listener,
        public_url,
        inside_url,
    })
}

async fn default(service: &ServiceSettings) -> anyhow::Result<TcpListener> {
    let name = service.name;
    let port = name.default_port();
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            eprintln!(
                "Port {port} is taken; {name} listens on port {} instead.",
                listener.local_addr()?.port()
            );
            Ok(listener)
        }
        Err(error) => Err(error).with_context(|| format!("{name} cannot listen on 127.0.0.1:{port}")),
    }
}
