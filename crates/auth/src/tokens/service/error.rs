use crate::tokens::EndpointError;

/// Why there is no service token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceTokenError {
    /// Nothing says where to ask: this program does not run as a service.
    #[error("Configuration error: {0}")]
    Configuration(String),
    /// The credential files are not there or not what they should be.
    #[error("Invalid OAuth credentials: {0}")]
    Credentials(String),
    /// A token file is there but cannot be read.
    #[error("{0}")]
    File(String),
    /// The provider was asked and gave none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl ServiceTokenError {
    /// Whether this only means that the program does not run as a service, so that a person may log in instead.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Configuration(_) | Self::Credentials(_))
    }
}
