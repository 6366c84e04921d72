//! What every typed client stands on: a base URL, a way to get a token, bounded time and size, and errors a person can act on.

mod answer;
mod error;
mod request;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::ACCEPT;
use secrecy::SecretString;
use url::Url;

pub use answer::Answer;
pub use error::Error;
pub use request::Request;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a whole call may take, unless the client says otherwise.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes an answer may have, unless the client says otherwise: a registry of tens of thousands of applications.
const ANSWER_LIMIT: usize = 64 << 20;

/// Where a client gets the bearer token of its next request.
pub trait TokenSource: Send + Sync {
    /// A token that is valid now, or why there is none.
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>>;
}

/// A token that was handed over: the caller's own, passed on.
impl TokenSource for SecretString {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(async move { Ok(self.clone()) })
    }
}

/// A client of one service. Cloning is cheap; connections are shared.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Option<Arc<dyn TokenSource>>,
    timeout: Duration,
    answer_limit: usize,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the service at `base`, without a token. A path in `base` is kept in front of every path.
    ///
    /// Fails only when the machine's trusted certificates cannot be read.
    pub fn new(base: Url) -> Result<Self, Error> {
        let http = http_client().map_err(|source| Error::Unreachable {
            url: Box::new(without_query(&base)),
            source,
        })?;
        Ok(Self {
            http,
            base,
            tokens: None,
            timeout: CALL_TIMEOUT,
            answer_limit: ANSWER_LIMIT,
        })
    }

    /// The same client with bearer tokens from `source`.
    #[must_use]
    pub fn with_tokens(self, source: impl TokenSource + 'static) -> Self {
        self.with_shared_tokens(Arc::new(source))
    }

    /// The same client with bearer tokens from a source that others use too.
    #[must_use]
    pub fn with_shared_tokens(self, source: Arc<dyn TokenSource>) -> Self {
        Self {
            tokens: Some(source),
            ..self
        }
    }

    /// The same client, on behalf of a caller: with the caller's token.
    #[must_use]
    pub fn on_behalf_of(&self, token: &SecretString) -> Self {
        self.clone().with_tokens(token.clone())
    }

    /// The same client with another bound on the time of one call (30 seconds by default).
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same client with another bound on the bytes of one answer (64 MiB by default).
    #[must_use]
    pub fn with_answer_limit(self, bytes: usize) -> Self {
        Self {
            answer_limit: bytes,
            ..self
        }
    }

    /// Where the service is.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// A `GET` of the path: `client.get(&["apps", id])`. Segments are percent-encoded.
    pub fn get(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::GET, path)
    }

    /// A `PUT` to the path.
    pub fn put(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::PUT, path)
    }

    /// A `POST` to the path.
    pub fn post(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::POST, path)
    }

    /// A `PATCH` of the path.
    pub fn patch(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE` of the path.
    pub fn delete(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request of any method.
    pub fn request(&self, method: Method, path: &[&str]) -> Request<'_> {
        let url = below(&self.base, path);
        let builder = self
            .http
            .request(method, url.clone())
            .timeout(self.timeout)
            .header(ACCEPT, "application/json");
        Request {
            client: self,
            url: without_query(&url),
            builder,
            authorised: false,
            body: Ok(()),
        }
    }

    /// A request of an address that a service gave: the next page of a list. Without a token when it is on another host.
    pub fn follow(&self, method: Method, url: &Url) -> Request<'_> {
        let builder = self
            .http
            .request(method, url.clone())
            .timeout(self.timeout)
            .header(ACCEPT, "application/json");
        let authorised = url.origin() != self.base.origin();
        Request {
            client: self,
            url: without_query(url),
            builder,
            authorised,
            body: Ok(()),
        }
    }
}

fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// `base` with the segments below its path.
fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// Connections over rustls with ring, the machine's trusted certificates, no proxy surprises beyond the environment's.
fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Fails when it is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .user_agent(concat!("stups/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(3))
        .build()
}
