//! The HTTP client of the tests.

use std::time::Duration;

/// A client without redirects, with bounded time; for tests that are a browser or a curl.
pub fn client() -> reqwest::Client {
    // A second test of the same binary finds it installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        .build()
        .expect("the client is built of constants")
}
