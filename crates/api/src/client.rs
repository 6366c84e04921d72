//! What every typed client stands on: a base URL, a way to get a token, bounded time and size, and errors a person can act on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

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

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token could be had, so the call was not made.
    #[error("no token for {url}: {reason}")]
    Token {
        /// The service that was to be called.
        url: Url,
        /// What the token source said.
        reason: String,
    },
    /// The service was not reached, was too slow, or broke off.
    #[error("{url} cannot be reached: {source}")]
    Unreachable {
        /// What was called, without its query.
        url: Url,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The service refused or failed.
    #[error("{url} answered {status}: {message}")]
    Status {
        /// What was called, without its query.
        url: Url,
        /// The HTTP status.
        status: StatusCode,
        /// What the service said, one line.
        message: String,
    },
    /// The answer was not what the contract says.
    #[error("{url} answered something that is not expected: {reason}")]
    Answer {
        /// What was called, without its query.
        url: Url,
        /// What was wrong with it.
        reason: String,
    },
}

impl Error {
    /// The HTTP status, when the service answered with an error.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A client of one service. Cloning is cheap; connections are shared.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Option<Arc<dyn TokenSource>>,
}
