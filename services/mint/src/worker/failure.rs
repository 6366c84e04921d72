use std::time::Duration;

use stups_api::client::Error as ClientError;

/// How long all is left alone after a service said that it was asked too often (contract mint-berry 2.7, 2d).
const PAUSE: Duration = Duration::from_secs(90);

/// Why the steps for an application ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// A secret could not be stored: counted, and tried again later and later.
    #[error("Unwritable buckets: {0}")]
    Unwritable(String),
    /// A bucket failed a short time ago, and its time to be tried again (milliseconds since 1970 UTC) has not come.
    #[error("Unwritable buckets: {message}")]
    Waiting {
        /// Which, and what they said.
        message: String,
        /// When to try again.
        until: i64,
    },
    /// Somebody was asked too often: the cycle ends, and none begins for so many milliseconds.
    #[error("{message}")]
    TooManyRequests {
        /// Who, and what they said.
        message: String,
        /// Milliseconds.
        pause: i64,
    },
    /// Another worker has the application now, or it is gone: nothing is done any more, and nothing said.
    #[error("another worker has the application now")]
    LostLease,
    /// Anything else: told, and tried again in the next cycle.
    #[error("{0}")]
    Other(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Status {
                status, retry_after, ..
            } if status.as_u16() == 429 => Self::TooManyRequests {
                message,
                pause: retry_after
                    .unwrap_or(PAUSE)
                    .max(PAUSE)
                    .as_millis()
                    .try_into()
                    .unwrap_or(i64::MAX / 4),
            },
            _ => Self::Other(message),
        }
    }
}

impl From<stups_store::Error> for Failure {
    fn from(error: stups_store::Error) -> Self {
        Self::Other(error.to_string())
    }
}
