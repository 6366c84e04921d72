use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

/// How many characters of a service's message are shown.
const MESSAGE_LIMIT: usize = 500;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token could be had, so the call was not made.
    #[error("no token for {url}: {reason}")]
    Token {
        /// The service that was to be called.
        url: Box<Url>,
        /// What the token source said.
        reason: String,
    },
    /// The service was not reached, was too slow, or broke off.
    #[error("{url} cannot be reached: {}", cause(.source))]
    Unreachable {
        /// What was called, without its query.
        url: Box<Url>,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The service refused or failed.
    #[error("{url} answered {status}: {message}")]
    Status {
        /// What was called, without its query.
        url: Box<Url>,
        /// The HTTP status.
        status: StatusCode,
        /// The OAuth error code, when the answer has one: `invalid_grant`.
        code: Option<String>,
        /// What the service said, one line.
        message: String,
        /// How long the service asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The answer was not what the contract says.
    #[error("{url} answered something that is not expected: {reason}")]
    Answer {
        /// What was called, without its query.
        url: Box<Url>,
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

    /// The OAuth error code, when the service answered with one: `authorization_pending`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Status { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Whether the service is away, overloaded or out of its mind, so that the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Answer { .. } => true,
            Self::Status { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Token { .. } => false,
        }
    }
}

/// The text without line breaks and other control characters, cut to what a person reads.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(MESSAGE_LIMIT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>();
    if text.chars().nth(MESSAGE_LIMIT).is_some() {
        line.push('…');
    }
    line
}

/// The innermost cause of a failed call, which says what happened: `Connection refused`.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    one_line(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_bounded_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31mc"), "a  b [31mc");
        assert_eq!(one_line(&"x".repeat(600)).chars().count(), MESSAGE_LIMIT + 1);
    }
}
