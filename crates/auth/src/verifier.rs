use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::insecure::Insecure;
use crate::jwt::{JwtSettings, JwtVerifier};
use crate::token_info::{TokenInfoSettings, TokenInfoVerifier};
use crate::{Caller, SetupError};

/// Why a token was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token is malformed, forged, expired, revoked or not meant for us. Services answer 401.
    #[error("the access token is not valid")]
    Invalid,
    /// The token is valid but does not say whose it is. Services answer 403 (contract kio 2.2).
    #[error("the access token does not name a user")]
    Nobody,
    /// Whether it is valid cannot be said now. Services answer 503.
    #[error("tokens cannot be verified now: {0}")]
    Unavailable(String),
}

/// Who a token belongs to, as it is being found out.
pub type Verification<'a> = Pin<Box<dyn Future<Output = Result<Arc<Caller>, VerifyError>> + Send + 'a>>;

/// A way to verify bearer tokens.
pub trait Verify: Send + Sync {
    /// Says who the token belongs to.
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a>;
}

/// How a service verifies the tokens of its callers. Cloning is cheap.
#[derive(Clone)]
pub struct Verifier(Arc<dyn Verify>);

impl Verifier {
    /// A verifier of another kind: the identity service asks its own keys.
    pub fn new(verify: impl Verify + 'static) -> Self {
        Self(Arc::new(verify))
    }

    /// Verifies tokens by identity's published keys, without asking for each token. Must be called inside a tokio runtime:
    /// keys are refreshed in the background for as long as the verifier lives.
    pub fn jwt(settings: JwtSettings) -> Result<Self, SetupError> {
        Ok(Self(JwtVerifier::start(settings)?))
    }

    /// Verifies tokens by asking a foreign token info endpoint.
    pub fn token_info(settings: TokenInfoSettings) -> Result<Self, SetupError> {
        Ok(Self::new(TokenInfoVerifier::new(settings)?))
    }

    /// Takes every token, also none, as that of a developer who may do everything. Only for `--insecure-no-auth`.
    pub fn insecure_no_auth() -> Self {
        Self::new(Insecure)
    }

    /// Says who the token belongs to.
    pub async fn verify(&self, token: &str) -> Result<Arc<Caller>, VerifyError> {
        self.0.verify(token).await
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier")
    }
}
