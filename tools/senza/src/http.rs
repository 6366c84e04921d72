//! HTTP other than AWS's: definitions at URLs, Docker registries, the addresses of stacks.

use std::time::Duration;

use reqwest::Client;

/// A client whose requests take `timeout` at most, in all.
pub(crate) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    // Fails when the process has chosen one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .connect_timeout(timeout)
        .timeout(timeout)
        .user_agent(concat!("senza/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The innermost cause, which says most: "connection refused", not "error sending request".
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(deeper) = innermost.source() {
        innermost = deeper;
    }
    innermost.to_string()
}
