//! What a failed call becomes.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// no credentials anywhere in the chain
    NoCredentials,
    /// the credentials were valid once
    ExpiredCredentials,
    /// the caller may not do this
    AccessDenied,
    /// AWS refused the request's content (`ValidationError`)
    Validation,
    /// too many requests, and still after the last retry
    Throttled,
    /// no answer: connection refused, time out, TLS
    Unreachable,
    /// any other answer
    Other,
}

/// A failed AWS call. `Display` is one line that says what a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// what kind of failure it was
    pub kind: ErrorKind,
    /// the service, as IAM spells it: `cloudformation`, `ec2`
    pub service: String,
    /// the operation: `DescribeStacks`
    pub operation: String,
    /// AWS's error code, when there was an answer
    pub code: Option<String>,
    /// AWS's message, or why there was no answer
    pub message: String,
}

impl Error {
    /// Whether AWS answered with this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl<E, R> From<SdkError<E, R>> for Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let _ = error;
        todo!()
    }
}
