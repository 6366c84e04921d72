//! How a Senza command fails.

use stups_terminal::Failure;

/// How a Senza command fails; every variant knows its exit code (contract: exit codes and error mapping).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong usage: bad option or argument, bad parameter binding, unknown component, invalid property value. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A check failed: stack exists, not found, has traffic, name too long. Exit code 1.
    #[error("{0}")]
    Fatal(String),
    /// A definition or parameter file that cannot be used. Exit code 1.
    #[error("{path} is not a valid senza definition: {reason}")]
    InvalidDefinition {
        /// the file or URL as given
        path: String,
        /// what is wrong, with the place inside
        reason: String,
    },
    /// A security group that does not exist. Exit code 1.
    #[error("Security group \"{0}\" does not exist.\nRun `senza init` to (re-)create necessary resources.")]
    SecurityGroupNotFound(String),
    /// AWS said no. Exit code 1.
    #[error(transparent)]
    Aws(#[from] stups_aws::Error),
    /// Reading or writing a file failed. Exit code 1.
    #[error("Could not open file {path}: {source}")]
    File {
        /// the file
        path: String,
        /// why
        source: std::io::Error,
    },
    /// Already shown, or decided by the terminal (declined prompt, Ctrl-C, end of input).
    #[error("{0}")]
    Terminal(#[from] Failure),
}

impl<E, R> From<stups_aws::SdkError<E, R>> for Error
where
    stups_aws::Error: From<stups_aws::SdkError<E, R>>,
{
    fn from(error: stups_aws::SdkError<E, R>) -> Self {
        Self::Aws(error.into())
    }
}

impl Error {
    /// The same failure with an exit code, for [`stups_terminal::Terminal::report`].
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Usage(message) => Failure::usage(message),
            Self::Terminal(failure) => failure,
            other => Failure::application(other.to_string()),
        }
    }
}
