use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Caller;

/// Why a token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The token is malformed, forged, expired, revoked or not meant for us. Services answer 401.
    #[error("the access token is not valid")]
    Invalid,
    /// Whether it is valid cannot be said now. Services answer 503.
    #[error("tokens cannot be verified now: {0}")]
    Unavailable(String),
}

/// A way to verify bearer tokens.
pub trait Verify: Send + Sync {
    /// Says who the token belongs to.
    fn verify<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = Result<Caller, VerifyError>> + Send + 'a>>;
}

/// How a service verifies the tokens of its callers. Cloning is cheap.
#[derive(Clone)]
pub struct Verifier(Arc<dyn Verify>);

impl Verifier {
    /// A verifier of another kind: the identity service asks its own keys.
    pub fn new(verify: impl Verify + 'static) -> Self {
        Self(Arc::new(verify))
    }

    /// Says who the token belongs to.
    pub async fn verify(&self, token: &str) -> Result<Caller, VerifyError> {
        self.0.verify(token).await
    }
}
