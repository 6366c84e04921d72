//! How a Senza command fails.

use std::io;

use stups_aws::ErrorKind;
use stups_terminal::Failure;

use crate::unknown_error;

/// How a Senza command fails; every variant knows its exit code and its words.
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
    #[error("Security Group \"{0}\" does not exist.\nRun `senza init` to (re-)create the security group.")]
    SecurityGroupNotFound(String),
    /// A program that is not installed. Exit code 1.
    #[error("Command not found: {command}\n{hint}")]
    CommandNotFound {
        /// the program
        command: String,
        /// how to get it
        hint: String,
    },
    /// Somebody else changed weights between the look and the change, which was not made. Exit code 1.
    #[error("{0}")]
    WeightsMoved(String),
    /// AWS said no. Exit code 1.
    #[error(transparent)]
    Aws(stups_aws::Error),
    /// A mistake in Senza itself, at this place in its source. Exit code 1.
    #[error("Unknown Error: internal error at {0}")]
    Panic(String),
    /// Reading or writing a file failed. Exit code 1.
    #[error("Could not open file {path}: {reason}", reason = reason(source))]
    File {
        /// the file
        path: String,
        /// why
        source: io::Error,
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
        stups_aws::Error::from(error).into()
    }
}

impl From<stups_aws::Error> for Error {
    fn from(error: stups_aws::Error) -> Self {
        if error.kind == ErrorKind::Other {
            unknown_error::note_origin();
        }
        Self::Aws(error)
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

    /// Whether nobody expected it.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Aws(error) => error.kind == ErrorKind::Other,
            Self::Panic(_) => true,
            _ => false,
        }
    }

    /// Where an unknown error comes from, for `--stacktrace-visible`; nothing for errors that explain themselves.
    pub(crate) fn origin(&self) -> Option<String> {
        match self {
            Self::Aws(error) => Some(format!(
                "Call: {}:{}\nCode: {}\nMessage: {}",
                error.service,
                error.operation,
                error.code.as_deref().unwrap_or("none"),
                error.message
            )),
            _ => None,
        }
    }
}

/// What the operating system says, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws(kind: ErrorKind, message: &str) -> Failure {
        Error::Aws(stups_aws::Error {
            kind,
            service: "cloudformation".to_owned(),
            operation: "ListStacks".to_owned(),
            code: Some("Code".to_owned()),
            message: message.to_owned(),
        })
        .into_failure()
    }

    #[test]
    fn every_kind_of_failure_has_its_words_and_exit_code() {
        let table = [
            (Error::Usage("wrong".to_owned()).into_failure(), 2, "wrong"),
            (
                Error::Fatal("Stack x not found!".to_owned()).into_failure(),
                1,
                "Stack x not found!",
            ),
            (
                Error::InvalidDefinition {
                    path: "a.yaml".to_owned(),
                    reason: "line 1, column 2: what".to_owned(),
                }
                .into_failure(),
                1,
                "a.yaml is not a valid senza definition: line 1, column 2: what",
            ),
            (
                Error::SecurityGroupNotFound("app-x".to_owned()).into_failure(),
                1,
                "Security Group \"app-x\" does not exist.\nRun `senza init` to (re-)create the security group.",
            ),
            (
                Error::CommandNotFound {
                    command: "piu".to_owned(),
                    hint: "Get it.".to_owned(),
                }
                .into_failure(),
                1,
                "Command not found: piu\nGet it.",
            ),
            (
                Error::File {
                    path: "a.yaml".to_owned(),
                    source: io::Error::from_raw_os_error(13),
                }
                .into_failure(),
                1,
                "Could not open file a.yaml: Permission denied",
            ),
            (Error::Terminal(Failure::aborted()).into_failure(), 1, "Aborted!"),
            (
                aws(ErrorKind::Validation, "Stack [x] does not exist"),
                1,
                "Validation Error: Stack [x] does not exist",
            ),
        ];
        for (failure, exit_code, message) in table {
            assert_eq!((failure.exit_code, failure.message.as_str()), (exit_code, message));
        }
    }
}
