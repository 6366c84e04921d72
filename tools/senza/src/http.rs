//! HTTP other than AWS's: definitions at URLs, Docker registries, the addresses of stacks.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

/// A client whose requests take `timeout` at most, in all.
pub(crate) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    builder(timeout).build()
}

fn builder(timeout: Duration) -> ClientBuilder {
    // Fails when the process has chosen one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .connect_timeout(timeout)
        .timeout(timeout)
        .user_agent(concat!("senza/", env!("CARGO_PKG_VERSION")))
}

/// As [`client`], but `name` is at `address`, and the certificates that the PEM text `authority` has issued are trusted too.
#[cfg(test)]
pub(crate) fn client_that_finds(
    timeout: Duration,
    name: &str,
    address: std::net::SocketAddr,
    authority: Option<&str>,
) -> Client {
    let trusted = authority.map(|authority| reqwest::Certificate::from_pem(authority.as_bytes()).unwrap());
    builder(timeout)
        .no_proxy()
        .resolve(name, address)
        .tls_certs_merge(trusted)
        .build()
        .unwrap()
}

/// The innermost cause, which says most: "connection refused", not "error sending request".
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(deeper) = innermost.source() {
        innermost = deeper;
    }
    innermost.to_string()
}
