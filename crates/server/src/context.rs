//! What the frame knows about a request, for the extractors.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use stups_auth::{Caller, Verifier};

use crate::Error;
use crate::rates::Rates;

/// Put into every request's extensions by the frame.
#[derive(Clone)]
pub(crate) struct Context {
    /// As sent back in `X-Request-Id`: visible ASCII.
    pub(crate) request_id: HeaderValue,
    /// Who is at the other end, as far as trusted proxies tell.
    pub(crate) address: Option<IpAddr>,
    /// Who is calling, where the frame has verified the token already.
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) settings: Arc<ContextSettings>,
}

/// What the extractors of one service need.
pub(crate) struct ContextSettings {
    pub(crate) verifier: Verifier,
    /// Whether requests without a token are let in, as the person who started the service typed.
    pub(crate) insecure_no_auth: bool,
    /// How many bytes a body may have.
    pub(crate) body_limit: usize,
    /// How many requests a caller may send, where that is bounded.
    pub(crate) rates: Option<Rates>,
}

impl Context {
    pub(crate) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a handler runs outside of the service's frame");
            Error::internal()
        })
    }
}
