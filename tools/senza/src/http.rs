//! HTTP other than AWS's: definitions at URLs, Docker registries, the addresses of stacks.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
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

/// The body that GET answers with `headers`, in `timeout` and with at most `limit` bytes; an error in words. Redirections are not
/// followed when there are headers: they may be secret.
pub(crate) async fn get_limited(
    url: &str,
    headers: &[(HeaderName, HeaderValue)],
    timeout: Duration,
    limit: usize,
) -> Result<Vec<u8>, String> {
    let failed = |error: reqwest::Error| cause(&error);
    let builder = builder(timeout);
    let builder = if headers.is_empty() {
        builder
    } else {
        builder.redirect(Policy::none())
    };
    let client = builder.build().map_err(failed)?;
    let request = client.get(url).headers(headers.iter().cloned().collect());
    let mut response = request.send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(format!("the server answered {}", response.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > limit {
            return Err(format!("it is larger than {limit} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The innermost cause, which says most: "connection refused", not "error sending request".
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(deeper) = innermost.source() {
        innermost = deeper;
    }
    innermost.to_string()
}

#[cfg(test)]
pub(crate) mod test_server;
