use stups_terminal::Failure;

use crate::tokens::{EndpointError, ServiceTokenError};

/// Why a person gets no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The login failed, was refused, or nobody logged in in time.
    #[error("Authentication failed: {0}")]
    Authentication(String),
    /// A service token could not be had although the program runs as a service.
    #[error(transparent)]
    Service(#[from] ServiceTokenError),
    /// The configuration is not what it should be.
    #[error("Configuration error: {0}")]
    Configuration(String),
    /// The server answered with an error, or not at all.
    #[error("Server error: {0}")]
    Server(String),
    /// A file with tokens could not be read or written.
    #[error("{0}")]
    Files(String),
    /// A question was not answered.
    #[error("{0}")]
    Prompt(Failure),
}

impl From<EndpointError> for TokenError {
    fn from(error: EndpointError) -> Self {
        Self::Server(error.to_string())
    }
}

impl From<Failure> for TokenError {
    fn from(failure: Failure) -> Self {
        Self::Prompt(failure)
    }
}

/// Failed authentication is exit code 2, as in the originals; everything else is 1 (contract zign 2.2).
impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Prompt(failure) => failure,
            TokenError::Authentication(_) => Self::usage(error.to_string()),
            error => Self::application(error.to_string()),
        }
    }
}
