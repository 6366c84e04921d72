use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use stups_api::strict::Invalid;
use stups_auth::{PolicyUnavailable, VerifyError};

/// How long a caller is asked to wait when the service, or something that it depends on, cannot answer now.
pub(crate) const WAIT: Duration = Duration::from_secs(2);

/// An answer that is not a success.
///
/// Handlers return it; the outermost layer of the service renders it, as the caller asks: problem+json when `Accept` prefers it,
/// the originals' shape otherwise (`message` and `details`, or `error` and `error_description`).
#[derive(Clone, Debug)]
pub struct Error {
    /// The HTTP status.
    pub status: StatusCode,
    /// The error code, where the protocol has one: `invalid_grant` (RFC 6749), `BLOB_UNKNOWN` (OCI distribution).
    pub code: Option<&'static str>,
    /// What was wrong, and what would be right. Never a secret, never an internal of ours.
    pub message: String,
    /// The originals' `details`: which field, what was sent, what is allowed.
    pub details: Option<Box<Value>>,
    /// Further headers of the answer: `Retry-After`, `Allow`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Error {
    /// An answer with this status and message.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code: None,
            message: message.into(),
            details: None,
            headers: Vec::new(),
        }
    }

    /// 400: the request is wrong; the message says which field, what was wrong and what would be right.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: there is no token, or it is not valid.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: the caller may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: there is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 409: the request contradicts what is there.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 503: a dependency is away or too slow, the same request may succeed later (contract kio 2.1).
    pub fn unavailable(dependency: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("A dependency is unavailable: {dependency}"),
        )
        .retry_after(WAIT)
    }

    /// 500: a defect of ours, which the log tells and the answer does not.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }

    /// An error of RFC 6749: `Error::oauth(StatusCode::BAD_REQUEST, "invalid_grant", "...")`.
    pub fn oauth(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            ..Self::new(status, description)
        }
    }

    /// An error of the OCI distribution protocol: `Error::oci(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "...")`.
    pub fn oci(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            ..Self::new(status, message)
        }
    }

    /// The same error with details: which field, what was sent, what is allowed.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self {
            details: Some(Box::new(details)),
            ..self
        }
    }

    /// The same error with a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same error with a `Retry-After` header.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<stups_store::Error> for Error {
    fn from(error: stups_store::Error) -> Self {
        match error {
            stups_store::Error::Unavailable(_) => {
                tracing::warn!(%error, "the database is unavailable");
                Self::unavailable("the database does not answer.")
            }
            stups_store::Error::Constraint(_) => {
                tracing::info!(%error, "a constraint of the database refused a write");
                Self::conflict("It is there already, or something that it refers to is gone.")
            }
            stups_store::Error::Text(_) => {
                tracing::info!(%error, "a text cannot be kept");
                Self::bad_request("A text has a character that cannot be kept, such as U+0000.")
            }
            _ => {
                tracing::error!(%error, "the database failed");
                Self::internal()
            }
        }
    }
}

/// What a client sent is not what the schema says: which field, and why.
impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::bad_request(invalid.to_string()).with_details(json!({"field": invalid.place, "reason": invalid.reason}))
    }
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Invalid => Self::unauthorized("Unauthorized"),
            VerifyError::Nobody => Self::forbidden("Forbidden"),
            VerifyError::Unavailable(reason) => {
                tracing::warn!(%reason, "tokens cannot be verified");
                Self::unavailable("tokens cannot be verified now.")
            }
        }
    }
}

impl From<PolicyUnavailable> for Error {
    fn from(error: PolicyUnavailable) -> Self {
        tracing::warn!(%error, "the team service is unavailable");
        Self::unavailable("permissions cannot be checked now.")
    }
}

impl From<stups_api::client::Error> for Error {
    fn from(error: stups_api::client::Error) -> Self {
        use stups_api::client::Error as ClientError;
        match &error {
            ClientError::Status { .. } if !error.is_unavailable() => {
                tracing::error!(%error, "another service refused a call of ours");
                Self::internal()
            }
            ClientError::Unreachable { url, .. }
            | ClientError::Status { url, .. }
            | ClientError::Answer { url, .. }
            | ClientError::Token { url, .. } => {
                tracing::warn!(%error, "another service is unavailable");
                Self::unavailable(format_args!(
                    "{} does not answer as it should.",
                    url.host_str().unwrap_or("a service")
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_later_says_when() {
        for error in [
            Error::from(VerifyError::Unavailable("connection refused to 10.0.0.1".to_owned())),
            Error::from(PolicyUnavailable("connection refused to 10.0.0.1".to_owned())),
        ] {
            assert_eq!(error.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(error.headers.iter().any(|(name, _)| name == RETRY_AFTER));
            assert!(error.message.starts_with("A dependency is unavailable: "), "{error}");
            assert!(!error.message.contains("10.0.0.1"), "{error}");
        }
    }

    #[test]
    fn an_invalid_token_is_401() {
        assert_eq!(Error::from(VerifyError::Invalid).status, StatusCode::UNAUTHORIZED);
    }

    /// It is part of every handler's result.
    #[test]
    fn an_error_is_small() {
        assert!(size_of::<Error>() <= 96, "{}", size_of::<Error>());
    }
}
