//! Logging people in at another OpenID provider (OpenID Connect Core 1.0, authorization code flow with PKCE).

mod id_token;
mod provider;

pub use provider::{Callback, LoginSecrets, Person, Provider, ProviderSettings};

/// Why somebody could not be logged in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenIdError {
    /// The provider was not reached, failed, or did not answer as the standards say.
    #[error("{0}")]
    Unavailable(String),
    /// What came back is no proof that somebody has just logged in there.
    #[error("{0}")]
    Refused(String),
}
